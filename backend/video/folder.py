# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of images, through OpenCV: sorted by the numbers in their names, 8 or 16 bit, grey or colour."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MicrofaceError
from ..types import Clip, Frame
from .container import MAX_SIDE
from .pictures import StillPicture

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
FPS = 25.0  # images carry no clock


def open_clip(path: Path) -> Clip:
    """Size, names and hash of a folder of images; the clock is `FPS`."""
    files = _files(path)
    if not files:
        text = f"{path} holds no images ({', '.join(sorted(SUFFIXES))})."
        raise MicrofaceError("not_video", text, "Choose a video file or a folder of numbered images.")
    first = _read(files[0])
    height, width = first.shape[:2]
    if max(height, width) > MAX_SIDE:
        text = f"{files[0]} has {width} x {height} px; the limit is {MAX_SIDE} px a side."
        raise MicrofaceError("too_large", text, "Scale the images down.")
    return Clip(
        path=path,
        width=width,
        height=height,
        time_s=np.arange(len(files)) / FPS,
        fps=FPS,
        bit_depth=8 * first.itemsize,
        sha256=_hash(files),
    )


def frames(clip: Clip, wanted: range) -> Iterator[Frame]:
    """Read the images `wanted`, one at a time."""
    files = _files(clip.path)
    for index in wanted:
        place = index * clip.step
        if place >= len(files):
            raise MicrofaceError("no_file", f"Image {place} of {clip.path} is gone.", "Open the folder again.")
        samples = _read(files[place])
        if samples.shape[:2] != (clip.height, clip.width):
            size = f"{samples.shape[1]} x {samples.shape[0]}"
            text = f"{files[place]} has {size} px, the first image {clip.width} x {clip.height} px."
            raise MicrofaceError("mixed_sizes", text, "Use images of one size.")
        yield Frame(index, float(clip.time_s[index]), StillPicture(samples))


def _files(path: Path) -> list[Path]:
    images = (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    return sorted(images, key=_by_number)


def _by_number(file: Path) -> tuple[list[tuple[int, str]], str]:
    """`frame2` before `frame10`; the name itself decides between `2` and `02`."""
    parts = re.split(r"(\d+)", file.stem.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], file.name


def _read(file: Path) -> NDArray[Any]:
    """Grey (H, W) or BGR (H, W, 3); `fromfile` because OpenCV cannot open every path Windows can."""
    try:
        samples: NDArray[Any] | None = cv2.imdecode(
            np.fromfile(file, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
        )
    except (cv2.error, OSError):
        samples = None
    if samples is None or samples.dtype not in (np.uint8, np.uint16):
        text = f"{file} is not an image of 8 or 16 bit, or it is damaged."
        raise MicrofaceError("not_video", text, "Remove it from the folder or save it again.")
    return samples


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
