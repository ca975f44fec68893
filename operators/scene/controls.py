# SPDX-License-Identifier: GPL-3.0-or-later
"""The controls of a result: written down in the rows of its table, and found again in the rig."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ..result import MICROFACE_PG_control, MICROFACE_PG_result
from .rig import Control
from .rig_curves import Rest

Array = NDArray[np.float64]


def controls_of(result: MICROFACE_PG_result) -> tuple[list[Control], list[Rest]]:
    """The rig's controls as they are now, and where they rest.

    Raises:
        MicrofaceError: ``rig_changed`` when one is gone.
    """
    rows = [_control(row) for row in result.controls]
    rests = [_rest(row) for row in result.controls]
    return rows, rests


def factors(result: MICROFACE_PG_result) -> Array:
    """(K,) times which each control is moved as it was solved, strength apart."""
    return np.array([row.gain / row.solved if row.use and row.solved else 0.0 for row in result.controls])


def limits(result: MICROFACE_PG_result, controls: Sequence[Control]) -> tuple[Array, Array]:
    """(K,) least and largest values: the table's, within what the rig can hold."""
    low = np.array([max(row.low, own.low) for row, own in zip(result.controls, controls, strict=True)])
    high = np.array([min(row.high, own.high) for row, own in zip(result.controls, controls, strict=True)])
    return low, high


def address(row: MICROFACE_PG_control, control: Control, rest: Rest) -> None:
    """Write down where a control is found again."""
    row.name, row.kind, row.axis = control.name, control.kind, control.index
    owner = control.owners[0]
    if control.kind == "key":
        row.item, things = owner.name, [_mesh(key.id_data) for key in control.owners]
    elif control.kind == "property":
        row.item, things = control.owners[1], [owner.id_data]
        row.bone = owner.name if isinstance(owner, bpy.types.PoseBone) else ""
    else:
        row.item, row.rest, things, rest = owner.name, rest, [owner.id_data], (0.0,)
    for thing, stands in zip(things, rest, strict=True):
        part = row.parts.add()
        part.thing, part.rest = thing, stands


def _mesh(keys: bpy.types.Key) -> bpy.types.Object:
    return next(thing for thing in bpy.data.objects if thing.type == "MESH" and thing.data.shape_keys == keys)


def _rest(row: MICROFACE_PG_control) -> Rest:
    return tuple(row.rest) if row.kind in ("rotation", "location") else tuple(part.rest for part in row.parts)


def _control(row: MICROFACE_PG_control) -> Control:
    """With the bounds that the rig itself sets."""
    things = [part.thing for part in row.parts]
    try:
        if row.kind == "key":
            keys = tuple(thing.data.shape_keys.key_blocks[row.item] for thing in things)
            low = max(key.slider_min - part.rest for key, part in zip(keys, row.parts, strict=True))
            high = min(key.slider_max - part.rest for key, part in zip(keys, row.parts, strict=True))
            return Control(row.name, row.kind, keys, 0, min(low, 0.0), max(high, 0.0))
        if row.kind == "property":
            owner = things[0].pose.bones[row.bone] if row.bone else things[0]
            told, rest = owner.id_properties_ui(row.item).as_dict(), row.parts[0].rest
            low, high = float(told.get("min", 0.0)), float(told.get("max", 1.0))
            return Control(row.name, row.kind, (owner, row.item), 0, min(low - rest, 0.0), max(high - rest, 0.0))
        return Control(row.name, row.kind, (things[0].pose.bones[row.item],), row.axis, -np.inf, np.inf)
    except (KeyError, AttributeError, TypeError) as error:
        text = f"The rig has changed since it was animated: it has no '{row.name}' any more."
        raise MicrofaceError("rig_changed", text, "Retarget again.") from error
