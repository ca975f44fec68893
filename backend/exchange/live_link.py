# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Link Face CSV: the 52 ARKit weights, head and eyes, one row per frame.

Columns: `Timecode, BlendShapeCount`, the weights with a capital first letter, then Yaw, Pitch and Roll of Head, LeftEye
and RightEye. Angles are radians. Signs as in the app's own recordings: pitch is positive downwards, yaw to the subject's
right. Roll is taken as the mirrored turn about the axis out of the face, the angles as R = Ry(-yaw) Rx(pitch) Rz(-roll)
in head space (x to the subject's left, y up, z out of the face); the app documents neither. A row whose count is 0, or
with an empty or NaN cell, shows no face.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...models.head.model import HeadModel
from ...models.head.units import JOINT_OWNED, UNIT_NAMES
from ..atomic import whole_file
from ..errors import MicrofaceError
from ..types import Take
from . import timecode
from .arkit import TURNS, turns_of, weights_of
from .imported import Motion, mean_rate, take_of
from .table import Table, number, plain, read_table
from .timecode import Timecode

Array = NDArray[np.float64]

#: The app's own order, which is not ours.
ORDER = (
    *(f"eye{what}{side}" for side in ("Left", "Right")
      for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")),
    "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft",
    *(f"mouth{what}{side}" for what in ("Smile", "Frown", "Dimple", "Stretch") for side in ("Left", "Right")),
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(f"mouth{what}{side}" for what in ("Press", "LowerDown", "UpperUp") for side in ("Left", "Right")),
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
PARTS = ("Head", "LeftEye", "RightEye")
ANGLES = tuple(part + angle for part in PARTS for angle in ("Yaw", "Pitch", "Roll"))
OPTIONAL = ("tongueOut",)  # early versions of the app do not have it
MIRROR = np.array([-1.0, 1.0, -1.0])  # yaw, pitch, roll of the file against turns about y, x, z of head space
DIGITS = 10
FOOTAGE_TIME_S = 60.0  #: a recording that starts earlier in the day counts from its footage's beginning, as ours do


def read_live_link(path: Path, head: HeadModel, rate: float | None = None) -> Take:
    """Read a recording as a take on `head`.

    Args:
        path: the CSV.
        head: must have the 52 named units.
        rate: frames in a second of the timecode; None: as the timecode shows.

    Raises:
        MicrofaceError: ``missing_column``, ``bad_timecode``, ``bad_number``, ``empty_file``, ``other_head`` ...
    """
    missing = [name for name in UNIT_NAMES if name not in head.expression_names]
    if missing:
        text = f"The head '{head.name}' lacks the unit {missing[0]}, which {path} moves."
        raise MicrofaceError("other_head", text, "Choose a head with the 52 named units.")
    table = _table(path)
    codes = _codes(table)
    rate = _checked_rate(path, codes, rate)
    time_s = timecode.seconds(codes, rate)
    keep = _rising(table, time_s)
    value, angle = (part[keep] for part in _numbers(table))
    time_s = time_s[keep]
    start = float(time_s[0])
    time_s = time_s if start < FOOTAGE_TIME_S else time_s - start
    settings = {"format": "live_link", "timecode_rate": rate, "first_timecode_s": start}
    motion = Motion(time_s, _expression(value, head), _pose(value, angle, head))
    return take_of(motion, head, path, mean_rate(time_s), settings)


def write_live_link(path: Path, take: Take) -> None:
    """Write a take's weights, head (root and neck together) and eyes.

    The timecode counts sixtieths of a second with six decimals, at any frame rate: 8 ns of rounding at most.

    Raises:
        MicrofaceError: ``negative_time`` or as `atomic.whole_file`.
    """
    if take.time_s[0] < 0 or take.time_s[-1] >= timecode.DAY_S:
        raise MicrofaceError("negative_time", "A timecode holds 0 to 24 hours.", "Reconstruct a part of the video.")
    value = weights_of(take).value[:, [UNIT_NAMES.index(name) for name in ORDER]]
    cells = np.concatenate([value, _angles(take)], 1)
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ORDER), *ANGLES])
        for time_s, row in zip(take.time_s, cells, strict=True):
            seen = bool(np.isfinite(row).all())
            shown = [f"{cell:.{DIGITS}f}" for cell in row] if seen else [""] * len(row)
            writer.writerow([timecode.write(float(time_s)), len(row) if seen else 0, *shown])


def _table(path: Path) -> Table:
    needed = [(name.lower(),) for name in ORDER if name not in OPTIONAL]
    table = read_table(path, ("timecode",), *needed)
    if not table.rows:
        raise MicrofaceError("empty_file", f"{path} has a header but no rows.", "Record it again.")
    return table


