# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's plots, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .table import groups, median, ratio, total

Row = dict[str, Any]
Line = tuple[str, Sequence[tuple[float, float]]]
COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf")


@dataclass(frozen=True)
class Axes:
    """A plot 680 x 380 with its data's range; the key stands to the right."""

    title: str
    across: str
    up: str
    ticks: Sequence[tuple[float, str]]  #: along x
    top: float  #: of y; the bottom is 0

    def place(self, x: float, y: float) -> tuple[float, float]:
        low, high = self.ticks[0][0], self.ticks[-1][0]
        return 70 + 460 * (x - low) / max(high - low, 1e-9), 310 - 260 * min(y, self.top) / self.top

    def draw(self, lines: Sequence[Line]) -> str:
        parts = [_text(280, 26, self.title, 15), _text(300, 368, self.across), _text(18, 180, self.up, tilt=-90)]
        for k in range(5):
            height = self.top * k / 4
            x, y = self.place(self.ticks[0][0], height)
            parts += [
                f'<line x1="{x}" y1="{y:.1f}" x2="530" y2="{y:.1f}" stroke="#ddd"/>',
                _text(48, y + 4, f"{height:g}"),
            ]
        tilt = -30 if len(self.ticks) > 8 else 0
        parts += [_text(self.place(x, 0)[0], 330, label, 11, tilt) for x, label in self.ticks]
        for number, (name, points) in enumerate(lines):
            parts += self._line(name, points, COLOURS[number % len(COLOURS)], number)
        head = '<svg xmlns="http://www.w3.org/2000/svg" width="680" height="380" font-family="sans-serif">'
        return "\n".join([head, '<rect width="680" height="380" fill="#fff"/>', *parts, "</svg>"]) + "\n"

    def _line(self, name: str, points: Sequence[tuple[float, float]], colour: str, number: int) -> list[str]:
        places = [self.place(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        key = 60 + 18 * number
        return [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots,
            f'<line x1="545" y1="{key}" x2="569" y2="{key}" stroke="{colour}" stroke-width="2"/>',
            _text(575, key + 4, name, anchor="start"),
        ]  # fmt: skip


def _text(x: float, y: float, text: str, size: int = 12, tilt: int = 0, anchor: str = "middle") -> str:
    turned = f' transform="rotate({tilt} {x:.1f} {y:.1f})"' if tilt else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'


def write_charts(rows: list[Row], out: Path) -> list[Path]:
    """The detection limit, one plot for each condition that has several levels, and the error bars."""
    good = [row for row in rows if "error" not in row]
    charts = {"detection": _detection(good), "calibration": _calibration(good)}
    for condition in dict.fromkeys(name for name, _ in groups(good)):
        charts[condition.replace(" ", "-")] = _condition(good, condition)
    paths = []
    for name, text in charts.items():
        if text:
            paths.append(out / f"{name}.svg")
            paths[-1].write_text(text, encoding="utf-8")
    return paths


def _detection(rows: list[Row]) -> str:
    levels = {level: part for (condition, level), part in groups(rows).items() if condition == "reference" and level}
    if len(levels) < 2:
        return ""
    found = [(np.log2(k), ratio(total(p, "events_hit"), total(p, "events_true")) or 0.0) for k, p in levels.items()]
    errors = [(name, [(np.log2(k), median(p, name) or 0.0) for k, p in levels.items()]) for name in ("err2d", "err3d")]
    ticks = [(float(np.log2(level)), f"{level:g}") for level in levels]
    return Axes("Detection limit", "peak of the motion, px", "share or relative error", ticks, 1.2).draw(
        [("events found", found), *errors]
    )


def _condition(rows: list[Row], condition: str) -> str:
    levels = {level: part for (name, level), part in groups(rows).items() if name == condition}
    if len(levels) < 2:
        return ""
    lines = []
    for column in ("err2d", "err3d", "gain"):
        values = [(float(k), median(part, column)) for k, part in enumerate(levels.values())]
        lines.append((column, [(x, y) for x, y in values if y is not None]))
    ticks = [(float(k), f"{level:g}") for k, level in enumerate(levels)]
    return Axes(f"Error by {condition}", condition, "relative error; gain", ticks, 1.2).draw(lines)


def _calibration(rows: list[Row]) -> str:
    names = list(dict.fromkeys(name for name, _ in groups(rows)))
    if len(names) < 2:
        return ""
    parts = [[row for row in rows if row["plan"]["condition"] == name] for name in names]
    lines: list[Line] = []
    for label, column, aim in (("within 1 σ", "within1", 0.68), ("within 2 σ", "within2", 0.95)):
        lines.append((label, [(float(k), median(part, column) or 0.0) for k, part in enumerate(parts)]))
        lines.append((f"{aim} is right", [(0.0, aim), (float(len(names) - 1), aim)]))
    ticks = [(float(k), name.split("_")[0].split()[0]) for k, name in enumerate(names)]
    return Axes("Do the error bars hold?", "condition", "share of the truth", ticks, 1.0).draw(lines)
