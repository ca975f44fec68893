# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks on other people's heads, from pictures alone, against vertices that people have picked on FLAME."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.folders import cache_folder
from microface.backend.heads import load_head, portrait_tracker, prepared, record, with_landmarks
from microface.backend.summary import terms
from microface.models.head.crossing import crossing_along, crossing_pairs
from microface.models.head.embedding import TURNS, embed
from microface.models.head.model import FLIP, HeadModel, fingerprint
from microface.models.head.mouth import STRENGTHS
from microface.models.head.raster import project, rasterise
from microface.models.head.read.recognise import read_any_head
from microface.models.head.units import UNIT_NAMES
from scipy.spatial.transform import Rotation

#: Multi-PIE's 68 points, and the tracker's points at the same place along jaw, brow, nose, lid and lip.
PLACES = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 405, 17, 181, 91, 78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
JAW = 17  # the first points run along the outline, which is no place on the skin


@pytest.fixture(scope="module")
def flame(shared: Path, built: None, flame_arrays: Any, tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    """The real template with the real shape directions: invented ones make no faces."""
    if not (shared / "data" / "flame" / "flame2023_open_partial.npz").is_file():
        pytest.skip("no real FLAME template")
    path = tmp_path_factory.mktemp("flame") / "flame2023_Open.npz"
    directions = np.concatenate([flame_arrays["shapedirs"][..., :60], flame_arrays["shapedirs"][..., 300:302]], 2)
    np.savez(path, **flame_arrays | {"shapedirs": directions, "supr_expression_metadata": {"n_expr": 2}})
    return read_any_head(path)


def _errors_mm(head: HeadModel, shared: Path) -> np.ndarray:
    """(68,) distance of the landmarks from the picked vertices, NaN for a landmark that the head has not."""
    picked = np.load(shared / "data" / "flame" / "flame2023_open_partial.npz")["landmarks68_vertex"]
    at = dict(zip(head.landmark_index.tolist(), head.landmark_points(head.template), strict=True))
    gap = [np.linalg.norm(at[k] - head.template[v]) if k in at else np.nan for k, v in zip(PLACES, picked, strict=True)]
    return 1000 * np.array(gap)


def _with(head: HeadModel, found: tuple[Any, Any, Any]) -> HeadModel:
    return replace(head, landmark_index=found[0], landmark_triangle=found[1], landmark_weight=found[2])


def test_landmarks_lie_where_people_pick_them(flame: HeadModel, shared: Path) -> None:
    """Five turns of the mean head; the full set is the next test."""
    errors = _errors_mm(_with(flame, embed(flame, portrait_tracker(), TURNS[:5], people=1)), shared)
    inner = errors[JAW:]
    assert np.isfinite(inner).all()
    assert np.median(inner) < 2.5 and np.nanmedian(errors) < 3.0
    assert np.median(inner[19:31]) < 1.6  # eyes, the sharpest


@pytest.mark.long
def test_landmarks_of_a_new_head_and_its_cache(
    flame: HeadModel, shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path))
    told: list[float] = []
    head = prepared(flame, lambda stage, share: told.append(share))
    errors = _errors_mm(head, shared)
    assert np.median(errors[JAW:]) < 2.5
    assert np.median(np.nan_to_num(errors, nan=np.inf)) < 2.5  # of all 68: ten of the outline are not found
    assert len(head.landmark_index) > 430
    assert told == sorted(told) and told[0] == 0 and 0.9 < told[-1] < 1
    (kept,) = cache_folder("heads").iterdir()

    def never(stage: str, share: float) -> None:
        raise AssertionError("tracked again")

    again = prepared(flame, never)
    np.testing.assert_array_equal(again.landmark_index, head.landmark_index)
    np.testing.assert_allclose(again.landmark_weight, head.landmark_weight, atol=1e-7)
    assert again.sha256 == head.sha256 != fingerprint(flame)  # with named units it is another space
    assert head.expression_names == (*flame.expression_names, *UNIT_NAMES)
    kept.write_bytes(b"damaged")
    with pytest.raises(AssertionError, match="tracked again"):
        prepared(flame, never)


@pytest.fixture(scope="module")
def whole(flame: HeadModel) -> HeadModel:
    """FLAME with landmarks and named units; 20 s."""
    return prepared(flame)


def _unit(head: HeadModel, name: str) -> np.ndarray:
    return head.expression[head.expression_names.index(name)]


