# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest motion this footage can show, region by region, and what about it stands in the way.

Measured on the footage itself: skin at rest moves with the head and no other way, so what the dense motion claims beyond a
rigid head, in the time an expression takes, is false. That holds the sensor's noise, the codec's leftovers and light alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .motion.footage import DenseMotion
from .motion.region import EYES, INNER_LIPS
from .motion.window import BLUR, REFERENCE_FACE, highpass_spline
from .neutral import Neutral, Picture
from .solve.temporal import BANDWIDTH_HZ
from .types import Clip, Event, Floats
from .video import frames

Array = NDArray[np.float64]

REGIONS: dict[str, tuple[int, ...]] = {
    "brows": (70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    "eyes": EYES[0] + EYES[1],
    "nose": (1, 2, 4, 5, 98, 327, 129, 358),
    "mouth": (*INNER_LIPS, 61, 291, 0, 17),
    "cheeks": (50, 280, 205, 425, 117, 346),
    "jaw": (152, 148, 377, 176, 400),
}  #: tracker landmarks
LONGEST = 512  #: frames looked at
PICTURES = 16  #: consecutive ones whose leftover is compared
RIGID_POINTS = 300
FEWEST = 6  #: frames at rest that say how much it trembles; with fewer the picture's own residual must do
MOST_HELD = 0.95
#: footage in which none of the four stands out: a sensor of 1.5 grey levels, and a head-and-shoulders shot
USUAL_NOISE, USUAL_FACE_PX, USUAL_FPS = 0.5, 240.0, 100.0


@dataclass(frozen=True)
class Visibility:
    """What the footage can show.

    Attributes:
        px: smallest visible motion of each region, two deviations of the false motion, source px.
        reason: noise, compression, size or rate.
    """

    px: dict[str, float]
    reason: str


def visibility(clip: Clip, neutral: Neutral, motions: Sequence[DenseMotion], rest: NDArray[np.int64]) -> Visibility:
    """What the footage can show.

    Args:
        clip: the footage.
        neutral: the template at rest.
        motions: the stretches measured against it.
        rest: (K,) numbers of the frames at rest, in which nothing happens.
    """
    motion = max(motions, key=lambda one: len(_rows(one, rest)))
    first, count = _together(motion, rest)
    begin = motion.first + first
    pictures = [neutral.window.work(frame) for frame in frames(clip, begin, begin + count)]
    noise, held = leftover(neutral, motion, pictures, first)
    face_px = REFERENCE_FACE * neutral.window.scale * neutral.window.factor
    return Visibility(smallest_visible(neutral, motion, rest, clip.fps), reason_of(noise, held, face_px, clip.fps))


def outside(events: Sequence[Event], rest: NDArray[np.int64], time_s: Floats) -> NDArray[np.int64]:
    """The frames (K,) at rest, less those in which an event was found: a micro-expression is none of the footage's noise."""
    still = [all(not event.onset_s <= time_s[frame] <= event.offset_s for event in events) for frame in rest]
    return np.asarray(rest[np.array(still, bool)])


def _rows(motion: DenseMotion, rest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of a motion that show the face at rest, in order."""
    rows = np.sort(rest[(rest >= motion.first) & (rest < motion.first + len(motion.residual))] - motion.first)
    return np.asarray(rows[np.isfinite(motion.residual[rows])])


def _together(motion: DenseMotion, rest: NDArray[np.int64]) -> tuple[int, int]:
    """First row and number of up to PICTURES consecutive ones, all with a face, that hold most of the frames at rest."""
    seen = np.isfinite(motion.residual)
    still = np.zeros(len(seen))
    still[_rows(motion, rest)] = 1
    length = min(PICTURES, len(seen))
    held = np.convolve(still - len(seen) * ~seen, np.ones(length), "valid")
    return int(held.argmax()), length


def rest_window(motion: DenseMotion, rest: NDArray[np.int64]) -> tuple[int, int]:
    """Rows [start, stop) of the motion, LONGEST at most, that hold most of the frames (K,) at rest."""
    count, rows = len(motion.residual), _rows(motion, rest)
    if count <= LONGEST or not len(rows):
        return 0, min(count, LONGEST)
    held = np.searchsorted(rows, rows + LONGEST) - np.arange(len(rows))
    start = min(int(rows[held.argmax()]), count - LONGEST)
    return start, start + LONGEST


def smallest_visible(neutral: Neutral, motion: DenseMotion, rest: NDArray[np.int64], fps: float) -> dict[str, float]:
    """Two standard deviations of the false motion of each region, source px, within the expressions' bandwidth.

    Args:
        neutral: the template at rest.
        motion: a stretch measured against it.
        rest: (K,) numbers of the frames at rest.
        fps: frames per second.
    """
    members = [list(region) for region in REGIONS.values()]
    points = neutral.landmarks[np.concatenate(members)]
    start, stop = rest_window(motion, rest)
    blur = np.sqrt(np.log(2)) / (2 * np.pi * BANDWIDTH_HZ) * fps  # frames; halves the power at the bandwidth
    false = gaussian_filter1d(_not_rigid(neutral, motion.rows(start, stop), points), blur, axis=0, mode="nearest")
    rows = _rows(motion, rest)
    rows = rows[(rows >= start) & (rows < stop)] - start
    ends = np.cumsum([len(region) for region in members])[:-1]
    if len(rows) < FEWEST:
        least = white_deviation(neutral, points) * np.sqrt(min(1.0, 1 / (2 * np.sqrt(np.pi) * blur)))
        sizes = [float(np.median(part)) for part in np.split(least, ends)]
    else:
        sizes = [_deviation(part) for part in np.split(false[rows], ends, axis=1)]
    source = [size * neutral.window.factor for size in sizes]
    return {name: round(2 * size, 4) for name, size in zip(REGIONS, source, strict=True)}


def _deviation(motion: Array) -> float:
    """Deviation (px) of motions (T, K, 2) from their mean. Not that of a usual frame: a codec's errors are rare and large."""
    return float(np.sqrt(motion.var(0).mean()))


def white_deviation(neutral: Neutral, points: Array) -> Array:
    """Deviation (M,) work px of one frame's dense motion at points (M, 2), were the template's residual all white noise.

    The residual has gone through the blur in front of the fit: white noise comes out of it smaller by 4 pi BLUR^2 in variance but
    shared between neighbours, so it moves the sheet as much as before.
    """
    return neutral.field.deviation(points, float(np.sqrt(neutral.residual_variance * 4 * np.pi * BLUR**2)))


def _not_rigid(neutral: Neutral, motion: Array, points: Array) -> Array:
    """Motion (T, M, 2) work px at points (M, 2) beyond that of a rigid head, of sheet coefficients (T, 2n)."""
    surface, sheet = neutral.surface, neutral.field.sheet
    step = max(1, len(surface.points) // RIGID_POINTS)
    flow = surface.rigid_flow(surface.points[::step]).reshape(6, -1)
    size = np.linalg.norm(flow, axis=1)[:, None]

    def at(places: Array) -> Array:
        phi = sheet.design(places).astype(float)
        return np.stack([(phi @ half.T).T for half in (motion[:, : sheet.size], motion[:, sheet.size :])], -1)

    seen = at(neutral.field.template.points[::step]).reshape(len(motion), -1)
    pose = np.linalg.lstsq((flow / size).T, seen.T, rcond=None)[0]
    rigid = pose.T @ (surface.rigid_flow(surface.under(points)).reshape(6, -1) / size)
    return at(points) - rigid.reshape(len(motion), -1, 2)


def leftover(neutral: Neutral, motion: DenseMotion, pictures: list[Picture], first: int) -> tuple[float, float]:
    """What consecutive work pictures, rows `first` on of the motion, leave unexplained: luma deviation, and the share held over.

    A sensor's noise is new in every frame. A codec keeps what it has until the change is worth its bits: its leftover stays.
    """
    if len(pictures) < 2:
        return float(np.sqrt(neutral.residual_variance)), 0.0
    stop = first + len(pictures)
    fine = [highpass_spline(picture, neutral.window.scale) for picture in pictures]
    views = motion.coarse[slice(first, stop)].views(neutral.surface.sighted, neutral.surface.reference.camera)
    left = neutral.field.residual(fine, views, motion.rows(first, stop))
    left, weight, steps = left - left.mean(0), neutral.field.template.weight, len(left) - 1
    energy = max(float((left**2 @ weight).sum()), 1e-12)
    # Taking the mean out makes white noise of n pictures seem to swing back by 1 / n.
    held = float((left[1:] * left[:-1] @ weight).sum()) / energy * len(left) / steps + 1 / len(left)
    return float(np.sqrt(energy / steps / weight.sum())), float(np.clip(held, 0, MOST_HELD))


def reason_of(noise: float, held: float, face_px: float, fps: float) -> str:
    """What makes the smallest visible expression larger by the greatest factor against usual footage.

    Deviations grow like the noise, like the root of the frames an error lasts ((1 + held) / (1 - held)) and of those that
    are missing to average it; the same expression is as much smaller in the picture as the face.
    """
    factors = {
        "noise": noise / USUAL_NOISE,
        "compression": np.sqrt((1 + held) / (1 - held)),
        "size": USUAL_FACE_PX / face_px,
        "rate": np.sqrt(USUAL_FPS / fps),
    }
    return max(factors, key=lambda name: float(factors[name]))
