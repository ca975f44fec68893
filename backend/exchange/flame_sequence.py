# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME sequences: coefficients and poses over time in an .npz, or in a folder of one .npz per frame.

The names of several programs are understood (`flame_arrays.NAMES`). Axis-angle in radians; head space: x to the subject's
left, y up, z out of the face, metres. VHAP's world has its camera on the z axis, 1 m from the origin. SMIRK and DECA give
a crop's weak perspective instead of a place: their heads stand before the camera. None of them carries times or says
which FLAME it means; our own files add `time_s`, `fps`, `model` and `model_sha256`, which the others pass over. A take's named
units are said in FLAME's coefficients; what these cannot say is in `dynamic_offset`, before posing, as VHAP has it.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from .. import npz
from ..atomic import whole_file
from ..errors import MicrofaceError
from ..mesh import refuse_other_head
from ..types import FLIP, Take
from .flame_arrays import NAMES, WIDTHS, bad, read_arrays
from .imported import Motion, mean_rate, take_of
from .restated import beside, in_coefficients

Array = NDArray[np.float64]

VHAP_TEETH = 120  #: vertices VHAP puts behind FLAME's own
WORLD_CAMERA = np.array([0.0, 0.0, 1.0])  #: m, in VHAP's world

LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
_COEFFICIENT = re.compile(r"expression_(\d{3})")  # as models/head/read/flame.py names them


@dataclass(frozen=True)
class FlameSequence:
    """Coefficients as the model's edition defines them; they mean nothing on another edition."""

    time_s: Array  #: (T,)
    shape: Array  #: (S,)
    expr: Array  #: (T, E)
    rotation: Array  #: (T, 3)
    neck_pose: Array  #: (T, 3)
    jaw_pose: Array  #: (T, 3)
    eyes_pose: Array  #: (T, 6) left, right
    translation: Array | None  #: (T, 3) m, world
    static_offset: Array | None  #: (V, 3) m
    dynamic_offset: Array | None  #: (T, V, 3) m
    model_sha256: str  #: of the head; "" where nothing is known
    eyelids: Array | None  #: (T, 2)


def read_flame_sequence(path: Path, fps: float | None = None) -> FlameSequence:
    """Read a sequence.

    Args:
        path: .npz, or folder of numbered .npz.
        fps: frames a second; None: as the file says.

    Raises:
        MicrofaceError: ``no_file``, ``bad_flame``, ``no_rate``.
    """
    arrays, model = read_arrays(path)
    if arrays.get("expr", np.zeros(0)).ndim != 2 or not len(arrays["expr"]):
        raise bad(path, f"it has no rows of coefficients under any of {', '.join(NAMES['expr'])}")
    for name, array in arrays.items():
        if not np.isfinite(array).all() and name not in (*WIDTHS, "expr", "dynamic_offset"):
            raise bad(path, f"'{name}' holds NaN")
    frames = len(arrays["expr"])
    part = {name: _rows(path, arrays, name, width, frames) for name, width in WIDTHS.items()}
    none = np.zeros((frames, 3))
    whole = part["pose"] if part["pose"] is not None else np.zeros((frames, 6))
    still = _offsets(path, arrays, "static_offset", 1)
    return FlameSequence(
        time_s=_times(path, arrays, frames, fps),
        shape=np.atleast_2d(arrays.get("shape", np.zeros((1, 0)))).mean(0),
        expr=arrays["expr"],
        rotation=whole[:, :3] if part["rotation"] is None else part["rotation"],
        neck_pose=none if part["neck_pose"] is None else part["neck_pose"],
        jaw_pose=whole[:, 3:] if part["jaw_pose"] is None else part["jaw_pose"],
        eyes_pose=np.zeros((frames, 6)) if part["eyes_pose"] is None else part["eyes_pose"],
        translation=part["translation"],
        static_offset=None if still is None else still[0],
        dynamic_offset=_offsets(path, arrays, "dynamic_offset", frames),
        model_sha256=model,
        eyelids=part["eyelids"],
    )


def write_flame_sequence(path: Path, take: Take, head: HeadModel) -> str:
    """Write a take on a FLAME head under VHAP's names; NaN in frames without a face.

    Returns:
        how much of the named units its coefficients could not say; empty where there was nothing to say.

    Raises:
        MicrofaceError: ``other_head`` for a head without FLAME's coefficients, or another than the take's.
    """
    columns = coefficients(take.expression_names)
    if not columns:
        text = f"The take is on the head '{take.head.get('name', '?')}', which has no coefficients of FLAME."
        raise MicrofaceError("other_head", text, "Reconstruct with --head and a FLAME file.")
    refuse_other_head(take, head)
    found = in_coefficients(take.expression, head)
    joint = {name: take.pose[:, k] for k, name in enumerate(take.joint_names)}
    arrays = {
        "shape": take.shape, "expr": found.expression[:, columns].astype(np.float32), "rotation": joint["root"],
        "neck_pose": joint["neck"], "jaw_pose": joint["jaw"], "eyes_pose": np.c_[joint["eye_left"], joint["eye_right"]],
        "translation": (take.translation @ FLIP + WORLD_CAMERA).astype(np.float32),  # loaders take float32 only
        "static_offset": take.shape_offset[None], "time_s": take.time_s, "fps": np.float64(take.source["fps"]),
        "model": np.array(take.head.get("name", "")), "model_sha256": np.array(take.head.get("sha256", "")),
    }  # fmt: skip
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, array in arrays.items():
            npz.write(archive, name, array)
        with npz.begin(archive, "dynamic_offset", "<f4", (len(take.time_s), *take.shape_offset.shape)) as member:
            for offset in beside(take, head, found.expression):
                member.write(offset.astype("<f4").tobytes())
    return found.text


