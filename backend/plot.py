# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of how far each region of a face moves over time, against what its footage can show.

One row for each region: its motion with its deviation as a band, the smallest visible motion as a dashed line, events
shaded. What is below the line may be noise and is drawn dim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from .atomic import whole_file
from .deviation import motion_basis, motion_deviation
from .mesh import refuse_other_head, vertices_at
from .noise import REGIONS
from .preview.text import write
from .preview.timeline import KINDS
from .types import BRIDGED, Event, Take

Array = NDArray[np.float64]

WIDTH, ROW, TOP, BOTTOM = 1600, 132, 64, 40  #: px
LEFT, RIGHT = 156, 24  # px beside the curves
WORDS = (
    "motion from rest, px in the footage. Band: one deviation. "
    "Dashed: the smallest visible motion; what is below it may be noise"
)
_GROUND, _ROOM = (24, 26, 30), (36, 39, 45)
_CURVE, _DIM, _BAND, _FLOOR, _WORDS = (236, 240, 246), (112, 118, 128), (92, 104, 122), (255, 120, 110), (168, 174, 184)
_SHOWN = 1.15  # of the largest motion, or of twice the smallest visible one: what a row is high
_DASH = 7  # px
_BITS = 4  # of a pixel's fraction


@dataclass(frozen=True)
class RegionMotion:
    """How far the skin of a region moves by expression, jaw included, from the face at rest."""

    name: str
    px: Array  #: (T,) RMS over its points, px of the footage; NaN where nothing was measured
    std_px: Array  #: (T,)
    floor_px: float  #: smallest visible motion; NaN where nobody measured it


def region_motions(take: Take, head: HeadModel) -> list[RegionMotion]:
    """The motion of every region that the head has.

    Raises:
        MicrofaceError: ``other_head``.
    """
    refuse_other_head(take, head)
    marks = {name: np.isin(head.landmark_index, members) for name, members in REGIONS.items()}
    members = {name: np.unique(head.faces[head.landmark_triangle[own]]) for name, own in marks.items() if own.any()}
    vertex = np.unique(np.concatenate(list(members.values())))
    first = int(np.flatnonzero(take.valid <= BRIDGED)[0])
    scale = _scale(take, head, vertex, first)
    motion = scale * _motion(take, head, vertex, first)
    std = scale * motion_deviation(take, head, vertex)[..., :2]
    rows = {name: np.searchsorted(vertex, own) for name, own in members.items()}
    return [
        RegionMotion(name, _rms(motion[:, own]), _rms(std[:, own]) / np.sqrt(2), take.noise_px.get(name, np.nan))
        for name, own in rows.items()
    ]


def draw_plot(take: Take, head: HeadModel, events: Sequence[Event] | None = None) -> NDArray[np.uint8]:
    """(H, WIDTH, 3) uint8 RGB.

    Args:
        take: the result.
        head: the head it was made with.
        events: what is shaded; None: the take's own.

    Raises:
        MicrofaceError: ``other_head``.
    """
    motions = region_motions(take, head)
    picture = np.full((TOP + ROW * len(motions) + BOTTOM, WIDTH, 3), _GROUND, np.uint8)
    axis = _Axis(take)
    shaded = take.events if events is None else events
    for number, motion in enumerate(motions):
        _Row(picture, axis, TOP + number * ROW, motion).draw(shaded)
    _titles(picture, axis, shaded)
    _times(picture, axis)
    return picture


def write_plot(path: Path, take: Take, head: HeadModel) -> None:
    """Write the picture as .png or .jpg.

    Raises:
        MicrofaceError: ``other_head`` or as `atomic.whole_file`.
    """
    done, encoded = cv2.imencode(path.suffix, draw_plot(take, head)[..., ::-1])
    assert done
    with whole_file(path) as part:
        part.write_bytes(encoded.tobytes())


def _scale(take: Take, head: HeadModel, vertex: NDArray[np.int64], first: int) -> Array:
    """(T, n, 1) px per metre across the line of sight, with the head turned as in the first frame."""
    ahead = vertices_at(take, head, first)[vertex, 2] - take.translation[first, 2]
    return np.asarray(take.camera[0, 0] / (take.translation[:, 2, None] + ahead))[..., None]


def _motion(take: Take, head: HeadModel, vertex: NDArray[np.int64], first: int) -> Array:
    """(T, n, 2) m, camera axes, from the face at rest; head motion does not count."""
    usable = np.flatnonzero(take.valid <= BRIDGED)
    at_rest = np.intersect1d(take.template_frames, usable)
    jaw = take.pose[:, head.joint_names.index("jaw"), :2]
    values = np.concatenate([take.expression, jaw, take.detail], axis=1).astype(float)
    values -= np.median(values[at_rest if len(at_rest) else usable], axis=0)
    values[take.valid > BRIDGED] = np.nan
    return np.asarray(np.tensordot(values, motion_basis(take, head, vertex, first)[..., :2], 1))


def _rms(motion: Array) -> Array:
    """(T,) of motions (T, n, 2)."""
    return np.asarray(np.sqrt((motion**2).sum(2).mean(1)))


