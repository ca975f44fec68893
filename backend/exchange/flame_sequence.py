# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME sequences: coefficients and poses over time in an .npz, or in a folder of one .npz per frame.

Names of three families of programs are understood (`NAMES`); axis-angle in radians, head space x to the subject's left,
y up, z out of the face, metres. VHAP's world has its camera on the z axis, 1 m from the origin. SMIRK and DECA give a
crop's weak perspective instead of a place: their heads stand before the camera. None of them carries times; our own
files add `time_s` and `fps`, which the others ignore.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from .. import npz
from ..atomic import whole_file
from ..errors import MicrofaceError
from ..types import FLIP, Take
from .imported import Motion, mean_rate, take_of

Array = NDArray[np.float64]

MAX_BYTES = 2**30
VHAP_TEETH = 120  #: vertices VHAP puts behind FLAME's own
WORLD_CAMERA = np.array([0.0, 0.0, 1.0])  #: m, in VHAP's world

#: What we read -> its names at VHAP, smplx, SMIRK, DECA and EMOCA, ours first; nothing else is looked at.
NAMES: dict[str, tuple[str, ...]] = {
    "shape": ("shape", "betas", "shape_params", "shapecode"),
    "expr": ("expr", "expression", "expression_params", "exp", "expcode"),
    "rotation": ("rotation", "global_orient", "pose_params"),
    "neck_pose": ("neck_pose", "neck_pose_params"),
    "jaw_pose": ("jaw_pose", "jaw_params"),
    "eyes_pose": ("eyes_pose", "eye_pose_params"),
    "pose": ("pose", "posecode"),  # DECA: 3 of the head, 3 of the jaw
    "translation": ("translation", "transl"),
    "static_offset": ("static_offset",),
    "eyelids": ("eyelid_params", "eyelid"),  # SMIRK: left and right, 1 = closed
    "time_s": ("time_s",),
    "fps": ("fps",),
}  # fmt: skip
WIDTHS = {"rotation": 3, "neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6, "pose": 6, "translation": 3, "eyelids": 2}
LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
_COEFFICIENT = re.compile(r"(?:flame[ _])?exp(?:r|ression)?[ _.]?0*(\d+)", re.IGNORECASE)


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
    eyelids: Array | None  #: (T, 2)


def read_flame_sequence(path: Path, fps: float | None = None) -> FlameSequence:
    """Read a sequence.

    Args:
        path: .npz, or folder of numbered .npz.
        fps: frames a second; None: as the file says.

    Raises:
        MicrofaceError: ``no_file``, ``bad_flame``, ``no_rate``.
    """
    arrays = _stacked(path) if path.is_dir() else _arrays(path)
    if arrays.get("expr", np.zeros(0)).ndim != 2 or not len(arrays["expr"]):
        raise _bad(path, f"it has no rows of coefficients under any of {', '.join(NAMES['expr'])}")
    for name, array in arrays.items():
        if not np.isfinite(array).all() and name not in WIDTHS and name != "expr":
            raise _bad(path, f"'{name}' holds NaN")
    frames = len(arrays["expr"])
    part = {name: _rows(path, arrays, name, width, frames) for name, width in WIDTHS.items()}
    still = np.zeros((frames, 3))
    whole = part["pose"] if part["pose"] is not None else np.zeros((frames, 6))
    return FlameSequence(
        time_s=_times(path, arrays, frames, fps),
        shape=np.atleast_2d(arrays.get("shape", np.zeros((1, 0)))).mean(0),
        expr=arrays["expr"],
        rotation=whole[:, :3] if part["rotation"] is None else part["rotation"],
        neck_pose=still if part["neck_pose"] is None else part["neck_pose"],
        jaw_pose=whole[:, 3:] if part["jaw_pose"] is None else part["jaw_pose"],
        eyes_pose=np.zeros((frames, 6)) if part["eyes_pose"] is None else part["eyes_pose"],
        translation=part["translation"],
        static_offset=arrays["static_offset"].reshape(-1, 3) if "static_offset" in arrays else None,
        eyelids=part["eyelids"],
    )


def write_flame_sequence(path: Path, take: Take) -> None:
    """Write a take on a FLAME head under VHAP's names, with `time_s` and `fps`; NaN in frames without a face.

    Raises:
        MicrofaceError: ``other_head`` for a head without FLAME's coefficients, or units among them that would be lost.
    """
    columns = coefficients(take.expression_names)
    if not columns:
        text = f"The take is on the head '{take.head.get('name', '?')}', which has no coefficients of FLAME."
        raise MicrofaceError("other_head", text, "Reconstruct with --head and a FLAME file.")
    rest = np.delete(take.expression, columns, axis=1)
    if np.nan_to_num(rest).any() or np.nan_to_num(take.detail).any():
        text = "Named units and detail of the take move its head beside FLAME's coefficients and would be lost."
        raise MicrofaceError("not_flame", text, "Convert the units to coefficients first.")
    joint = {name: take.pose[:, k] for k, name in enumerate(take.joint_names)}
    arrays = {
        "shape": take.shape, "expr": take.expression[:, columns], "rotation": joint["root"], "neck_pose": joint["neck"],
        "jaw_pose": joint["jaw"], "eyes_pose": np.c_[joint["eye_left"], joint["eye_right"]],
        "translation": take.translation @ FLIP + WORLD_CAMERA, "static_offset": take.shape_offset[None],
        "time_s": take.time_s, "fps": np.float64(take.source["fps"]),
    }  # fmt: skip
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, array in arrays.items():
            npz.write(archive, name, array)


def flame_take(sequence: FlameSequence, head: HeadModel, path: Path) -> Take:
    """A take of a sequence on the head whose edition it was made with.

    Raises:
        MicrofaceError: ``other_head``.
    """
    columns = coefficients(head.expression_names)
    _fit(path, head, "expression coefficients", sequence.expr.shape[1], len(columns))
    _fit(path, head, "shape coefficients", len(sequence.shape), len(head.identity))
    offset = sequence.static_offset
    if offset is not None and len(offset) - len(head.template) not in (0, VHAP_TEETH):
        raise _other(path, head, f"offsets of {len(offset)} vertices", len(head.template))
    frames = len(sequence.time_s)
    expression = np.zeros((frames, len(head.expression_names)))
    expression[:, columns[: sequence.expr.shape[1]]] = sequence.expr
    if sequence.eyelids is not None and set(LIDS) <= set(head.expression_names):
        expression[:, [head.expression_names.index(lid) for lid in LIDS]] = sequence.eyelids
    motion = Motion(
        sequence.time_s, expression, _pose(sequence, head),
        None if sequence.translation is None else (sequence.translation - WORLD_CAMERA) @ FLIP,
        np.pad(sequence.shape, (0, len(head.identity) - len(sequence.shape))),
        None if offset is None else offset[: len(head.template)],
    )  # fmt: skip
    return take_of(motion, head, path, mean_rate(sequence.time_s), {"format": "flame_sequence"})


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


def _arrays(path: Path) -> dict[str, Array]:
    """The arrays of `NAMES` in a file, as float64; pickled objects are refused."""
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path.")
    found: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            wanted = {ours: name for ours, all_ in NAMES.items() for name in reversed(all_) if f"{name}.npy" in names}
            if sum(archive.getinfo(f"{name}.npy").file_size for name in wanted.values()) > MAX_BYTES:
                raise _bad(path, "it claims more than 1 GB")
        with np.load(path, allow_pickle=False) as file:
            for ours, name in wanted.items():
                found[ours] = _floats(path, name, file[name])
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise _bad(path, "it is damaged, or holds Python objects") from error
    if not found:
        raise _bad(path, "it holds nothing of a FLAME sequence")
    return found


def _floats(path: Path, name: str, array: NDArray[Any]) -> Array:
    if array.dtype.kind not in "fiu":
        raise _bad(path, f"'{name}' holds {array.dtype}, not numbers")
    return array.astype(np.float64)


def _stacked(path: Path) -> dict[str, Array]:
    """One array per name over the numbered files of a folder; identity and offsets are those of the first."""
    files = sorted(path.glob("*.npz"), key=lambda file: (int((re.findall(r"\d+", file.stem) or ["0"])[-1]), file.name))
    if not files:
        raise _bad(path, "it holds no .npz")
    parts = [_arrays(file) for file in files]
    first = parts[0]
    moving = [name for name in first if name in WIDTHS or name == "expr"]
    for file, part in zip(files, parts, strict=True):
        if any(
            name not in part or np.atleast_2d(part[name]).shape != np.atleast_2d(first[name]).shape for name in moving
        ):
            raise _bad(file, "it is not laid out as the first of its folder")
    still = {name: first[name] for name in ("shape", "static_offset") if name in first}
    return still | {name: np.concatenate([np.atleast_2d(part[name]) for part in parts]) for name in moving}


def _rows(path: Path, arrays: dict[str, Array], name: str, width: int, frames: int) -> Array | None:
    """(T, width) of one array; one row stands for all frames."""
    if name not in arrays:
        return None
    array = np.atleast_2d(arrays[name])
    if array.ndim != 2 or array.shape[1] != width or len(array) not in (1, frames):
        raise _bad(path, f"'{name}' has shape {arrays[name].shape}, not ({frames}, {width})")
    return np.array(np.broadcast_to(array, (frames, width)))


def _times(path: Path, arrays: dict[str, Array], frames: int, fps: float | None) -> Array:
    time_s = arrays.get("time_s")
    if fps is None and time_s is None and arrays.get("fps", np.zeros(2)).size == 1:
        fps = float(arrays["fps"].reshape(-1)[0])
    if fps is not None:
        time_s = np.arange(frames) / fps
    if time_s is None:
        raise MicrofaceError("no_rate", f"{path} does not say its frame rate.", "Give it with --fps.")
    if time_s.shape != (frames,) or not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise _bad(path, f"'time_s' holds no {frames} rising times")
    return time_s


def _fit(path: Path, head: HeadModel, what: str, given: int, there: int) -> None:
    if given > there:
        raise _other(path, head, f"{given} {what}", there)


def _other(path: Path, head: HeadModel, what: str, there: int) -> MicrofaceError:
    text = f"{path} has {what}; the head '{head.name}' has {there}."
    return MicrofaceError("other_head", text, "Give the FLAME file it was made with, by --head.")


def _bad(path: Path, reason: str) -> MicrofaceError:
    return MicrofaceError(
        "bad_flame", f"{path} is not a FLAME sequence: {reason}.", "Export it from the tracker again."
    )
