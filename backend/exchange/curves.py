# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a take says over time as one plain table, for statistics and spreadsheets: one row per frame.

`time_s`; `state`; every unit and its deviation (`mouthSmileLeft`, `mouthSmileLeft_std`; 1 = full strength, jaw and gaze
from their joints); action units and their deviation (`AU12`, `AU12_std`); joints as axis-angle (`root_x_rad` ...,
`root_x_rad_std`) and `translation_x_m` ... of camera space; motion of regions by expression alone (`mouth_px`, `mouth_mm`).
Cells of frames without a result, and deviations nobody knows, are empty.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...models.head.action_units import ACTION_UNITS
from ...models.head.model import HeadModel
from ...models.head.units import UNIT_NAMES
from ..atomic import whole_file
from ..types import Floats, Take
from .arkit import weights_of
from .intensity import intensities
from .region_motion import region_motion
from .restated import in_units

Columns = dict[str, NDArray[np.float64]]

STATES = ("measured", "bridged", "no_face", "occluded", "cut")  #: by the value of `Take.valid`


def write_curves(path: Path, take: Take, head: HeadModel) -> str:
    """Write the table. Named units say what a head's own coefficients move, too.

    Returns:
        how much of these the units could not say; empty where there was nothing to say.

    Raises:
        MicrofaceError: ``other_head`` or as `atomic.whole_file`.
    """
    units = in_units(take.expression, head)
    columns = _strengths(take, units.expression) | _poses(take) | _regions(take, head)
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time_s", "state", *columns])
        rows = np.stack(list(columns.values()), 1)
        for time_s, state, row in zip(take.time_s.tolist(), take.valid, rows, strict=True):
            writer.writerow([repr(time_s), STATES[state], *(f"{x:.7g}" if np.isfinite(x) else "" for x in row)])
    return units.text


def _strengths(take: Take, units: Floats) -> Columns:
    weights = weights_of(replace(take, expression=units))
    columns = _pairs(UNIT_NAMES, weights.value, weights.std)
    other = [k for k, name in enumerate(take.expression_names) if name not in UNIT_NAMES]
    names = tuple(take.expression_names[k] for k in other)
    columns |= _pairs(names, take.expression[:, other], take.expression_std[:, other])
    return columns | _pairs(tuple(f"AU{number}" for number in ACTION_UNITS), *intensities(take, weights))


def _poses(take: Take) -> Columns:
    frames = len(take.time_s)
    names = tuple(f"{joint}_{axis}_rad" for joint in take.joint_names for axis in "xyz")
    columns = _pairs(names, take.pose.reshape(frames, -1), take.pose_std.reshape(frames, -1))
    places = tuple(f"translation_{axis}_m" for axis in "xyz")
    return columns | _pairs(places, take.translation, take.translation_std)


def _regions(take: Take, head: HeadModel) -> Columns:
    names, px, mm = region_motion(take, head)
    return {f"{name}_{unit}": size[:, k] for k, name in enumerate(names) for unit, size in (("px", px), ("mm", mm))}


def _pairs(names: tuple[str, ...], values: Floats, std: Floats) -> Columns:
    """Each value's column followed by its deviation's."""
    sets = {name: ((name, values[:, k]), (f"{name}_std", std[:, k])) for k, name in enumerate(names)}
    return {name: np.asarray(column, np.float64) for pair in sets.values() for name, column in pair}