@pytest.mark.long
def test_shut_lids_meet_and_hide_the_eye(whole: HeadModel, shared: Path) -> None:
    picked = np.load(shared / "data" / "flame" / "flame2023_open_partial.npz")["landmarks68_vertex"]
    camera = np.array([[3000.0, 0, 200], [0, 3000, 200], [0, 0, 1]])
    for side, joint, upper, lower in (("Left", 3, [43, 44], [47, 46]), ("Right", 4, [37, 38], [41, 40])):
        eye = np.isin(whole.faces, np.flatnonzero(whole.weights[:, joint] > 0.5)).all(1)
        shut = _unit(whole, f"eyeBlink{side}")
        place = whole.template + shut
        gap = (place[picked[upper]] - place[picked[lower]])[:, 1]
        assert np.abs(gap).max() < 2e-3  # 9 mm at rest
        seen = []
        for strength, turn in ((0, 0), (0.5, 0), (1, 0), (1, 25), (1, -25)):
            turned = Rotation.from_euler("y", turn, degrees=True).as_matrix().T @ FLIP
            moved = (whole.template + strength * shut - whole.joint_template[joint]) @ turned + [0, 0, 1]
            triangle, _ = rasterise(project(moved, camera), whole.faces, 400, 400)
            seen.append(int(eye[triangle[triangle >= 0]].sum()))
        assert seen[1] > 0.2 * seen[0] > 200 and seen[2:] == [0, 0, 0]


def _motions(head: HeadModel) -> dict[str, np.ndarray]:
    """(V, 3) m: the motions whose crossings count. mouthClose is used on an open jaw, so it counts there as well."""
    units = {name: _unit(head, name) for name in UNIT_NAMES}
    return units | {"closed on an open jaw": units["mouthClose"] + units["jawOpen"]}


def _fresh(head: HeadModel, motion: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Pairs more than at rest at each strength."""
    skin = head.faces[np.array(head.part_names)[head.face_part] == "skin"]
    size = np.linalg.norm(motion, axis=1)
    if size.max() < 1e-5:  # FLAME's tongue
        return np.zeros(len(strengths), int)
    ends = np.concatenate([head.template[size > 1e-5], (head.template + motion)[size > 1e-5]])
    middle = head.template[skin].mean(1)
    skin = skin[((middle > ends.min(0) - 0.015) & (middle < ends.max(0) + 0.015)).all(1)]  # no triangle is as large
    counts = np.array([len(pairs) for pairs in crossing_along(head.template, motion, skin, strengths)])
    return counts - len(crossing_pairs(head.template, skin))


@pytest.mark.long
def test_no_more_triangles_cross_than_on_the_generic_head(whole: HeadModel) -> None:
    """Beyond those that cross at rest, FLAME's lips overlap in 145 places, the generic head's in 44: at every strength the
    lips are parted for, an eighth of a hundredth apart from 0.02 on, a quarter from 0.1 on. Halfway between, 4 pairs at most."""
    strengths = np.sort(np.concatenate([STRENGTHS, (STRENGTHS[1:] + STRENGTHS[:-1]) / 2]))
    mine, generic = (
        {name: _fresh(head, motion, strengths) for name, motion in _motions(head).items()}
        for head in (whole, load_head("generic"))
    )
    more, on = {name: mine[name] - generic[name] for name in mine}, np.isin(strengths, STRENGTHS)
    assert {name: int(each[on].max()) for name, each in more.items() if each[on].max() > 0} == {}
    between = {name: int(each[~on].max()) for name, each in more.items()}
    assert max(between.values()) <= 4, between
    quarters = np.searchsorted(strengths, [0.25, 0.5, 0.75, 1])
    totals = [sum(np.maximum(each[quarters], 0) for each in counts.values()) for counts in (mine, generic)]
    assert (totals[0] < 0.25 * totals[1]).all()


def test_a_take_carries_the_terms_of_its_head(flame: HeadModel) -> None:
    told = record(flame)
    assert told["sha256"] == flame.sha256
    said = terms(told)
    assert said.startswith("FLAME 2023 Open; CC-BY-4.0") and "please cite" in said and "Romero" in said
    assert terms(record(replace(flame, name="generic", citation=""))) == "generic"
    assert terms({}) == "unknown"


def test_a_head_without_a_face_is_one_clear_error(flame: HeadModel) -> None:
    with pytest.raises(MicrofaceError, match="recognises no face on the head 'FLAME 2023 Open'") as caught:
        with_landmarks(flame, lambda picture: None)
    assert caught.value.code == "no_landmarks"


def test_finding_landmarks_can_be_cancelled(flame: HeadModel) -> None:
    def stop(stage: str, share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        with_landmarks(flame, lambda picture: None, stop)


def test_a_head_with_landmarks_needs_no_tracker(built: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from microface.models.assets import asset_path

    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path))
    assert load_head(str(asset_path("generic_head.npz"))).sha256 == load_head("generic").sha256
    assert list(tmp_path.iterdir()) == []