def flame_take(sequence: FlameSequence, head: HeadModel, path: Path) -> Take:
    """A take of a sequence on the head whose edition it was made with.

    Raises:
        MicrofaceError: ``other_head``.
    """
    if sequence.model_sha256 not in ("", head.sha256):
        text = f"{path} was written on another head than '{head.name}': its numbers mean another face there."
        raise MicrofaceError("other_head", text, "Give the file of the head it was made with, by --head.")
    columns = coefficients(head.expression_names)
    _fit(path, head, "expression coefficients", sequence.expr.shape[1], len(columns))
    _fit(path, head, "shape coefficients", len(sequence.shape), len(head.identity))
    offset, detail = (_of_head(path, head, part) for part in (sequence.static_offset, sequence.dynamic_offset))
    frames = len(sequence.time_s)
    expression = np.zeros((frames, len(head.expression_names)))
    expression[:, columns[: sequence.expr.shape[1]]] = sequence.expr
    if sequence.eyelids is not None and set(LIDS) <= set(head.expression_names):
        expression[:, [head.expression_names.index(lid) for lid in LIDS]] = sequence.eyelids
    motion = Motion(
        sequence.time_s, expression, _pose(sequence, head),
        None if sequence.translation is None else (sequence.translation - WORLD_CAMERA) @ FLIP,
        np.pad(sequence.shape, (0, len(head.identity) - len(sequence.shape))),
        offset, detail,
    )  # fmt: skip
    return take_of(motion, head, path, mean_rate(sequence.time_s), {"format": "flame_sequence"})


def _of_head(path: Path, head: HeadModel, offsets: Array | None) -> Array | None:
    """Offsets (..., V, 3) without the teeth that VHAP puts behind FLAME's own vertices."""
    if offsets is None:
        return None
    if offsets.shape[-2] - len(head.template) not in (0, VHAP_TEETH):
        raise _other(path, head, f"offsets of {offsets.shape[-2]} vertices", len(head.template))
    return offsets[..., : len(head.template), :]


def coefficients(names: tuple[str, ...]) -> list[int]:
    """Places of FLAME's own expression coefficients among unit names, by their number."""
    found = [(int(match[1]), place) for place, name in enumerate(names) if (match := _COEFFICIENT.fullmatch(name))]
    return [place for _, place in sorted(found)]


def _pose(sequence: FlameSequence, head: HeadModel) -> Array:
    pose = np.zeros((len(sequence.time_s), len(head.joint_names), 3))
    parts = {
        "root": sequence.rotation, "neck": sequence.neck_pose, "jaw": sequence.jaw_pose,
        "eye_left": sequence.eyes_pose[:, :3], "eye_right": sequence.eyes_pose[:, 3:],
    }  # fmt: skip
    for joint, turns in parts.items():
        pose[:, head.joint_names.index(joint)] = turns
    return pose


def _rows(path: Path, arrays: dict[str, Array], name: str, width: int, frames: int) -> Array | None:
    """(T, width) of one array; one row stands for all frames."""
    if name not in arrays:
        return None
    array = np.atleast_2d(arrays[name])
    if array.ndim != 2 or array.shape[1] != width or len(array) not in (1, frames):
        raise bad(path, f"'{name}' has shape {arrays[name].shape}, not ({frames}, {width})")
    return np.array(np.broadcast_to(array, (frames, width)))


def _offsets(path: Path, arrays: dict[str, Array], name: str, frames: int) -> Array | None:
    """(T, V, 3); None when there are none."""
    if name not in arrays:
        return None
    array = arrays[name]
    if array.ndim not in (2, 3) or array.shape[-1] != 3 or array.size != frames * array.shape[-2] * 3:
        raise bad(path, f"'{name}' has shape {array.shape}, not ({frames}, V, 3)")
    return array.reshape(frames, -1, 3)


def _times(path: Path, arrays: dict[str, Array], frames: int, fps: float | None) -> Array:
    time_s = arrays.get("time_s")
    if fps is None and time_s is None and arrays.get("fps", np.zeros(2)).size == 1:
        fps = float(arrays["fps"].reshape(-1)[0])
    if fps is not None:
        time_s = np.arange(frames) / fps
    if time_s is None:
        raise MicrofaceError("no_rate", f"{path} does not say its frame rate.", "Give it with --fps.")
    if time_s.shape != (frames,) or not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise bad(path, f"'time_s' holds no {frames} rising times")
    return time_s


def _fit(path: Path, head: HeadModel, what: str, given: int, there: int) -> None:
    if given > there:
        raise _other(path, head, f"{given} {what}", there)


def _other(path: Path, head: HeadModel, what: str, there: int) -> MicrofaceError:
    text = f"{path} has {what}; the head '{head.name}' has {there}."
    return MicrofaceError("other_head", text, "Give the FLAME file it was made with, by --head.")
