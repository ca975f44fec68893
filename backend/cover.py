# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracked frames in which something hides a part of the face: a hand that stays is as calm as a face at rest.

Every frame's face is laid flat by its landmarks. Skin that looks alike in most of the clip and in one frame does not is hidden
there. Expressions come out of it: the landmarks take their motion along, and folds and teeth are small beside a hand. But for one:
a mouth that is torn open is as large as a hand. There the face above it decides.

What is smaller than a hand (a strand of hair, a rim of glasses, a lid that is shut) hides no frame, but disturbs its landmarks:
such a frame does not show the face at rest.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from ..models.head.model import HeadModel
from .crew import in_order
from .flat_face import SIDE, FlatFace
from .types import Floats, Frame, Tracks

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]

AROUND = 2.0  #: px of the flat face: what is compared at a time
COMPARED = 48  #: frames that say how the face mostly looks
ALIKE = 0.6  #: correlation above which a part of the face looks alike in most of the clip
UNLIKE = 0.35  #: correlation with most of the clip below which it is hidden
HIDDEN = 0.1  #: share of the parts that look alike; a hand over half the mouth hides 0.15, a laugh 0.07
COMING = 3  #: tracked frames before and after, as far as something is seen in them: the hand is on its way
BESIDE = 1  #: and one more
A_LITTLE = 0.02  #: of the parts that look alike are hidden: something is seen, if it is a hand beside
STRANGE = 1.0  #: of the face's contrast, squared, a place is off its usual look by, beyond what it mostly is off by
MOSTLY_OFF = 4.0  #: times this counts as usual
DISTURBED = 0.01  #: share of the face that looks strange; a strand of hair has 0.03, a mouth that talks nothing
FAINT = 1e-3  #: of the usual contrast, squared: noise
TORN = 0.08  #: of the face's height: lips as far apart, beyond the usual, change all that is below the nose; a hand shuts them
LIPS, HEIGHT = (13, 14), (10, 152)  #: landmarks


class Cover:
    """Looks at the face in every tracked frame and tells at last where something hid it.

    Args:
        head: lays its landmarks flat.
    """

    def __init__(self, head: HeadModel) -> None:
        self._face = FlatFace(head)
        self._seen: dict[int, tuple[NDArray[np.uint8], NDArray[np.bool_]]] = {}

    def look(self, frame: Frame, landmarks: Floats) -> None:
        """Remember the face of a frame by its landmarks (478, >= 2) px."""
        self._seen[frame.index] = self._face.of(frame.luma, landmarks[:, :2])

    def judged(self, tracks: Tracks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(N,) each: tracked frames in which something hides the face, and those that it disturbs; False without a face."""
        found = np.flatnonzero(np.isfinite(tracks.landmarks[:, 0, 0]))
        pictures, seen = (
            np.stack(each) for each in zip(*(self._seen[int(tracks.frame[n])] for n in found), strict=True)
        )
        seen[torn_open(tracks.landmarks[found])] &= ~self._face.below_nose
        share, disturbed = np.zeros(len(tracks.frame)), np.zeros(len(tracks.frame), bool)
        share[found] = hidden_share(pictures, seen, self._face.inside)
        disturbed[found] = strange_share(pictures, seen, self._face.inside) > DISTURBED
        return with_coming(share > HIDDEN, disturbed | (share > A_LITTLE)), disturbed


def with_coming(hidden: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hidden frames (N,), and those beside them in which what hides the face comes and goes, where something is seen (N,)."""
    grown = binary_dilation(hidden, iterations=COMING, mask=hidden | seen)
    return np.asarray(binary_dilation(grown, iterations=BESIDE))


def torn_open(landmarks: Floats) -> NDArray[np.bool_]:
    """(n,) in which of n frames the mouth stands wide open, by landmarks (n, 478, >= 2) px."""
    apart, height = (np.linalg.norm(landmarks[:, a, :2] - landmarks[:, b, :2], axis=1) for a, b in (LIPS, HEIGHT))
    open_by = apart / np.maximum(height, 1e-9)
    return np.asarray(open_by > np.median(open_by) + TORN)


def hidden_share(pictures: NDArray[np.uint8], seen: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Array:
    """(n,) share of the flat face that looks alike in most of n pictures, but not in this one.

    Args:
        pictures, seen: (n, SIDE, SIDE) and where they show the face.
        inside: (SIDE, SIDE) where there is a face at all.
    """

    def contrast(picture: NDArray[np.uint8]) -> tuple[Pictures, Pictures]:
        values = _contrast(picture, inside)
        return values, _local(values**2, inside)

    others, powers = (np.stack(each) for each in zip(*(contrast(one) for one in _spread(pictures)), strict=True))
    powers = powers[:, inside]

    def likeness(picture: NDArray[np.uint8]) -> Pictures:
        values, power = contrast(picture)
        shared = _local(values * others, inside)[:, inside]
        return _median(shared / np.sqrt(power[inside] * powers + FAINT))

    alike = np.stack(list(in_order(likeness, pictures)))
    mostly = _median(alike) > ALIKE
    unlike = (alike < UNLIKE) & seen[:, inside]
    return np.asarray(unlike[:, mostly].sum(1) / max(int(mostly.sum()), 1), float)


def strange_share(pictures: NDArray[np.uint8], seen: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Array:
    """(n,) share of the flat face that is far off its usual look in each of n pictures: also where it is smooth skin.

    Args: as of `hidden_share`.
    """
    some = np.stack([_contrast(picture, inside) for picture in _spread(pictures)])
    middle = _median(some)
    usual = _median(_local((some - middle) ** 2, inside))

    def off(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        apart = _local((_contrast(picture, inside) - middle) ** 2, inside)
        return np.asarray(apart > STRANGE + MOSTLY_OFF * usual)

    strange = np.stack([off(picture) for picture in pictures]) & seen
    return np.asarray(strange[:, inside].mean(1), float)


def _spread(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Up to COMPARED of them."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).round().astype(int))
    return pictures[chosen]


def _contrast(picture: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Pictures:
    """(SIDE, SIDE) of a picture, in units of the whole face's."""
    values = picture.astype(np.float32)
    values = values - _local(values, inside)
    return values / max(float(np.sqrt((values[inside] ** 2).mean())), 1e-3)


def _local(values: Pictures, inside: NDArray[np.bool_]) -> Pictures:
    """Means (..., SIDE, SIDE) around each place, of what lies inside."""
    within = inside.astype(np.float32)
    return np.asarray(_blurred(values * within) / np.maximum(_blurred(within), 1e-3), np.float32)


def _median(values: Pictures) -> Pictures:
    """Over the first axis; sorting is several times faster than NumPy's median."""
    middle = (len(values) - 1) // 2, len(values) // 2 + 1
    return np.asarray(np.sort(values, axis=0)[slice(*middle)].mean(0), np.float32)


def _blurred(values: Pictures) -> Pictures:
    """Pictures (..., SIDE, SIDE) under a Gaussian: two small matrix products."""
    return np.asarray(_BLUR @ values @ _BLUR.T, np.float32)


#: of a column: (SIDE, SIDE)
_BLUR = cv2.GaussianBlur(np.eye(SIDE, dtype=np.float32), (1, 2 * round(4 * AROUND) + 1), AROUND)
