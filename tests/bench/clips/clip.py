# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plan to clip.mp4, truth.npz and meta.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..score import displacement
from .encoder import write_video
from .face import Face
from .faces import find_face
from .landmarks import LIDS
from .performance import Performance
from .plan import Plan
from .script import write_script

Floats = NDArray[np.float64]
POINTS = 1500  # true points, about
BESIDE = 0.02  # face widths beside a lid that sweeps
AT_REST = 0.01  # of the apex: less motion is none


def make(plan: Plan, out: Path, shared: Path) -> Path:
    """Write the clip and its truth in a folder, unless they are there; `score.py` describes them."""
    meta = {**plan.meta(), "made_by": made_by()}
    described = out / "meta.json"
    if described.exists():
        known = json.loads(described.read_text(encoding="utf-8"))
        if {name: known.get(name) for name in meta} == meta:
            return out
    out.mkdir(parents=True, exist_ok=True)
    performance = perform(plan, shared)
    write_video(out / "clip.mp4", recorded(performance), plan.fps, plan.crf)
    places = true_places(performance)
    vertices = np.stack([performance.points(frame, places).T for frame in range(plan.frames)])
    truth = {"vertices": vertices.astype(np.float32), "K": performance.face.camera}
    np.savez_compressed(out / "truth.npz", **truth)
    meta |= timing(vertices, performance)
    described.write_text(json.dumps(meta, indent=1), encoding="utf-8")  # last: the clip is whole
    return out


@cache
def made_by() -> str:
    """Of these sources: a clip that an older version made is made anew."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def perform(plan: Plan, shared: Path) -> Performance:
    return Performance(dented(find_face(plan, shared), plan), write_script(plan), plan)


def dented(face: Face, plan: Plan) -> Face:
    """The same picture on a surface that is smoothly wrong, by `dent_mm` at most."""
    rng = np.random.default_rng([plan.seed, 5])
    dent = gaussian_filter(rng.standard_normal(face.depth.shape), 0.15 * face.width_px / face.lattice.step, mode="wrap")
    return replace(face, depth=face.depth + 1e-3 * plan.dent_mm * dent / np.abs(dent[face.oval]).max())


def true_places(performance: Performance) -> Floats:
    """(2, N) px: nodes on the skin of the face; without the upper lids, which sweep, when there are blinks."""
    face = performance.face
    skin = face.skin.copy()
    if performance.plan.blinks:
        around = 2 * round(BESIDE * face.width_px / face.lattice.step) + 1
        skin &= ~cv2.dilate(face.inside(LIDS).astype(np.uint8), np.ones((around, around))).astype(bool)
    step = max(1, round(np.sqrt(skin.sum() / POINTS)))
    spread = np.zeros_like(skin)
    spread[::step, ::step] = skin[::step, ::step]
    return face.lattice.nodes[:, spread]


def recorded(performance: Performance) -> Iterator[NDArray[np.uint8]]:
    """What a camera makes of it: flicker, a lamp that changes from one side, and the sensor's noise, in the luma."""
    plan = performance.plan
    rng = np.random.default_rng([plan.seed, 6])
    across = np.linspace(0, 1, plan.width, dtype=np.float32)[None, :, None]
    for frame in range(plan.frames):
        mains = 1 + plan.flicker * np.sin(2 * np.pi * (100 / plan.fps * frame * 1.003 + 0.1))
        lamp = 1 + plan.light * frame / max(plan.frames - 1, 1) * (across - 0.3)
        noise = plan.noise * rng.standard_normal((plan.height, plan.width, 1), np.float32)
        picture = performance.picture(frame) * (mains * lamp).astype(np.float32) + noise
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8)


def timing(vertices: Floats, performance: Performance) -> dict[str, Any]:
    """Frames of the event's onset, apex and offset, and all events with their kinds, seconds."""
    plan, script = performance.plan, performance.script
    events: list[dict[str, Any]] = [
        {"kind": g.kind, "onset_s": g.start_s, "apex_s": g.apex_s, "offset_s": g.stop_s} for g in script.gestures
    ]
    onset = apex = offset = 0
    if plan.amp_px:
        size = np.sqrt((expression(performance) ** 2).sum((1, 2)))
        moving = np.flatnonzero(size > AT_REST * size.max())
        onset, apex, offset = max(int(moving[0]) - 1, 0), int(size.argmax()), min(int(moving[-1]) + 1, plan.frames - 1)
        seconds = {f"{name}_s": k / plan.fps for name, k in (("onset", onset), ("apex", apex), ("offset", offset))}
        events.insert(0, {"kind": "micro", **seconds, "peak_px": plan.amp_px})
    motion = displacement(vertices, performance.face.camera[0, 0])
    units = [{"name": u.name, "start_s": u.start_s, "peak_s": u.peak_s, "stop_s": u.stop_s} for u in script.units]
    return {
        "onset": onset, "apex": apex, "offset": offset, "events": events, "units": units if plan.amp_px else [],
        "speech": plan.speech_px > 0, "signal_px": float(np.sqrt((motion[apex, :, :2] ** 2).sum(1).mean())),
    }  # fmt: skip


def expression(performance: Performance) -> Floats:
    """(T, N, 2) px: what the units alone do to the skin."""
    face = performance.face
    silent = Performance(face, performance.script, replace(performance.plan, speech_px=0))
    moved = np.stack([silent.expression(frame) for frame in range(silent.plan.frames)])
    return moved[:, :, face.skin].transpose(0, 2, 1)
