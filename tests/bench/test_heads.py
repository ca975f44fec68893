# SPDX-License-Identifier: GPL-3.0-or-later
"""The development clips on a published head's topology, from its own file, against the generic head."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.heads import load_head
from microface.backend.mesh import write_mesh
from microface.backend.pipeline import reconstruct
from microface.backend.types import Settings
from microface.models.head.embedding import INNER_LIPS
from microface.models.head.raster import project
from microface.tests.bench.score import score, tied_points
from scipy.spatial import Delaunay

CLIPS = ("d1_smile_2px", "d2_surprise_1px", "d3_anger_1px", "d4_disgust_05px")
MARGIN = 1.15
FALSE_PX = 0.10
COVERED = 0.97


@pytest.fixture(scope="module")
def flame(
    shared: Path, built: None, published: Any, flame_arrays: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The real template with the 60 real shape directions, in the file of 2023 Open."""
    if not (shared / "data" / "flame" / "flame2023_open_partial.npz").is_file():
        pytest.skip("no real FLAME template")
    path = tmp_path_factory.mktemp("flame") / "flame2023_Open.pkl"
    directions = np.concatenate([flame_arrays["shapedirs"][..., :60], flame_arrays["shapedirs"][..., 300:302]], 2)
    few = published.flame_2020(flame_arrays | {"shapedirs": directions})
    path.write_bytes(published.python2_pickle(few | {"supr_expression_metadata": {"n_expr": 2}}))
    return path


def _figures(clip: Path, head: str, out: Path) -> dict[str, float]:
    take = reconstruct(clip / "clip.mp4", Settings(head=head), lambda stage, share: None)
    write_mesh(out, take, load_head(head), lambda stage, share: None)
    figures: dict[str, float] = score(clip, out)
    print(f"\n{clip.name} {Path(head).name} {json.dumps({name: round(value, 3) for name, value in figures.items()})}")
    return figures | {"events": len(take.events)}


def _covered_beside_the_mouth(clip: Path, head: str, out: Path) -> float:
    """FLAME has no teeth: what is seen between parted lips has nothing on it. All else must be covered."""
    meta, model = json.loads((clip / "meta.json").read_text()), load_head(head)
    with np.load(clip / "truth.npz") as truth, np.load(out) as mesh:
        true_px = project(truth["vertices"][0].astype(float), truth["K"])
        first, faces, camera = mesh["vertices"][:1].astype(float), mesh["faces"], mesh["K"]
    covered, _ = tied_points(first, faces, camera, true_px, meta)
    lips = project(model.landmark_points(first[0]), camera)[np.isin(model.landmark_index, INNER_LIPS), :2]
    between = Delaunay(lips).find_simplex(true_px[:, :2]) >= 0
    return float(covered[~between].mean())


@pytest.mark.long
@pytest.mark.parametrize("name", CLIPS)
def test_flames_topology_scores_like_the_generic_head(name: str, shared: Path, flame: Path, tmp_path: Path) -> None:
    clip = shared / "bench" / "dev" / name
    own, theirs = (_figures(clip, head, tmp_path / "mesh.npz") for head in ("generic", str(flame)))
    covered = _covered_beside_the_mouth(clip, str(flame), tmp_path / "mesh.npz")
    print(f"{clip.name} covered beside the mouth {covered:.3f}")
    assert covered >= COVERED
    assert theirs["err3d"] <= MARGIN * own["err3d"]
    assert theirs["err2d"] <= MARGIN * own["err2d"]
    assert theirs["floor_px"] <= FALSE_PX


@pytest.mark.long
def test_a_still_face_stays_still_on_flame(shared: Path, flame: Path, tmp_path: Path) -> None:
    clip = shared / "bench" / "dev" / "d5_still"
    own, theirs = (_figures(clip, head, tmp_path / "mesh.npz") for head in ("generic", str(flame)))
    assert max(own["floor_px"], theirs["floor_px"]) <= FALSE_PX
    assert own["events"] == theirs["events"] == 0
