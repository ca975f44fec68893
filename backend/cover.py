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
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay

from ..models.head.model import HeadModel
from .crew import in_order
from .motion.window import Window
from .types import Floats, Frame, Tracks

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]

SIDE = 32  #: px of the flat face, across and along
AROUND = 2.0  #: px of the flat face: what is compared at a time
COMPARED = 48  #: frames that say how the face mostly looks
ALIKE = 0.6  #: correlation above which a part of the face looks alike in most of the clip
UNLIKE = 0.35  #: correlation with most of the clip below which it is hidden
HIDDEN = 0.1  #: share of the parts that look alike; a hand over half the mouth hides 0.15, a laugh 0.07
COMING = 3  #: tracked frames before and after, as far as something is seen in them: the hand is on its way
BESIDE = 1  #: and one more
A_LITTLE = 0.02  #: of the parts that look alike are hidden: something is seen, if it is a hand beside
EDGE_ON = 0.4  #: of the usual area in the picture: what a turn shows edge-on is not judged
STRANGE = 1.0  #: of the face's contrast, squared, a place is off its usual look by, beyond what it mostly is off by
MOSTLY_OFF = 4.0  #: times this counts as usual
DISTURBED = 0.01  #: share of the face that looks strange; a strand of hair has 0.03, a mouth that talks nothing
FAINT = 1e-3  #: of the usual contrast, squared: noise
TORN = 0.08  #: of the face's height: lips as far apart, beyond the usual, change all that is below the nose; a hand shuts them
LIPS, HEIGHT, NOSE_BASE = (13, 14), (10, 152), (2, 97, 98, 326, 327)  #: landmarks


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


class FlatFace:
    """The face seen from the front, SIDE x SIDE px, over the triangles between its landmarks."""

    def __init__(self, head: HeadModel) -> None:
        known = head.landmark_index < 468
        self.index = head.landmark_index[known]
        corner = head.landmark_points(head.template)[known, :2] * [1, -1]
        corner = (corner - corner.min(0)) / np.ptp(corner, axis=0) * SIDE - 0.5
        mesh, pixel = Delaunay(corner), np.indices((SIDE, SIDE))[::-1].reshape(2, -1).T.astype(float)
        triangle = mesh.find_simplex(pixel)
        affine = mesh.transform[triangle]
        weight = np.einsum("nij,nj->ni", affine[:, :2], pixel - affine[:, 2])
        weight = np.c_[weight, 1 - weight.sum(1)]
        row = np.repeat(np.arange(SIDE**2), 3)
        self._carry = csr_matrix((weight.ravel(), (row, mesh.simplices[triangle].ravel())), (SIDE**2, len(corner)))
        self.below_nose = np.indices((SIDE, SIDE))[0] > corner[np.isin(self.index, NOSE_BASE), 1].mean()
        self.inside = np.asarray(cv2.erode((triangle >= 0).reshape(SIDE, SIDE).astype(np.uint8), np.ones((3, 3))) > 0)

    def of(self, picture: Pictures, landmarks: Floats) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """A picture (H, W) laid flat by its landmarks (478, 2) px, and where it shows the face not edge-on."""
        at = np.asarray(landmarks, float)[self.index]
        place = (self._carry @ at).reshape(SIDE, SIDE, 2)
        blur = max(0.7 * float(np.ptp(at[:, 0])) / SIDE, 0.3)
        window = _blur_window(at, blur, picture)
        smooth = cv2.GaussianBlur(window.cut(picture), (0, 0), blur / window.factor)
        place = np.asarray(window.to_work(place), np.float32)
        flat = cv2.remap(smooth, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        down, across = (cv2.Sobel(place, cv2.CV_32F, a, 1 - a) for a in (0, 1))
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        return np.clip(np.round(flat), 0, 255).astype(np.uint8), area > EDGE_ON * np.median(area[self.inside])


def _blur_window(at: Array, blur: float, picture: Pictures) -> Window:
    """The part of a picture (H, W) that shows points (L, 2) px, averaged down as far as a blur of so many px hides it."""
    factor = max(1, int(blur / 2))
    low = np.clip(np.floor(at.min(0) - 2 * blur).astype(int), 0, None)
    size = np.ceil(at.max(0) + 2 * blur).astype(int) - low
    width, height = np.clip(size, factor, np.maximum(picture.shape[::-1] - low, factor)) // factor * factor
    return Window(int(low[0]), int(low[1]), int(width), int(height), factor, 1.0)


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
