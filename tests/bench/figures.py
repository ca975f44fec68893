# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of one reconstructed clip: those of score.py, its events, and whether its error bars hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from microface.backend.deviation import motion_deviation
from microface.backend.mesh import vertices_at
from microface.backend.types import Event, Take
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from numpy.typing import NDArray

from .score import LEAST_COVERAGE, compare, displacement, tied_points

Floats = NDArray[np.float64]
MATCH = 0.5  # IoU of a found event and a true one
NAMED = 0.3  # IoU of a blink or a glance that was named


def figures(folder: Path, take: Take, head: HeadModel) -> dict[str, Any]:
    """Everything that the tables are made of, of the clip in `folder`.

    Raises:
        ValueError: frames without a result, or too little of the face under the mesh.
    """
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    with np.load(folder / "truth.npz") as truth:
        vertices, camera = truth["vertices"].astype(float), truth["K"]
    true, claimed, std, covered = motions(vertices, camera, take, head, meta)
    found = against_truth(true, claimed, meta)
    found["coverage"] = float(covered.mean())
    during = slice(meta["onset"], meta["offset"] + 1) if meta["amp_px"] else slice(None)
    found |= calibration(true[during][:, covered], claimed[during][:, covered], std[during])
    return {**found, **event_figures(take.events, meta), "noise_px": dict(take.noise_px)}


def motions(
    vertices: Floats, camera: Floats, take: Take, head: HeadModel, meta: dict[str, Any]
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """True and claimed motion (T, N, 3) px, the claim's deviation (T, n, 3) where the mesh covers the face, and where (N,)."""
    mesh = np.stack([vertices_at(take, head, frame) for frame in range(len(take.time_s))])
    if len(mesh) != len(vertices) or not np.isfinite(mesh).all():
        known = int(np.isfinite(mesh[:, 0, 0]).sum())
        raise ValueError(f"the take has a result in {known} of {len(vertices)} frames")
    first = project(vertices[0], camera)
    covered, points = tied_points(mesh, head.faces, take.camera, first, meta)
    if covered.mean() < LEAST_COVERAGE:
        raise ValueError(f"the mesh covers {covered.mean():.0%} of the face in the first frame")
    true = displacement(vertices, camera[0, 0])
    true[:, covered] = displacement(vertices[:, covered], camera[0, 0])
    claimed = np.zeros_like(true)
    claimed[:, covered] = displacement(points, take.camera[0, 0])
    std = motion_deviation(take, head, _carriers(mesh[0], points[0], head))
    return true, claimed, std * take.camera[0, 0] / points[0, :, 2].mean(), covered


def _carriers(first: Floats, points: Floats, head: HeadModel) -> NDArray[np.int64]:
    """(n,) the vertex nearest to each point (n, 3) of the first frame: deviations are smooth enough."""
    face = np.flatnonzero(head.face_mask)
    away = ((points[:, None] - first[face][None]) ** 2).sum(2)
    return np.asarray(face[away.argmin(1)])


def calibration(true: Floats, claimed: Floats, std: Floats) -> dict[str, float]:
    """Share of the truth within one and two deviations, in the picture and in depth; 0.68 and 0.95 are right.

    Args:
        true: (T, n, 3) px, laid rigidly on the first frame.
        claimed: (T, n, 3) px, likewise.
        std: (T, n, 3) px, of the claimed.
    """
    ratio = np.abs(true - claimed) / np.maximum(std, 1e-9)
    return {
        "within1": float((ratio[..., :2] < 1).mean()), "within2": float((ratio[..., :2] < 2).mean()),
        "within1z": float((ratio[..., 2] < 1).mean()), "within2z": float((ratio[..., 2] < 2).mean()),
        "std_px": float(np.sqrt((std[..., :2] ** 2).mean())),
        "rmse_px": float(np.sqrt(((true - claimed)[..., :2] ** 2).mean())),
    }  # fmt: skip


def against_truth(true: Floats, claimed: Floats, meta: dict[str, Any]) -> dict[str, Any]:
    """score.py's figures; the floor is what is wrong outside the event, so that talking and blinking are no error."""
    wrong = np.linalg.norm((claimed - true)[..., :2], axis=2)
    if not meta["amp_px"]:
        return {"floor_px": _rms(wrong), "peak_false_px": float(wrong.max())}
    found: dict[str, Any] = dict(compare(true, claimed, meta))
    quiet = np.r_[: meta["onset"], meta["offset"] + 1 : len(true)]
    found["floor_px"], found["peak_false_px"] = _rms(wrong[quiet]), float(wrong[quiet].max())
    return found


def event_figures(events: tuple[Event, ...], meta: dict[str, Any]) -> dict[str, Any]:
    """How many events were found, missed and invented, and the size of the one that was found."""
    true = {kind: [e for e in meta["events"] if e["kind"] == kind] for kind in ("micro", "blink", "gaze")}
    shown = [e for e in events if e.kind in ("micro", "macro")]
    pairs = [(t, max(shown, key=lambda e, t=t: overlap(e, t))) for t in true["micro"] if shown]
    hits = [(t, e) for t, e in pairs if overlap(e, t) >= MATCH]
    found: dict[str, Any] = {
        "seconds": meta["frames"] / meta["fps"], "events_true": len(true["micro"]), "events_hit": len(hits),
        "events_false": len(shown) - len(hits), "blinks_true": len(true["blink"]), "gazes_true": len(true["gaze"]),
    }  # fmt: skip
    for kind in ("blink", "gaze"):
        named = [e for e in events if e.kind == kind]
        met = [e for e in named if any(overlap(e, t) >= NAMED for t in true[kind])]
        found[f"{kind}s_named"] = sum(any(overlap(e, t) >= NAMED for e in named) for t in true[kind])
        found[f"{kind}s_false"] = len(named) - len(met)
    for t, e in hits[:1]:
        found |= {"event_px": e.peak_px, "event_std_px": e.peak_std_px, "event_error_px": e.peak_px - t["peak_px"]}
    return found


def overlap(found: Event, true: dict[str, Any]) -> float:
    """IoU of two intervals of time."""
    both = min(found.offset_s, true["offset_s"]) - max(found.onset_s, true["onset_s"])
    either = max(found.offset_s, true["offset_s"]) - min(found.onset_s, true["onset_s"])
    return max(both, 0.0) / max(either, 1e-9)


def _rms(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))
