# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound of footage, on the clock of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 48000  #: samples a second that `sound` gives
_SLACK = RATE // 50  # what rounded time stamps may be off before a gap is one
_BEFORE_S = 0.5  # decoded before a stretch: codecs need some to get going


def sound_start(path: Path) -> float | None:
    """Time of the first sample in seconds, on the clock of `Clip.time_s`; None where a file or folder has no sound."""
    return next((time for time, _ in _decoded(path, None)), None) if path.is_file() else None


def sound(path: Path, start_s: float, end_s: float) -> Iterator[Samples]:
    """The sound from one time of the footage to another, as blocks (2, n) in -1..1, `RATE` samples a second.

    Before, between and after what the file holds there is silence; what is damaged is silent, too.
    """
    due, written = round((end_s - start_s) * RATE), 0
    for time, samples in _decoded(path, start_s):
        late = round((time - start_s) * RATE) - written
        if written and abs(late) < _SLACK:
            late = 0
        heard = samples[:, max(-late, 0) :][:, : max(due - written - max(late, 0), 0)]
        for block in (*_silence(min(late, due - written)), heard):
            if block.size:
                written += block.shape[1]
                yield block
        if written >= due:
            return
    yield from _silence(due - written)


def _silence(count: int) -> Iterator[Samples]:
    """In blocks of a second at most."""
    for first in range(0, count, RATE):
        yield np.zeros((2, min(RATE, count - first)), np.float32)


def _decoded(path: Path, start_s: float | None) -> Iterator[tuple[float, Samples]]:
    """Time and samples, from shortly before `start_s` on, or the beginning; nothing where there is no sound."""
    if start_s is not None and start_s > _BEFORE_S:
        rest = _from(path, start_s - _BEFORE_S)
        first = next(rest, None)
        if first is not None and first[0] <= start_s:  # else the file cannot be entered in its middle
            yield first
            yield from rest
            return
    yield from _from(path, None)


def _from(path: Path, seek_s: float | None) -> Iterator[tuple[float, Samples]]:
    """Time and samples from the packet before a time on, or all."""
    with suppress(av.error.FFmpegError, OSError), av.open(str(path), options={"protocol_whitelist": "file"}) as source:
        stream = source.streams.best("audio")
        if not isinstance(stream, AudioStream):
            return
        assert stream.time_base is not None
        if seek_s is not None:
            source.seek(round(seek_s / stream.time_base), stream=stream)
        stereo = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        for frame in _frames(source, stream):
            for part in stereo.resample(frame):
                if part.pts is not None:
                    time = float(part.pts * (part.time_base or Fraction(1, RATE)))
                    yield time, np.asarray(part.to_ndarray(), np.float32)


def _frames(source: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """What can be decoded; a packet that is damaged, or cut by the seek, is left out."""
    for packet in source.demux(stream):
        with suppress(av.error.FFmpegError):
            yield from packet.decode()
