# SPDX-License-Identifier: GPL-3.0-or-later
"""Score a mesh, whatever its topology, against a clip whose true motion is known: `python score.py CLIPDIR MESH.npz`.

CLIPDIR holds truth.npz (vertices (T, N, 3), visible points of the face in camera space, any unit; K (3, 3)) and meta.json
(width, height, onset, apex, offset, amp_px). Every true point is tied to the point of the mesh that covers it in the first
frame. Both clouds are laid rigidly on their first frame, and what is left is compared in pixels at the face's depth.

Errors are relative to the true motion: 1 = claiming none. Prints one line of JSON:

err2d, err3d, errz   RMS error during the event: in the picture, in space, in depth
depth_share          share of the true motion's energy that is depth
floor_px             RMS motion claimed outside the event; in a still clip the whole clip, with the largest as peak_false_px
signal_px            RMS true motion at the apex
corr, gain           correlation with and slope against the true course in time, along the true motion at the apex
apex_err             frames between the true apex and the largest claimed motion
coverage             share of the true face that the mesh covers in the first frame
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if "microface" not in sys.modules:  # run as a script
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
from microface.models.head.raster import project, rasterise

Points = NDArray[np.float64]
LEAST_COVERAGE = 0.9


def score(clip: Path, mesh: Path) -> dict[str, float | int]:
    """Score the mesh sequence of one clip.

    Raises:
        ValueError: when the mesh has other frames than the clip, frames without a result, or covers too little of the face.
    """
    meta = json.loads((clip / "meta.json").read_text(encoding="utf-8"))
    with np.load(clip / "truth.npz") as truth:
        true, true_camera = truth["vertices"].astype(float), truth["K"]
    with np.load(mesh) as found:
        vertices, faces, camera = found["vertices"].astype(float), found["faces"], found["K"]
    if len(vertices) != len(true) or not np.isfinite(vertices).all():
        raise ValueError(f"the mesh has a result in {int(np.isfinite(vertices[:, 0, 0]).sum())} of {len(true)} frames")
    covered, points = tied_points(vertices, faces, camera, project(true[0], true_camera), meta)
    if covered.mean() < LEAST_COVERAGE:
        raise ValueError(f"the mesh covers {covered.mean():.0%} of the face in the first frame")
    truth_px = displacement(true, true_camera[0, 0])
    truth_px[:, covered] = displacement(true[:, covered], true_camera[0, 0])
    claimed_px = np.zeros_like(truth_px)  # nothing is claimed where the mesh does not cover the face
    claimed_px[:, covered] = displacement(points, camera[0, 0])
    return {**compare(truth_px, claimed_px, meta), "coverage": float(covered.mean())}


def tied_points(
    vertices: Points, faces: NDArray[np.int32], camera: Points, true_px: Points, meta: dict[str, Any]
) -> tuple[NDArray[np.bool_], Points]:
    """Which true points (N,) the mesh covers in the first frame, and the points (T, n, 3) of the mesh that do."""
    size = meta["width"], meta["height"]
    seen = [(turned, *rasterise(project(vertices[0], camera), turned, *size)) for turned in (faces, faces[:, ::-1])]
    faces, triangle, weight = max(seen, key=lambda view: (view[1] >= 0).sum())  # either winding is allowed
    x, y = np.round(true_px[:, :2]).astype(int).T
    covered = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    covered[covered] &= triangle[y[covered], x[covered]] >= 0
    corner = faces[triangle[y[covered], x[covered]]]
    return covered, np.einsum("tnkc,nk->tnc", vertices[:, corner], weight[y[covered], x[covered]])


def displacement(points: Points, focal: float) -> Points:
    """(T, N, 3) px: motion since the first frame that no rigid motion explains, at the mean depth of the face."""
    return np.stack([_laid_on(cloud, points[0]) - points[0] for cloud in points]) * focal / points[0, :, 2].mean()


def _laid_on(cloud: Points, target: Points) -> Points:
    """The points (N, 3) turned and moved rigidly onto others, least squares."""
    centre, there = cloud.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((cloud - centre).T @ (target - there))
    mirror = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    return (cloud - centre) @ (vt.T @ mirror @ u.T).T + there


def compare(true: Points, claimed: Points, meta: dict[str, Any]) -> dict[str, float | int]:
    """Figures of displacements (T, N, 3) px against the true ones."""
    if meta["amp_px"] == 0:
        size = np.linalg.norm(claimed[..., :2], axis=2)
        return {"floor_px": _rms(size), "peak_false_px": float(size.max())}
    event, apex = slice(meta["onset"], meta["offset"] + 1), meta["apex"]
    quiet = np.r_[: meta["onset"], meta["offset"] + 1 : len(true)]
    along, claimed_along = _course(true, true[apex]), _course(claimed, true[apex])
    return {
        "err3d": _relative(true[event], claimed[event]),
        "err2d": _relative(true[event, :, :2], claimed[event, :, :2]),
        "errz": _relative(true[event, :, 2:], claimed[event, :, 2:]),
        "depth_share": float((true[event, :, 2] ** 2).sum() / (true[event] ** 2).sum()),
        "floor_px": _rms(np.linalg.norm(claimed[quiet, :, :2], axis=2)),
        "signal_px": _rms(np.linalg.norm(true[apex, :, :2], axis=1)),
        "corr": float(np.corrcoef(along, claimed_along)[0, 1]),
        "apex_err": abs(int(np.argmax(claimed_along)) - apex),
        "gain": float(claimed_along @ along / (along @ along)),
    }


def _course(motion: Points, pattern: Points) -> Points:
    """(T,) how much of a pattern (N, 3) a motion (T, N, 3) holds, in the picture."""
    return (motion[..., :2] * pattern[:, :2]).sum((1, 2)) / (pattern[:, :2] ** 2).sum()


def _rms(values: Points) -> float:
    return float(np.sqrt((values**2).mean()))


def _relative(true: Points, claimed: Points) -> float:
    return float(np.sqrt(((true - claimed) ** 2).sum() / (true**2).sum()))


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        sys.exit("usage: score.py CLIPDIR MESH.npz")
    try:
        figures = score(Path(arguments[0]), Path(arguments[1]))
    except (ValueError, OSError) as error:
        sys.exit(f"score.py: {error}")
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
