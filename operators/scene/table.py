# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a result's controls, as the file has it."""

from __future__ import annotations

from ...backend.errors import MicrofaceError
from ...backend.retarget.mapping import Mapping, Row
from ..result import MICROFACE_PG_control, MICROFACE_PG_result, together


def table_of(result: MICROFACE_PG_result) -> Mapping:
    """The rows as they are set."""
    return tuple(_row(control) for control in result.controls)


def _row(control: MICROFACE_PG_control) -> Row:
    units = tuple(filter(None, control.units.split(", ")))
    return Row(
        control.name, control.kind, units, control.use, _short(control.gain), _short(control.low), _short(control.high)
    )


def _short(value: float) -> float:
    """As it was typed: Blender's properties hold seven digits."""
    return float(f"{value:.7g}")


def apply(result: MICROFACE_PG_result, table: Mapping) -> list[str]:
    """Let a table act on a result; a control that it lacks is left out.

    Returns:
        Names of the controls it uses that were left out when the take was solved.

    Raises:
        MicrofaceError: ``other_rig`` when it has none of the controls.
    """
    known = {(row.name, row.kind): row for row in table}
    with together(result):
        if not any((control.name, control.kind) in known for control in result.controls):
            text = f"The table of controls is another rig's: it has none of this one's {len(result.controls)}."
            raise MicrofaceError("other_rig", text, "Choose the table that was saved for this rig.")
        for control in result.controls:
            row = known.get((control.name, control.kind))
            control.use = bool(row and row.use)
            if row:
                control.gain, control.low, control.high = row.strength, row.low, row.high
        return [control.name for control in result.controls if control.use and not control.solved]
