# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the head that the user has pinned to the picture: the landmarks are moved until the head agrees.

A tracker errs on a face much the same way in every frame. So what the pins of a frame say is taken for the landmarks' error
there: a smooth shift over the face that goes with the head, between pinned frames from one to the next. Who it is, camera and
poses are then fitted to the shifted landmarks like to any others.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..models.head.model import HeadModel
from ..models.head.raster import project
from .errors import MicrofaceError
from .form import form_offset
from .head_fit import settled
from .motion.footage import landmarks_between
from .motion.rigid import at_frames
from .rest import rest_candidates
from .types import FLIP, Clip, Floats, HeadFit, Pin, Settings, Tracks

Array = NDArray[np.float64]

LOCAL = 0.1  #: variance of what single places err by; shift, turn and scale of the whole face have 1
NEAR = 0.25  #: face widths, standard deviation of how far a local error reaches
EXACT = 1e-4  #: variance of a pin, in the same measure: it is believed to a hundredth of what the face is off by
FORM = 'It holds a list like [{"frame": 25, "vertex": 1204, "x": 310.5, "y": 242.0}, ...].'


def read_pins(path: Path) -> tuple[Pin, ...]:
    """Read pins from a JSON file.

    Raises:
        MicrofaceError: ``no_file`` or ``bad_pins``.
    """
    try:
        return tuple(
            Pin(int(one["frame"]), int(one["vertex"]), float(one["x"]), float(one["y"]))
            for one in json.loads(path.read_text(encoding="utf-8"))
        )
    except FileNotFoundError as error:
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the pins.") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MicrofaceError("bad_pins", f"{path} holds no pins.", FORM) from error


def check_pins(pins: tuple[Pin, ...], head: HeadModel, clip: Clip, tracks: Tracks) -> None:
    """Refuse pins that are nowhere.

    Raises:
        MicrofaceError: ``bad_pins``.
    """
    for pin in pins:
        if not 0 <= pin.vertex < len(head.template):
            text = f"There is no vertex {pin.vertex}: {head.name} has {len(head.template)}."
            raise MicrofaceError("bad_pins", text, "Remove the pins, or choose the head they were set on.")
        if not (0 <= pin.x <= clip.width - 1 and 0 <= pin.y <= clip.height - 1):
            text = f"A pin of frame {pin.frame * clip.step} is beside the picture, at {pin.x:.0f}, {pin.y:.0f}."
            raise MicrofaceError("bad_pins", text, "Move it into the picture, or remove it.")
        if not np.isfinite(landmarks_between(tracks, np.array([pin.frame]))).all() or not _within(pin, tracks):
            text = f"Frame {pin.frame * clip.step} has pins, but no face was found in it."
            raise MicrofaceError("bad_pins", text, "Remove these pins, or set them in another frame.")


def _within(pin: Pin, tracks: Tracks) -> bool:
    return bool(tracks.frame[0] <= pin.frame <= tracks.frame[-1])


def pinned(head: HeadModel, tracks: Tracks, fit: HeadFit, settings: Settings, hidden: NDArray[np.bool_]) -> Tracks:
    """The tracks with landmarks that agree with the pins.

    Args:
        fit: to the landmarks as they are.
        settings: `pins` and `neutral` are used.
        hidden: (N,) tracked frames that are not believed.
    """
    believed = settled(fit, hidden)
    rest = rest_candidates(tracks, believed, settings.neutral)
    person = head.neutral(fit.shape) + form_offset(head, believed, tracks, rest[:8])
    frames = np.unique([pin.frame for pin in settings.pins])
    shifts = np.stack([_shift(head, tracks, fit, person, settings.pins, int(frame)) for frame in frames])
    found = np.flatnonzero(np.isfinite(fit.pose[:, 0]))
    landmarks = tracks.landmarks.copy()
    for n in found.tolist():
        shift = _between(shifts, frames, float(tracks.frame[n]))
        across = shift @ Rotation.from_rotvec(fit.pose[n]).as_matrix().T @ FLIP
        landmarks[n, :, :2] += across[:, :2] * fit.camera[0, 0] / fit.translation[n, 2]
    return replace(tracks, landmarks=landmarks)


def _between(shifts: Array, frames: NDArray[np.int64], frame: float) -> Array:
    """Of shifts (K, 478, 3) in rising frames (K,) that of any frame: linear between, and held beyond the first and last."""
    place = np.interp(frame, frames, np.arange(len(frames)))
    left, share = int(place), place - int(place)
    return np.asarray((1 - share) * shifts[left] + share * shifts[min(left + 1, len(shifts) - 1)])


def _shift(head: HeadModel, tracks: Tracks, fit: HeadFit, person: Array, pins: tuple[Pin, ...], frame: int) -> Array:
    """Head space m (478, 3) by which the landmarks of a frame are to move across the line of sight.

    Args:
        person: (V, 3) at rest.
    """
    own = [pin for pin in pins if pin.frame == frame]
    at = project(_posed(head, tracks, fit, person, frame)[[pin.vertex for pin in own]], fit.camera)[:, :2]
    miss = np.array([[pin.x, pin.y] for pin in own]) - at
    landmarks = landmarks_between(tracks, np.array([frame]))[0]
    width = float(np.ptp(landmarks[:468, 0]))
    centre = landmarks[:468].mean(0)
    places, marks = (at - centre) / width, (landmarks - centre) / width
    gram = _alike(places, places) + EXACT * np.eye(len(own))
    shift = _alike(marks, places) @ np.linalg.solve(gram, miss)
    pose = at_frames(fit, tracks.frame, np.array([frame]))
    across = np.c_[shift * pose.translation[0, 2] / fit.camera[0, 0], np.zeros(len(shift))]
    return np.asarray(across @ FLIP @ Rotation.from_rotvec(pose.pose[0]).as_matrix())


def _posed(head: HeadModel, tracks: Tracks, fit: HeadFit, person: Array, frame: int) -> Array:
    """Vertices (V, 3) m of the person in a frame, camera space, as the landmarks have it."""
    nearest = int(np.argmin(np.where(np.isfinite(fit.pose[:, 0]), np.abs(tracks.frame - frame), np.inf)))
    acting = person + np.tensordot(fit.change[nearest], head.expression, 1)
    pose, joint = at_frames(fit, tracks.frame, np.array([frame])), head.joints(fit.shape)[0]
    turn = Rotation.from_rotvec(pose.pose[0]).as_matrix()
    return np.asarray(((acting - joint) @ turn.T + joint) @ FLIP + pose.translation[0])


def _alike(a: Floats, b: Floats) -> Array:
    """Covariance (M, P) of the errors at places (M, 2) and (P, 2), in face widths from its middle."""
    apart = ((np.asarray(a)[:, None] - np.asarray(b)[None]) ** 2).sum(2)
    return np.asarray(1 + np.asarray(a) @ np.asarray(b).T + LOCAL * np.exp(-apart / (2 * NEAR**2)))
