# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a rig's controls that the user sees and edits, as JSON:

    {"format": "microface rig mapping", "version": 1, "controls": [
        {"name": "browDown_L", "kind": "key", "units": ["browDownLeft"], "use": true,
         "strength": 1.0, "low": 0.0, "high": 1.0}, ...]}

`name` and `kind` say which control; `units` which ARKit units it stands for, empty when its name does not say; only a
control to `use` is moved, by `strength` times what was found, and never beyond `low` and `high`, counted from rest.
Controls that the table lacks are left alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import UNIT_NAMES
from ..atomic import whole_file
from ..errors import MicrofaceError
from .names import units_of
from .rig import KINDS, Rig

FORMAT, VERSION = "microface rig mapping", 1
MAX_BYTES = 10_000_000
MOST_STRENGTH = 10.0
KEYS_ENOUGH = 15  #: face keys with which a rig needs no bones


@dataclass(frozen=True)
class Row:
    """One control."""

    name: str
    kind: str
    units: tuple[str, ...]
    use: bool
    strength: float
    low: float
    high: float


Mapping = tuple[Row, ...]


def proposed(rig: Rig, used: NDArray[np.bool_]) -> Mapping:
    """The table as it is found: all controls of a rig, with those to use that move the face."""
    return tuple(
        Row(name, kind, units_of(name) if kind == "key" else (), bool(use), 1.0, float(low), float(high))
        for name, kind, use, low, high in zip(rig.names, rig.kinds, used, rig.low, rig.high, strict=True)
    )


def on_rig(mapping: Mapping, rig: Rig) -> Mapping:
    """The table in the order of a rig's controls; what it lacks is not used.

    Raises:
        MicrofaceError: ``other_rig`` when it has none of them.
    """
    known = {(row.name, row.kind): row for row in mapping}
    if not any(key in known for key in zip(rig.names, rig.kinds, strict=True)):
        text = f"The table of controls is another rig's: it has none of this one's {len(rig.names)}."
        raise MicrofaceError("other_rig", text, "Choose the table that was saved for this rig.")
    return tuple(known.get((row.name, row.kind), row) for row in proposed(rig, np.zeros(len(rig.names), bool)))


def limited(rig: Rig, mapping: Mapping) -> Rig:
    """The rig within the limits of a table in its order."""
    low = np.minimum([max(row.low, own) for row, own in zip(mapping, rig.low, strict=True)], 0.0)
    high = np.maximum([min(row.high, own) for row, own in zip(mapping, rig.high, strict=True)], 0.0)
    return replace(rig, low=low, high=high)


def write_mapping(path: Path, mapping: Mapping) -> None:
    """Write a table; the file appears only when it is whole.

    Raises:
        MicrofaceError: as `atomic.whole_file`.
    """
    content = {"format": FORMAT, "version": VERSION, "controls": [asdict(row) for row in mapping]}
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_mapping(path: Path) -> Mapping:
    """Read a table.

    Raises:
        MicrofaceError: ``no_file`` or ``bad_mapping`` with what is wrong and where.
    """
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the table.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 10**6} MB")
        return _rows(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OverflowError, RecursionError) as error:
        reason = "it is no JSON" if isinstance(error, (json.JSONDecodeError, UnicodeError)) else str(error)
        text = f"{path} is no table of controls: {reason}."
        raise MicrofaceError("bad_mapping", text, "Save a table anew, and edit that.") from error


def _rows(content: Any) -> Mapping:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"its format is not '{FORMAT}'")
    if content.get("version") != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    listed = content.get("controls")
    if not isinstance(listed, list):
        raise ValueError("'controls' is no list")
    rows = tuple(_row(entry, number) for number, entry in enumerate(listed, 1))
    if len({(row.name, row.kind) for row in rows}) < len(rows):
        raise ValueError("it has a control twice")
    return rows


def _row(entry: Any, number: int) -> Row:
    """One checked row."""
    if not isinstance(entry, dict) or set(entry) != set(Row.__dataclass_fields__):
        raise ValueError(f"control {number} does not have the fields {', '.join(Row.__dataclass_fields__)}")
    if not isinstance(entry["name"], str) or entry["kind"] not in KINDS:
        raise ValueError(f"control {number} has no name, or a kind that is none of {', '.join(KINDS)}")
    units = entry["units"]
    if not isinstance(units, list) or not all(unit in UNIT_NAMES for unit in units):
        raise ValueError(f"'{entry['name']}' names units that do not exist")
    if not isinstance(entry["use"], bool):
        raise ValueError(f"'use' of '{entry['name']}' is neither true nor false")
    strength, low, high = (_number(entry, field) for field in ("strength", "low", "high"))
    if abs(strength) > MOST_STRENGTH or low > 0 or high < 0:
        raise ValueError(f"'{entry['name']}' has a strength beyond {MOST_STRENGTH:g}, or limits that leave out rest")
    return Row(entry["name"], entry["kind"], tuple(units), entry["use"], strength, low, high)


def _number(entry: dict[str, Any], field: str) -> float:
    value = entry[field]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"'{field}' of '{entry['name']}' is no number")
    return float(value)
