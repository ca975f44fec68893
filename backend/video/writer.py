# SPDX-License-Identifier: GPL-3.0-or-later
"""H.264 in mp4, with sound where there is some: for previews, and for clips that tests make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from ..atomic import whole_file
from ..errors import MicrofaceError
from .sound import RATE, Samples

_REC709, _LIMITED = 1, 1  # AVColorSpace, AVColorRange
_TICK = Fraction(1, 90000)  # s: clock of pictures whose rate is not constant


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: float,
    crf: int = 18,
    sound: Iterator[Samples] | None = None,
    time_s: Sequence[float] | None = None,
) -> None:
    """Write pictures as H.264 (yuv420p, Rec. 709, limited range); the file appears when it is whole.

    Args:
        path: target, ending in .mp4.
        frames: (H, W, 3) uint8 RGB of one size; an odd side is extended by a copy of its last line.
        fps: pictures a second.
        crf: 0 keeps every sample of the 4:2:0 picture, 12 is hard to tell from it, 23 is the encoder's usual choice.
        sound: blocks (2, n) of `RATE` samples a second, from the first picture's time on, as `sound.sound` gives; None: silent.
        time_s: when each picture is shown, rising from 0, where the rate is not constant.

    Raises:
        MicrofaceError: ``disk_full``, ``read_only``, ``not_written``; ``empty`` when there is no frame.
    """
    path = Path(path)
    with whole_file(path) as part:
        try:
            _encode(part, frames, Fraction(fps).limit_denominator(1001), crf, sound, time_s)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _encode(
    part: Path,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    crf: int,
    sound: Iterator[Samples] | None,
    time_s: Sequence[float] | None,
) -> None:
    stream: av.VideoStream | None = None
    track: _Track | None = None
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        for number, picture in enumerate(frames):
            picture = _even(picture)
            if stream is None:
                stream = target.add_stream("libx264", rate, options={"crf": str(crf), "preset": "veryfast"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                context = stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = _REC709
                context.color_range = _LIMITED
                if time_s is not None:
                    stream.time_base = context.time_base = _TICK
                track = _Track(target, sound) if sound else None
            frame = _yuv(picture)
            if time_s is not None:
                frame.pts, frame.time_base = round(time_s[number] / _TICK), _TICK
            target.mux(stream.encode(frame))
            if track:
                track.write((number + 1) / rate)
        if stream is None:
            raise MicrofaceError("empty", "There is no frame to write.", "Choose a longer range.")
        target.mux(stream.encode(None))
        if track:
            track.end()


class _Track:
    """AAC that keeps pace with the pictures, so that the file need not be held in memory to be interleaved."""

    def __init__(self, target: OutputContainer, sound: Iterator[Samples]) -> None:
        self._target, self._sound, self._written = target, sound, 0
        self._stream = target.add_stream("aac", rate=RATE, layout="stereo")

    def write(self, until_s: Fraction) -> None:
        """Take blocks until there are so many seconds, or none is left."""
        while self._written < until_s * RATE and (block := next(self._sound, None)) is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._written, Fraction(1, RATE)
            self._written += block.shape[1]
            self._target.mux(self._stream.encode(frame))

    def end(self) -> None:
        """What the encoder still holds."""
        self._target.mux(self._stream.encode(None))


def _yuv(picture: NDArray[np.uint8]) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(
        format="yuv420p", dst_colorspace=_REC709, src_color_range=2, dst_color_range=_LIMITED, threads=1
    )


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)
