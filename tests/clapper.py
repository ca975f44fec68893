# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage with sound: silence, and one beep at a known time, as a clapperboard makes it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE, BEEP_S = 44100, 0.1
CODECS = {".mpg": ("mpeg2video", "mp2")}  # of other files: H.264 and AAC


def film(path: Path, pictures: Sequence[NDArray[np.uint8]], fps: int, beep_s: float, starts_s: float = 0.0) -> Path:
    """Write pictures (H, W, 3) with sound that begins at `starts_s` and beeps for BEEP_S from `beep_s` on."""
    with av.open(str(path), "w") as file:
        video, audio = CODECS.get(path.suffix, ("libx264", "aac"))
        picture, sound = file.add_stream(video, rate=fps), file.add_stream(audio, rate=RATE, layout="mono")
        picture.pix_fmt = "yuv420p"
        picture.height, picture.width = pictures[0].shape[:2]
        for number, shown in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(shown, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(picture.encode(frame))
        file.mux(picture.encode())
        wave = np.zeros(round((len(pictures) / fps - starts_s) * RATE), np.float32)
        first = round((beep_s - starts_s) * RATE)
        wave[first : first + round(BEEP_S * RATE)] = 0.8 * np.sin(
            np.arange(round(BEEP_S * RATE)) * 2 * np.pi * 1000 / RATE
        )
        for place in range(0, len(wave), 1024):
            heard = av.AudioFrame.from_ndarray(wave[None, place : place + 1024], format="fltp", layout="mono")
            heard.sample_rate, heard.time_base = RATE, Fraction(1, RATE)
            heard.pts = place + round(starts_s * RATE)
            file.mux(sound.encode(heard))
        file.mux(sound.encode())
    return path


def beep_of(path: Path) -> tuple[float, float]:
    """When a file's beep begins and ends, s on the clock of the file."""
    times, levels = [], []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            wave = frame.to_ndarray().astype(float)
            wave = wave.reshape(-1, frame.layout.nb_channels).T if not frame.format.is_planar else wave
            times.append(float(frame.pts * frame.time_base) + np.arange(wave.shape[1]) / frame.sample_rate)
            levels.append(np.abs(wave[0]))
    return loud(np.concatenate(times), np.concatenate(levels))


def loud(times: NDArray[np.float64], level: NDArray[np.float64]) -> tuple[float, float]:
    """First and last time at which more than a third of the largest level is heard."""
    heard = times[level > level.max() / 3]
    return float(heard[0]), float(heard[-1])
