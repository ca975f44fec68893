# SPDX-License-Identifier: GPL-3.0-or-later
"""Three panels and a time line, frame by frame into an mp4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import project
from ..errors import MicrofaceError
from ..mesh import hidden_vertices, refuse_other_head, vertices_at
from ..types import BRIDGED, Clip, Floats, Ints, Progress, Take
from ..video import frames, write_video
from ..video.sound import Samples, sound, sound_start
from .drawing import Surface, Wireframe
from .magnified import Performance, performance
from .text import write
from .timeline import TimeLine
from .view import View, fitted, view_of

PANEL_HEIGHT, WIDEST_PANEL = 540, 640  # px
FASTEST = 30.0  # pictures a second
REAL = 1.01  # a slower speed is no longer called real
SLOW_FRAMES = 1800  # longer clips are shown at real speed


def write_preview(
    path: str | Path,
    clip: Clip,
    take: Take,
    head: HeadModel,
    progress: Progress,
    magnification: float | None = None,
) -> None:
    """Write footage | solved head on it | its motion magnified, with events and time under them, and the footage's sound.

    Sound goes with real speed only: fast footage is shown slowed down, and silent.

    Args:
        path: target, .mp4.
        clip: the footage the take was made from.
        take: the result.
        head: the head it was made with.
        progress: told after every picture.
        magnification: factor of the third panel; None chooses one at which the largest event is clearly seen.

    Raises:
        MicrofaceError: ``other_clip`` or ``other_head`` when they do not fit the take, ``no_face``, or what
            `write_video` raises.
    """
    refuse_other_head(take, head)
    numbers, count = take.footage_frames, len(take.time_s)
    if (clip.width, clip.height) != take.size or numbers[-1] >= len(clip.time_s):
        text = f"{clip.path} is not the footage of this take: its size or its length differ."
        raise MicrofaceError("other_clip", text, "Give the video that was reconstructed.")
    if not (take.valid <= BRIDGED).any():
        raise MicrofaceError("no_face", "The take holds no frame with a face.", "Choose another part with --range.")
    time_s = clip.time_s[numbers]
    fps = float((count - 1) / (time_s[-1] - time_s[0])) if count > 1 else clip.fps  # where it varies, of this stretch
    step, rate = _pace(count, fps)
    slower = fps / step / rate
    panels = _Panels(take, head, magnification, _speed(slower))
    pictures = _pictures(panels, clip, numbers, step, progress)
    if slower < REAL:  # at the footage's own times, which need not be regular
        shown_s = (time_s - time_s[0])[::step]
        write_video(path, pictures, rate, sound=_sound(clip, time_s, 1 / fps), time_s=shown_s.tolist())
    else:
        write_video(path, pictures, rate)


def _sound(clip: Clip, time_s: Floats, last_s: float) -> Iterator[Samples] | None:
    """The sound of a stretch whose last picture stands for `last_s`; None where the footage has none at all."""
    if sound_start(clip.path) is None:
        return None
    return sound(clip.path, float(time_s[0]), float(time_s[-1]) + last_s)


def _pictures(panels: _Panels, clip: Clip, numbers: Ints, step: int, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    """Those of every `step`-th frame of a take, which has these numbers in the footage."""
    apart = step * int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
    footage = frames(clip, int(numbers[0]), int(numbers[-1]) + 1, apart)
    for row, frame in zip(range(0, len(numbers), step), footage, strict=True):
        progress("preview", row / len(numbers))
        yield panels.draw(frame.rgb, row)


def _pace(count: int, fps: float) -> tuple[int, float]:
    """Which frames are shown, and how many a second: every one, slowed down, unless that would take minutes."""
    if fps <= FASTEST:
        return 1, fps
    if count <= SLOW_FRAMES:
        return 1, FASTEST
    step = int(np.ceil(fps / FASTEST))
    return step, fps / step


def _speed(factor: float) -> str:
    """`factor` is source seconds' frames over shown ones: 6.7 reads "1/6.7 speed"."""
    return "real speed" if factor < REAL else f"1/{factor:.1f} speed"


class _Panels:
    """All that stays the same from picture to picture."""

    def __init__(self, take: Take, head: HeadModel, magnification: float | None, speed: str) -> None:
        self._take, self._head, self._speed = take, head, speed
        self._performance: Performance = performance(take, head)
        self._factor = self._performance.factor() if magnification is None else magnification
        self._view = _footage_view(take)
        rest = project(self._performance.vertices(None, 1.0), take.camera)[:, :2]
        self._still = fitted(rest, self._view.width, self._view.height)
        self._wireframe, self._surface = Wireframe(head), Surface(head)
        self._time_line = TimeLine(take, self._performance.course_px(), 3 * self._view.width)

    def draw(self, rgb: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: one picture of the video."""
        footage = self._view.cut(rgb)
        titles = ("footage", "head", f"motion x {self._factor:g}")
        drawn = (footage, self._with_head(footage, index), self._magnified(index))
        row = np.concatenate(drawn, axis=1)
        for number, title in enumerate(titles):
            write(row, title, (number * self._view.width + 12, 26), size=0.6)
        return np.concatenate([row, self._time_line.draw(index, self._speed)])

    def _with_head(self, footage: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        if self._take.valid[index] > BRIDGED:
            blank = footage.copy()
            write(blank, "not measured", (12, self._view.height - 14), (255, 150, 150))
            return blank
        vertices = vertices_at(self._take, self._head, index)
        hidden = hidden_vertices(self._take, index)
        drawn = self._wireframe.draw(footage, vertices, self._take.camera, self._view, hidden)
        if hidden.any():
            write(drawn, "red: hidden, not measured", (12, self._view.height - 14), (255, 150, 150))
        return drawn

    def _magnified(self, index: int) -> NDArray[np.uint8]:
        vertices = self._performance.vertices(index, self._factor)
        picture = self._surface.draw(vertices, self._take.camera, self._still)
        if self._take.valid[index] > BRIDGED:
            picture //= 2
        return picture


def _footage_view(take: Take) -> View:
    """Where the face is during the take, with its surroundings."""
    marks = take.landmarks[np.isfinite(take.landmarks).all((1, 2))]
    points = marks.reshape(-1, 2) if len(marks) else np.array([[0, 0], take.size], float)
    return view_of(points, PANEL_HEIGHT, WIDEST_PANEL)
