# SPDX-License-Identifier: GPL-3.0-or-later
"""Other views of the captured motion: with fewer keys, smoother, or on the scene's frames.

Each is an Action of its own that takes the raw one's place on the head and points to it. It is always made from the raw
Action, so views do not pile up, and the way back is to assign the raw one again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.curve_edit import at_frames, kept_keys, smoothed
from ...backend.errors import MicrofaceError
from ..compat import channelbag
from ..curve_views import RAW
from .action import LINEAR, key_path
from .captured import points_of
from .rate import rate

Array = NDArray[np.float64]
Change = Callable[[str, Array, Array], tuple[Array, Array]]  # path, frames (N,), values (N, C) -> those of the view


TRIES = 12


@dataclass(frozen=True)
class Reduced:
    """What a reduction did."""

    before: int  #: keys
    after: int
    error_m: float  #: largest distance of any vertex from the raw motion, at any raw key


def raw_action(head: bpy.types.Object) -> bpy.types.Action:
    """The raw Action of a head.

    Raises:
        MicrofaceError: ``no_keys``.
    """
    animation = head.data.shape_keys.animation_data
    if not animation or not animation.action:
        raise MicrofaceError("no_keys", f"{head.name} has no Action.", "Choose a head that is animated.")
    return animation.action.get(RAW) or animation.action


def show_raw(head: bpy.types.Object) -> None:
    """Put the raw Action back."""
    _assign(head, raw_action(head))


def smooth(scene: bpy.types.Scene, head: bpy.types.Object, cutoff_hz: float) -> None:
    """Let through what is slower than `cutoff_hz`, where the amplitude is halved; nothing is delayed."""
    sigma = np.sqrt(2 * np.log(2)) / (2 * np.pi * cutoff_hz) * rate(scene)
    _derive(head, "smooth", lambda _path, frames, values: (frames, smoothed(frames, values, float(sigma))))


def resample(head: bpy.types.Object) -> None:
    """Put a key on every whole frame of the scene, and none between."""

    def change(_path: str, frames: Array, values: Array) -> tuple[Array, Array]:
        whole = np.arange(np.ceil(frames[0] - 1e-3), np.floor(frames[-1] + 1e-3) + 1)
        return whole, at_frames(frames, values, whole)

    _derive(head, "on frames", change)


def reduce(head: bpy.types.Object, tolerance_m: float) -> Reduced:
    """Keep as few keys as leave every vertex within `tolerance_m` of the raw motion.

    Every curve is first given the whole tolerance; their errors add up, so all are tightened until the surface is within.
    """
    raw, reach = raw_action(head), _reaches(head)
    curves = list(_curves(raw))
    share = 1.0
    for _ in range(TRIES):
        kept = {path: kept_keys(frames, values, share * tolerance_m / reach(path)) for path, frames, values in curves}
        error = _error(head, curves, kept)
        if error <= tolerance_m:
            break
        share *= 0.9 * tolerance_m / error
    _derive(head, "reduced", lambda path, frames, values: (frames[kept[path]], values[kept[path]]))
    counts = [(values.shape[1] * len(frames), values.shape[1] * len(kept[path])) for path, frames, values in curves]
    return Reduced(sum(a for a, _ in counts), sum(b for _, b in counts), error)


def _derive(head: bpy.types.Object, kind: str, change: Change) -> None:
    raw = raw_action(head)
    view = raw.copy()
    view.name, view[RAW] = f"{raw.name} {kind}", raw
    for _, bag, together in _groups(view):
        points = [points_of(curve) for curve in together]
        path, frames = together[0].data_path, points[0][:, 0]
        moments, values = change(path, frames, np.stack([each[:, 1] for each in points], 1))
        for curve, column in zip(together, values.T, strict=True):
            _write(curve, moments, column)
    _assign(head, view)


def _write(curve: bpy.types.FCurve, frames: Array, values: Array) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.column_stack([frames, values]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.uint8))
    curve.update()


def _assign(head: bpy.types.Object, action: bpy.types.Action) -> None:
    """Animate keys and rig of the head by an Action with the same slots; a view that nobody uses any more goes."""
    owners = [owner for owner in (head.data.shape_keys, head.parent) if owner.animation_data]
    before = {owner.animation_data.action for owner in owners}
    for owner in owners:
        identifier = owner.animation_data.action_slot.identifier
        owner.animation_data.action = action
        owner.animation_data.action_slot = action.slots[identifier]
    for old in before - {action, None}:
        if old.get(RAW) and not old.users:
            bpy.data.actions.remove(old)


def _groups(action: bpy.types.Action) -> Iterator[tuple[bpy.types.ActionSlot, Any, list[bpy.types.FCurve]]]:
    """Curves of one property that have the same keys, with their slot and its curves."""
    for slot in action.slots:
        bag = channelbag(action, slot)
        paths = dict.fromkeys(curve.data_path for curve in bag.fcurves)
        for path in paths:
            together = [curve for curve in bag.fcurves if curve.data_path == path and len(curve.keyframe_points)]
            if together and len({len(curve.keyframe_points) for curve in together}) == 1:
                yield slot, bag, together


def _curves(action: bpy.types.Action) -> Iterator[tuple[str, Array, Array]]:
    for _, _, together in _groups(action):
        points = [points_of(curve) for curve in together]
        yield together[0].data_path, points[0][:, 0], np.stack([each[:, 1] for each in points], 1)


def _reaches(head: bpy.types.Object) -> Callable[[str], float]:
    """How far, in metres, a change of 1 in a property moves the surface at most."""
    lengths = {key_path(name): float(np.linalg.norm(moved, axis=1).max()) for name, moved in _displacements(head).items()}
    arms = _arms(head)

    def reach(path: str) -> float:
        if path in lengths:
            return max(lengths[path], 1e-9)
        if not path.endswith("rotation_quaternion"):
            return float(np.sqrt(3))  # three coordinates, metres
        return max(4 * arms[path.split('"')[1]], 1e-9)  # four components of half the angle

    return reach


def _arms(head: bpy.types.Object) -> dict[str, float]:
    """How far from its joint, in metres, every bone moves the surface."""
    points = np.empty(3 * len(head.data.vertices), np.float32)
    head.data.vertices.foreach_get("co", points)
    points = points.reshape(-1, 3)
    owned: dict[str, list[int]] = {group.name: [] for group in head.vertex_groups}
    names = list(owned)
    for vertex in head.data.vertices:
        for member in vertex.groups:
            owned[names[member.group]].append(vertex.index)
    arms = {}
    for bone in head.parent.data.bones:
        own = [number for name in (bone.name, *(child.name for child in bone.children_recursive)) for number in owned.get(name, [])]
        away = np.linalg.norm(points[own] - np.array(bone.head_local), axis=1)
        arms[bone.name] = float(away.max(initial=0))
    return arms


def _displacements(head: bpy.types.Object) -> dict[str, Array]:
    """(V, 3) m of every key at 1."""
    blocks = head.data.shape_keys.key_blocks
    flat = np.empty((len(blocks), 3 * len(head.data.vertices)), np.float32)
    for row, block in zip(flat, blocks, strict=True):
        block.data.foreach_get("co", row)
    moved = (flat - flat[0]).astype(np.float64)
    return {block.name: row.reshape(-1, 3) for block, row in zip(blocks, moved, strict=True)}


def _error(head: bpy.types.Object, curves: list[tuple[str, Array, Array]], kept: dict[str, NDArray[np.int64]]) -> float:
    """Largest distance of a vertex, m: keys exactly, as they add up; what bones move it by at most."""
    moved = {key_path(name): offset for name, offset in _displacements(head).items()}
    off = {
        path: np.abs(at_frames(frames[kept[path]], values[kept[path]], frames) - values) if path not in moved
        else at_frames(frames[kept[path]], values[kept[path]], frames) - values
        for path, frames, values in curves
    }  # fmt: skip
    length = max(len(frames) for _, frames, _ in curves)
    paths = [path for path, frames, _ in curves if path in moved and len(frames) == length]
    weights = np.concatenate([off[path] for path in paths], 1) if paths else np.zeros((length, 0))
    basis = np.stack([moved[path].ravel() for path in paths]) if paths else np.zeros((0, 3))
    skin = max(float(np.linalg.norm((row @ basis).reshape(-1, 3), axis=1).max()) for row in weights)
    reach = _reaches(head)
    return skin + sum(float(off[path].max()) * reach(path) for path, _, _ in curves if path not in paths)
