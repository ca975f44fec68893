# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take holds, in words and tables."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import whole_file
from .types import DETAIL_ENOUGH, MEASURED, NO_FACE, Event, Take

COLUMNS = ("kind", "onset_s", "apex_s", "offset_s", "peak_px", "peak_std_px", "confidence", "units", "emotion")

REASONS = {
    "noise": "the camera's noise",
    "compression": "the video's compression",
    "size": "the small face",
    "rate": "the few frames a second",
}


def event_rows(take: Take) -> list[dict[str, Any]]:
    """Flatten the events of a take to rows with the columns `COLUMNS`; units joined by spaces, strongest first."""
    return [{name: _cell(getattr(event, name)) for name in COLUMNS} for event in take.events]


def _cell(value: object) -> str | float:
    if isinstance(value, tuple):
        return " ".join(value)
    return value if isinstance(value, str) else round(float(value), 4)  # type: ignore[arg-type]


def event_table(take: Take) -> str:
    """Write the events as a table for people."""
    if not take.events:
        return "no events"
    lines = [f"{'kind':<6} {'onset':>8} {'apex':>8} {'offset':>8} {'size px':>13} {'sure':>5}  units, emotion"]
    lines += [
        f"{event.kind:<6} {event.onset_s:8.3f} {event.apex_s:8.3f} {event.offset_s:8.3f} "
        f"{event.peak_px:6.2f} ±{event.peak_std_px:5.2f} {event.confidence:5.0%}  {_said(event)}"
        for event in take.events
    ]
    return "\n".join(lines)


def _said(event: Event) -> str:
    """The strongest units, and the emotion where it is known."""
    return ", ".join(filter(None, (" ".join(event.units[:3]), event.emotion)))


def visible(take: Take) -> str:
    """Say how small a motion the footage can show, and why no smaller."""
    if not take.noise_px:
        return "not estimated"
    usual = float(np.median(list(take.noise_px.values())))
    regions = ", ".join(f"{region} {value:.2f}" for region, value in take.noise_px.items())
    return f"{usual:.2f} px, because of {REASONS.get(take.noise_reason, 'its picture')} ({regions})"


def detail(take: Take) -> str:
    """Say how many detail modes there are, and what is lost where so few cannot hold the detail that was solved."""
    count = f"{len(take.detail_basis)} detail modes"
    if take.detail_kept >= DETAIL_ENOUGH:
        return count
    return f"{count}, which hold only {take.detail_kept:.0%} of the energy of the detail that was found"


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write event rows as a table with a header line, atomically."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def terms(told: dict[str, Any]) -> str:
    """Name, licence and citation of a take's `head`, in one line."""
    name, licence, citation = (str(told.get(key, "")) for key in ("name", "licence", "citation"))
    return (name or "unknown") + (f"; {licence}" if licence else "") + (f"; please cite {citation}" if citation else "")


def describe(take: Take) -> dict[str, str]:
    """Say the main facts of a take in words."""
    frames = len(take.time_s)
    measured = int(np.count_nonzero(take.valid == MEASURED))
    missing = int(np.count_nonzero(take.valid >= NO_FACE))
    kinds = [event.kind for event in take.events]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    return {
        "source": str(take.source.get("path", "unknown")),
        "frames": f"{frames} at {float(take.source.get('fps', 0)):.6g} a second",
        "time": f"{take.time_s[0]:.3f} s to {take.time_s[-1]:.3f} s",
        "measured": f"{measured} frames, {frames - measured - missing} bridged, {missing} without a result",
        "hidden in part": f"{int(np.count_nonzero(take.covered.any(1)))} frames",
        "picture": f"{take.size[0]} x {take.size[1]} px, focal length {take.camera[0, 0]:.0f} px",
        "head": terms(take.head),
        "keys": f"{len(take.expression_names)} units, {detail(take)}",
        "smallest visible": visible(take),
        "events": counts or "none",
        "schema": str(take.schema_version),
    }
