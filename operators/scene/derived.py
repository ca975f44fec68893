# SPDX-License-Identifier: GPL-3.0-or-later
"""Other views of the captured motion: with fewer keys, smoother, or on the scene's frames.

Each is an Action of its own that takes the raw one's place on the head and points to it. It is always made from the raw
Action, so views do not pile up, and the way back is to assign the raw one again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.curve_edit import at_frames, smoothed
from ...backend.errors import MicrofaceError
from ..compat import channelbag
from ..curve_views import RAW
from .action import CONSTANT, LINEAR
from .captured import points_of
from .rate import rate

Array = NDArray[np.float64]
HAIR = 1e-3  # frames


@dataclass(frozen=True)
class Course:
    """Curves of one property that have the same keys, such as those of a quaternion."""

    path: str
    frames: Array  #: (N,)
    values: Array  #: (N, C)
    held: NDArray[np.bool_]  #: (N,) the value stays until the next key: there is a gap without a face

    def at(self, wanted: Array) -> Array:
        """Values (M, C) at frames (M,)."""
        last = np.clip(np.searchsorted(self.frames, wanted + HAIR, side="right") - 1, 0, len(self.frames) - 1)
        return np.where(self.held[last][:, None], self.values[last], at_frames(self.frames, self.values, wanted))

    def only(self, kept: NDArray[np.int64]) -> Course:
        """With some of its keys."""
        return Course(self.path, self.frames[kept], self.values[kept], self.held[kept])


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
    derive(head, "smooth", lambda raw: replace(raw, values=smoothed(raw.frames, raw.values, float(sigma))))


def resample(head: bpy.types.Object) -> None:
    """Put a key on every whole frame of the scene, and none between."""

    def change(raw: Course) -> Course:
        whole = np.arange(np.ceil(raw.frames[0] - HAIR), np.floor(raw.frames[-1] + HAIR) + 1)
        return Course(raw.path, whole, raw.at(whole), np.zeros(len(whole), bool))

    derive(head, "on frames", change)


def derive(head: bpy.types.Object, kind: str, change: Callable[[Course], Course]) -> None:
    """Let the head show a view in which every course is changed."""
    raw = raw_action(head)
    view = raw.copy()
    view.name, view[RAW] = f"{raw.name} {kind}", raw
    for together in _groups(view):
        course = change(_course(together))
        for curve, column in zip(together, course.values.T, strict=True):
            _write(curve, course, column)
    _assign(head, view)


def courses(action: bpy.types.Action) -> list[Course]:
    """All that an Action moves."""
    return [_course(together) for together in _groups(action)]


def _write(curve: bpy.types.FCurve, course: Course, column: Array) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(column))
    points.foreach_set("co", np.column_stack([course.frames, column]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.where(course.held, CONSTANT, LINEAR).astype(np.uint8))
    curve.update()


def _course(together: list[bpy.types.FCurve]) -> Course:
    points = [points_of(curve) for curve in together]
    kinds = np.empty(len(points[0]), np.uint8)
    together[0].keyframe_points.foreach_get("interpolation", kinds)
    values = np.stack([each[:, 1] for each in points], 1)
    return Course(together[0].data_path, points[0][:, 0], values, kinds == CONSTANT)


def _assign(head: bpy.types.Object, action: bpy.types.Action) -> None:
    """Animate keys and rig of the head by an Action with the same slots; a view that nobody uses any more goes."""
    before = head.data.shape_keys.animation_data.action
    both = [owner.animation_data for owner in (head.data.shape_keys, head.parent) if owner.animation_data]
    for animation in both:
        if animation.action == before:  # an artist may have given the rig another one
            identifier = animation.action_slot.identifier
            animation.action = action
            animation.action_slot = action.slots[identifier]
    if before != action and before.get(RAW) and not before.users:
        bpy.data.actions.remove(before)


def _groups(action: bpy.types.Action) -> Iterator[list[bpy.types.FCurve]]:
    """Curves of one property that have the same keys."""
    for slot in action.slots:
        curves = [curve for curve in channelbag(action, slot).fcurves if len(curve.keyframe_points)]
        for path in dict.fromkeys(curve.data_path for curve in curves):
            together = [curve for curve in curves if curve.data_path == path]
            if len({len(curve.keyframe_points) for curve in together}) == 1:
                yield together
