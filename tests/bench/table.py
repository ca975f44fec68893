# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of results.jsonl as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Row = dict[str, Any]
WITH_DEPTH = 0.15  # least share of the motion that is depth for errz to mean something
COLUMNS = (
    "coverage", "err2d", "err3d", "errz", "gain", "corr", "apex_err", "floor_px", "peak_false_px", "within1", "within2",
)  # fmt: skip
TITLES = (
    "coverage", "err2d", "err3d", "errz", "gain", "corr", "apex, frames", "floor, px", "largest false, px",
    "in 1 σ", "in 2 σ",
)  # fmt: skip


def tables(rows: list[Row], left_out: list[str]) -> str:
    """Accuracy, detection, events and error bars, and what was used."""
    good = [row for row in rows if "error" not in row]
    faces = sorted({row["plan"]["face"] for row in rows})
    parts = [
        f"{len(rows)} clips, {len(faces)} faces: {', '.join(faces)}."
        + (f" Left out, no shared material: {', '.join(left_out)}." if left_out else ""),
        _cost(good),
        "Medians by condition; errz over clips with more than 15 % of the motion in depth, its worst over all.",
        _accuracy(good),
        _depth(good),
        "Detection at the reference condition:",
        _detection(good),
        "Truth within the error bars by condition, means over the clips; clips without an expression by themselves:",
        _bars(good),
        "Events by condition:",
        _events(good),
        *(f"- {row['plan']['name']} ({row['plan']['face']}): {row['error']}" for row in rows if "error" in row),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cost(rows: list[Row]) -> str:
    made, solved = median(rows, "made_s"), median(rows, "solved_s")
    return (
        ""
        if made is None or solved is None
        else f"A clip is made in {made:.1f} s and solved in {solved:.1f} s (medians)."
    )


def groups(rows: Iterable[Row]) -> dict[tuple[str, float], list[Row]]:
    """By condition and level, in the order of the split."""
    found: dict[tuple[str, float], list[Row]] = {}
    order = {"reference": 0, "strong drift": 1}
    ordered = sorted(
        rows, key=lambda r: (order.get(r["plan"]["condition"], 2), r["plan"]["condition"], r["plan"]["level"])
    )
    for row in ordered:
        found.setdefault((row["plan"]["condition"], row["plan"]["level"]), []).append(row)
    return found


def median(rows: list[Row], column: str) -> float | None:
    """None when no row has it."""
    if column == "errz":
        rows = [row for row in rows if row.get("depth_share", 0) > WITH_DEPTH]
    values = [row[column] for row in rows if row.get(column) is not None and np.isfinite(row[column])]
    return float(np.median(values)) if values else None


def total(rows: list[Row], column: str) -> float:
    return float(sum(row.get(column, 0) for row in rows))


def ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _accuracy(rows: list[Row]) -> str:
    lines = [
        [
            condition,
            f"{level:g}",
            len(part),
            *(median(part, c) for c in COLUMNS),
            max((r["errz"] for r in part if "errz" in r), default=None),
        ]
        for (condition, level), part in groups(rows).items()
    ]
    return markdown(["condition", "level", "clips", *TITLES, "worst errz"], lines)


def _depth(rows: list[Row]) -> str:
    deep = [row for row in rows if row.get("depth_share", 0) > WITH_DEPTH]
    found = median(deep, "errz")
    return (
        ""
        if found is None
        else f"errz over all {len(deep)} clips with more than 15 % of the motion in depth: {found:.3f}."
    )


def _detection(rows: list[Row]) -> str:
    """Share of events found, by the size of the motion."""
    part = {key: rows for key, rows in groups(rows).items() if key[0] == "reference" and key[1]}
    lines = [
        [f"{level:g}", len(rows), ratio(total(rows, "events_hit"), total(rows, "events_true")), median(rows, "err2d"),
         median(rows, "event_px"), median(rows, "event_std_px")]
        for (_, level), rows in part.items()
    ]  # fmt: skip
    return markdown(["peak, px", "clips", "found", "err2d", "size found, px", "its σ, px"], lines) if lines else ""


def _bars(rows: list[Row]) -> str:
    """Share of the truth within one and two deviations, in the picture and in depth."""
    parts: dict[str, list[Row]] = {}
    for row in (row for row in rows if "within1" in row):
        moves = row["plan"]["amp_px"] > 0
        parts.setdefault(row["plan"]["condition"] + ("" if moves else ", still"), []).append(row)
    within = ("within1", "within2", "within1z", "within2z")
    lines = [
        [name, len(part), *(float(np.mean([r[column] for r in part])) for column in within)]
        for name, part in parts.items()
    ]
    return markdown(["condition", "clips", "in 1 σ", "in 2 σ", "depth in 1 σ", "depth in 2 σ"], lines)


def _events(rows: list[Row]) -> str:
    sets: dict[str, Callable[[Row], bool]] = {
        name: (lambda row, name=name: row["plan"]["condition"] == name)
        for name in dict.fromkeys(condition for condition, _ in groups(rows))
    }
    lines = [_event_line(name, [row for row in rows if test(row)]) for name, test in sets.items()]
    lines.append(_event_line("all", rows))
    titles = ["condition", "minutes", "precision", "recall", "false a minute", "blinks named", "blinks invented",
              "glances named", "glances invented", "size in 1 σ", "size in 2 σ"]  # fmt: skip
    return markdown(titles, lines)


def _event_line(name: str, rows: list[Row]) -> list[Any]:
    hit, false, minutes = total(rows, "events_hit"), total(rows, "events_false"), total(rows, "seconds") / 60
    sizes = [abs(row["event_error_px"]) / max(row["event_std_px"], 1e-9) for row in rows if "event_px" in row]
    return [
        name, minutes, ratio(hit, hit + false), ratio(hit, total(rows, "events_true")), ratio(false, minutes),
        ratio(total(rows, "blinks_named"), total(rows, "blinks_true")), total(rows, "blinks_false"),
        ratio(total(rows, "gazes_named"), total(rows, "gazes_true")), total(rows, "gazes_false"),
        ratio(sum(s < 1 for s in sizes), len(sizes)), ratio(sum(s < 2 for s in sizes), len(sizes)),
    ]  # fmt: skip


def markdown(titles: list[str], lines: list[list[Any]]) -> str:
    body = [titles, ["---"] * len(titles), *([_cell(value) for value in line] for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in body)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
