# SPDX-License-Identifier: GPL-3.0-or-later
"""Video files, through PyAV (FFmpeg).

OpenCV would lose what is under 8 bits and misdate the first frame of variable-rate files; FFmpeg's own timestamps
are exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..errors import MicrofaceError
from ..types import Clip, Frame
from .pictures import VideoPicture, bit_depth

MAX_SIDE = 16384  # px: twice 8K; a header that claims more is broken or hostile
SINGLE_FRAME_FPS = 25.0
_HEAD = 8  # frames decoded at the start to see whether the packets tell the truth
_THREADS = 4  # more would hold a dozen 8K pictures each
_REENCODE = "Open it in a player to check, or convert it to mp4 again."


def open_clip(path: Path) -> Clip:
    """Size, timing and hash of a video file, from its packets and a few decoded frames."""
    if path.stat().st_size == 0:
        raise MicrofaceError("empty", f"{path} is empty (0 bytes).", "Copy or download it again.")
    with _opened(path) as source:
        first = next(_decoded(source), None)
    if first is None:
        text = f"{path} is truncated or damaged at frame 0: no picture can be decoded."
        raise MicrofaceError("truncated", text, _REENCODE)
    turned = _turns(first) % 2 == 1
    time_s = _times(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Clip(
        path=path,
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        time_s=time_s,
        fps=float((len(time_s) - 1) / (time_s[-1] - time_s[0])) if len(time_s) > 1 else SINGLE_FRAME_FPS,
        bit_depth=bit_depth(first),
        sha256=digest,
    )


def frames(clip: Clip, wanted: range) -> Iterator[Frame]:
    """Decode to the frames `wanted` (not empty, rising). Nothing is converted here."""
    expected = iter(wanted)
    index = next(expected)
    for here, frame in _from(clip, wanted.start):
        if here > index:
            raise _damaged(clip, index)
        if here == index:
            yield Frame(index, float(clip.time_s[index]), VideoPicture(frame, _turns(frame)))
            following = next(expected, None)
            if following is None:
                return
            index = following
    raise _damaged(clip, index)


def _damaged(clip: Clip, index: int) -> MicrofaceError:
    text = f"Frame {index * clip.step} of {clip.path} cannot be decoded."
    return MicrofaceError("damaged", text, "Convert the video again, or choose frames before or after it with --range.")


def _from(clip: Clip, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Index and frame from `start` on, by way of the keyframe before it; from the beginning where seeking fails."""
    with _opened(clip.path) as source:
        if start > 0 and not _clockless(source) and _seek(source, clip.time_s[start]):
            numbered = _numbered(clip, source)
            landed = next(numbered, None)
            if landed is not None and landed[0] <= start:
                yield landed
                yield from numbered
                return
    with _opened(clip.path) as source:
        yield from _numbered(clip, source)


def _numbered(clip: Clip, source: InputContainer) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames with their position in `clip.time_s`; those that the clip does not count (a repeated time) are dropped."""
    last = -1
    for time, frame in _timed(source):
        index = int(np.searchsorted(clip.time_s, time))
        if last < index < len(clip.time_s) and clip.time_s[index] == time:
            last = index
            yield index, frame


def _times(path: Path) -> NDArray[np.float64]:
    """(T,) seconds of every frame: the packets', or the decoded frames' where the packets promise what is not there."""
    with _opened(path) as source:
        clockless = _clockless(source)
        time_s = np.array([] if clockless else _stamps(source))
    if len(time_s) and _holds(path, time_s):
        return time_s
    with _opened(path) as source:
        return np.unique([time for time, _ in _timed(source)])


def _stamps(source: InputContainer) -> list[float]:
    """Presentation times that the packets carry, in order; nothing is decoded."""
    packets = (packet for packet in _packets(source) if not packet.is_discard)
    return [_seconds(stamp, _stream(source)) for stamp in sorted({p.pts for p in packets if p.pts is not None})]


def _holds(path: Path, time_s: NDArray[np.float64]) -> bool:
    """Whether decoding gives these times at both ends, where damage and undecodable pictures are."""
    with _opened(path) as source:
        head = [time for time, _ in islice(_timed(source), _HEAD)]
    if head != time_s[:_HEAD].tolist():
        return False
    with _opened(path) as source:
        if not _seek(source, time_s[-1]):
            return False
        tail = [time for time, _ in _timed(source)]
    return bool(tail) and tail == time_s[time_s >= tail[0]].tolist()


def _opened(path: Path) -> InputContainer:
    """The container, or the reason in words. Only local files: a playlist must not reach for the network."""
    try:
        source = av.open(str(path), options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error
    stream = source.streams.best("video")
    if not isinstance(stream, VideoStream) or source.format.name == "tty":  # FFmpeg paints text files as ANSI art
        source.close()
        raise MicrofaceError("not_video", f"{path} holds no video.", "Choose a video file or a folder of images.")
    if max(stream.width, stream.height) > MAX_SIDE:
        source.close()
        text = f"{path} claims {stream.width} x {stream.height} px; the limit is {MAX_SIDE} px a side."
        raise MicrofaceError("too_large", text, "Scale the video down, or check that the file is whole.")
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = _THREADS
    return source


def _unreadable(path: Path, error: Exception) -> MicrofaceError:
    if not path.is_file():
        return MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the video.")
    if isinstance(error, PermissionError):
        return MicrofaceError("no_file", f"{path} may not be read.", "Check the permissions of the file.")
    text = f"{path} cannot be read: it is no video, or it is truncated before its index."
    return MicrofaceError("not_video", text, _REENCODE)


def _stream(source: InputContainer) -> VideoStream:
    stream = source.streams.best("video")
    assert isinstance(stream, VideoStream)  # `_opened` has checked
    return stream


def _packets(source: InputContainer) -> Iterator[av.Packet[VideoStream]]:
    """Packets until the end of what is there, then one empty packet that flushes the decoder."""
    try:
        yield from source.demux(_stream(source))
    except (av.error.FFmpegError, EOFError):
        return


def _decoded(source: InputContainer) -> Iterator[av.VideoFrame]:
    """Whole pictures in presentation order; what is broken is left out."""
    for packet in _packets(source):
        try:
            yield from (frame for frame in packet.decode() if not frame.is_corrupt)
        except av.error.FFmpegError:
            continue


def _timed(source: InputContainer) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with their seconds; a file without a clock runs at its nominal rate."""
    stream = _stream(source)
    rate = float(stream.average_rate or SINGLE_FRAME_FPS)
    clockless = _clockless(source)
    for count, frame in enumerate(_decoded(source)):
        yield (count / rate if clockless or frame.pts is None else _seconds(frame.pts, stream)), frame


def _clockless(source: InputContainer) -> bool:
    """Raw streams have no timestamps, and AVI has them in the order of decoding only, of use without B-frames."""
    reordered = source.format.name == "avi" and _stream(source).codec_context.has_b_frames
    return reordered or Flags.no_timestamps in Flags(source.format.flags)


def _seconds(stamp: int, stream: VideoStream) -> float:
    """The one place where ticks become seconds, so that equal stamps give equal floats."""
    assert stream.time_base is not None
    return float(stamp * stream.time_base)


def _seek(source: InputContainer, time: float) -> bool:
    """Go to the keyframe at or before `time`; False when the file cannot."""
    stream = _stream(source)
    assert stream.time_base is not None
    try:
        source.seek(round(time / stream.time_base), stream=stream)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def _turns(frame: av.VideoFrame) -> int:
    """Quarter turns counter-clockwise asked for by the rotation flag."""
    return round(frame.rotation / 90) % 4
