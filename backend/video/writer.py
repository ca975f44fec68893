# SPDX-License-Identifier: GPL-3.0-or-later
"""H.264 in mp4: for previews, and for clips that tests make."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ..atomic import whole_file
from ..errors import MicrofaceError

_REC709, _LIMITED = 1, 1  # AVColorSpace, AVColorRange


def write_video(path: str | Path, frames: Iterable[NDArray[np.uint8]], fps: float, crf: int = 18) -> None:
    """Write pictures as H.264 (yuv420p, Rec. 709, limited range) at a constant rate; the file appears when it is whole.

    Args:
        path: target, ending in .mp4.
        frames: (H, W, 3) uint8 RGB of one size; an odd side is extended by a copy of its last line.
        fps: pictures a second.
        crf: 0 keeps every sample of the 4:2:0 picture, 12 is hard to tell from it, 23 is the encoder's usual choice.

    Raises:
        MicrofaceError: ``disk_full``, ``read_only``, ``not_written``; ``empty`` when there is no frame.
    """
    path = Path(path)
    with whole_file(path) as part:
        try:
            _encode(part, frames, Fraction(fps).limit_denominator(1001), crf)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _encode(part: Path, frames: Iterable[NDArray[np.uint8]], rate: Fraction, crf: int) -> None:
    stream: av.VideoStream | None = None
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        for picture in frames:
            picture = _even(picture)
            if stream is None:
                stream = target.add_stream("libx264", rate, options={"crf": str(crf), "preset": "veryfast"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                context = stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = _REC709
                context.color_range = _LIMITED
            target.mux(stream.encode(_yuv(picture)))
        if stream is None:
            raise MicrofaceError("empty", "There is no frame to write.", "Choose a longer range.")
        target.mux(stream.encode(None))


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