def _codes(table: Table) -> list[Timecode]:
    codes = []
    for line, row in table.rows:
        code = timecode.parse(table.cell(row, "timecode"))
        if code is None:
            text = f"{table.path}, line {line}: {table.cell(row, 'timecode')!r} is no timecode like 12:27:47:30.169."
            raise MicrofaceError("bad_timecode", text, "Export the recording again.")
        codes.append(code)
    return codes


def _checked_rate(path: Path, codes: list[Timecode], rate: float | None) -> float:
    """The rate asked for, or that of the codes, or the app's; it must hold every frame number."""
    rate = rate or timecode.nominal_rate(codes) or timecode.DEFAULT_RATE
    largest = max(code.frame for code in codes)
    if largest >= round(rate):
        text = f"{path} counts {int(largest)} frames in a second, which is no timecode of {rate:g} a second."
        raise MicrofaceError("bad_timecode", text, "Give the timecode's rate with --fps.")
    if codes[0].drop and round(rate) not in (30, 60):
        text = f"{path} drops frame numbers, which only timecodes of 29.97 and 59.94 a second do, not {rate:g}."
        raise MicrofaceError("bad_timecode", text, "Give the timecode's rate with --fps.")
    return rate


def _rising(table: Table, time_s: Array) -> NDArray[np.bool_]:
    """(rows,) which rows to keep: of rows with one timecode the first.

    Raises:
        MicrofaceError: ``bad_timecode`` where time goes back.
    """
    back = np.flatnonzero(np.diff(time_s) < 0)
    if len(back):
        text = f"{table.path}, line {table.rows[back[0] + 1][0]}: the timecode goes back."
        raise MicrofaceError("bad_timecode", text, "Export each recording to a file of its own.")
    return np.r_[True, np.diff(time_s) > 0]


def _numbers(table: Table) -> tuple[Array, Array]:
    """Weights (rows, 52) in the order of `UNIT_NAMES` and angles (rows, 3 parts, 3), NaN rows without a face."""
    value = np.array([list(_row(table, line, row, UNIT_NAMES)) for line, row in table.rows])
    angle = np.array([list(_row(table, line, row, ANGLES)) for line, row in table.rows]).reshape(-1, 3, 3)
    for name in OPTIONAL:
        if plain(name) not in table.columns:
            value[:, UNIT_NAMES.index(name)] = 0
    lost = np.array([table.cell(row, "blendshapecount") == "0" for _, row in table.rows])
    value[lost | ~np.isfinite(value).all(1)] = np.nan
    return value, angle


def _row(table: Table, line: int, row: list[str], names: tuple[str, ...]) -> Iterator[float]:
    for name in names:
        text = table.cell(row, plain(name))
        try:
            cell = number(text) if text else np.nan
        except ValueError:
            cell = np.inf
        if np.isinf(cell):
            message = f"{table.path}, line {line}: {text!r} under {name} is no number."
            raise MicrofaceError("bad_number", message, "Correct the line or remove it.")
        yield cell


def _expression(value: Array, head: HeadModel) -> Array:
    """(T, E): jaw and eyes go to the joints, but for the thrust of the jaw, which no joint has."""
    expression = np.zeros((len(value), len(head.expression_names)))
    for column, name in enumerate(UNIT_NAMES):
        if name not in TURNS:
            expression[:, head.expression_names.index(name)] = value[:, column]
    assert set(TURNS) | {"jawForward"} == set(JOINT_OWNED)
    expression[~np.isfinite(value).all(1)] = np.nan
    return expression


def _pose(value: Array, angle: Array, head: HeadModel) -> Array:
    """(T, J, 3): the head's angles on the root; the eyes' where the file has them, else from their weights."""
    pose = np.zeros((len(value), len(head.joint_names), 3))
    for joint, part in (("root", 0), ("eye_left", 1), ("eye_right", 2), ("jaw", None)):
        turns = turns_of(value, joint) if joint != "root" else np.zeros((len(value), 3))
        if part is not None:
            given = np.isfinite(angle[:, part]).all(1)
            turns[given] = Rotation.from_euler("YXZ", angle[given, part] * MIRROR).as_rotvec()
        pose[:, head.joint_names.index(joint)] = turns
    pose[~np.isfinite(value).all(1)] = np.nan
    return pose


def _angles(take: Take) -> Array:
    """(T, 9) yaw, pitch, roll of head and eyes."""
    out = np.full((len(take.time_s), 3, 3), np.nan)
    seen = np.isfinite(take.pose).all((1, 2))
    pose = {name: Rotation.from_rotvec(take.pose[seen, k].astype(float)) for k, name in enumerate(take.joint_names)}
    turned = (pose["root"] * pose["neck"], pose["eye_left"], pose["eye_right"])
    out[seen] = np.stack([part.as_euler("YXZ") * MIRROR for part in turned], 1)
    return out.reshape(-1, 9)