class _Axis:
    """Times along the picture."""

    def __init__(self, take: Take) -> None:
        self.time_s = take.time_s
        self.first, self.last = float(take.time_s[0]), float(take.time_s[-1])

    def x(self, time_s: float) -> float:
        """Px."""
        return LEFT + (time_s - self.first) / max(self.last - self.first, 1e-9) * (WIDTH - LEFT - RIGHT - 1)

    def ticks(self) -> Iterator[float]:
        """Some ten round times."""
        step = max((self.last - self.first) / 10, 1e-3)
        size = 10 ** np.floor(np.log10(step))
        step = next(k * size for k in (1, 2, 5, 10) if k * size >= step)
        yield from np.arange(np.ceil(self.first / step - 1e-6), np.floor(self.last / step + 1e-6) + 1) * step


class _Row:
    """One region's room in the picture."""

    def __init__(self, picture: NDArray[np.uint8], axis: _Axis, top: int, motion: RegionMotion) -> None:
        self._picture, self._axis, self._motion = picture, axis, motion
        self._top, self._bottom = top + 8, top + ROW - 4
        highest = np.nanmax(motion.px, initial=0.0)
        self._full = _SHOWN * float(np.nanmax([highest, 2 * motion.floor_px, 0.1]))

    def draw(self, events: Sequence[Event]) -> None:
        """Ground, events, band, line, curve, words."""
        self._picture[self._top : self._bottom, LEFT : WIDTH - RIGHT] = _ROOM
        for event in events:
            self._shade(event)
        self._band()
        self._floor()
        self._curve()
        write(self._picture, self._motion.name, (14, (self._top + self._bottom) // 2 + 6), size=0.62)
        write(self._picture, f"{self._full:.2g} px", (LEFT - 8, self._top + 12), _WORDS, 0.4, right=True)

    def _shade(self, event: Event) -> None:
        left, right = round(self._axis.x(event.onset_s)), round(self._axis.x(event.offset_s))
        part = self._picture[self._top : self._bottom, max(left, LEFT) : min(right + 1, WIDTH - RIGHT)]
        part[:] = 0.7 * part + 0.3 * np.array(KINDS[event.kind])

    def _y(self, px: Array | float) -> Array:
        share = np.clip(np.asarray(px, float) / self._full, 0, 1)
        return np.asarray(self._bottom - 2 - share * (self._bottom - self._top - 4))

    def _band(self) -> None:
        low, high = self._motion.px - self._motion.std_px, self._motion.px + self._motion.std_px
        band = self._picture.copy()
        for run in _runs(np.isfinite(high)):
            upper, lower = self._points(run, high), self._points(run, low)
            cv2.fillPoly(band, [np.concatenate([upper, lower[::-1]])], _BAND, cv2.LINE_AA, _BITS)
        part = slice(self._top, self._bottom)
        self._picture[part] = cv2.addWeighted(band[part], 0.6, self._picture[part], 0.4, 0)

    def _floor(self) -> None:
        if not np.isfinite(self._motion.floor_px):
            return
        y = round(float(self._y(self._motion.floor_px)))
        for x in range(LEFT, WIDTH - RIGHT, 2 * _DASH):
            cv2.line(self._picture, (x, y), (min(x + _DASH, WIDTH - RIGHT - 1), y), _FLOOR, 1, cv2.LINE_AA)
        write(
            self._picture,
            f"{self._motion.floor_px:.2f} px",
            (LEFT - 8, min(y + 5, self._bottom)),
            _FLOOR,
            0.4,
            right=True,
        )

    def _curve(self) -> None:
        px, floor = self._motion.px, np.nan_to_num(self._motion.floor_px)
        for run in _runs(np.isfinite(px)):
            cv2.polylines(self._picture, [self._points(run, px)], False, _DIM, 1, cv2.LINE_AA, _BITS)
        above = px > floor
        for run in _runs(above | np.append(above[1:], False) | np.append(False, above[:-1])):
            part = run[np.isfinite(px[run])]
            cv2.polylines(self._picture, [self._points(part, px)], False, _CURVE, 2, cv2.LINE_AA, _BITS)

    def _points(self, frames: NDArray[np.int64], px: Array) -> NDArray[np.int32]:
        """(n, 2) px of some frames, fixed point."""
        x = np.array([self._axis.x(float(time)) for time in self._axis.time_s[frames]])
        return np.asarray(np.round(np.stack([x, self._y(px[frames])], 1) * 2**_BITS).astype(np.int32))


def _runs(inside: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """The frames (n,) of each stretch for which something holds."""
    frames = np.flatnonzero(inside)
    yield from (run for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(run))


def _titles(picture: NDArray[np.uint8], axis: _Axis, events: Sequence[Event]) -> None:
    """Each event's kind and strongest unit at its apex, where there is room; and what the line means."""
    write(picture, WORDS, (LEFT, 22), _WORDS, 0.5)
    free = 0.0
    for event in sorted(events, key=lambda event: event.apex_s):
        x = axis.x(event.apex_s)
        text = " ".join((event.kind, *event.units[:1]))
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 0.45, 1)
        left = min(max(x - width / 2, LEFT), WIDTH - width - 4)
        if left > free:
            write(picture, text, (round(left), TOP - 10), KINDS[event.kind], 0.45)
            free = left + width + 12


def _times(picture: NDArray[np.uint8], axis: _Axis) -> None:
    bottom = picture.shape[0] - BOTTOM
    for time in axis.ticks():
        x = round(axis.x(time))
        cv2.line(picture, (x, bottom - 3), (x, bottom + 5), _WORDS, 1)
        write(picture, f"{time + 0.0:g} s", (x + 18, bottom + 24), _WORDS, 0.45, right=True)
