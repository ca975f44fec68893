# SPDX-License-Identifier: GPL-3.0-or-later
"""What hides a part of the face, found from the template's residual: a hand, hair, a glare.

The template is looked at in cells, as wide as its sheet's nodes are apart. In a cell something else is seen when the picture fails
to show the template's texture there. So it does where skin folds, lids close and teeth appear: there the landmarks see large motion
beside it, or it stays close to an eye or to the mouth. A residual is excused by the one and never begins at the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from ..types import Floats
from .field import MotionField
from .region import EYES, INNER_LIPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SURE = 0.5  #: share of a cell's texture not shown, beyond what motion excuses, at which something else is seen there
LIKELY = 0.1  #: the same, beside a cell that is sure, and not excused
FAINT = 0.05  #: of the template's mean square: cells with less texture count as if they had it
EXCUSED = 3.0  #: px at 240 of landmark motion beyond the head's that excuse half of a residual
EXCUSED_AROUND = 5  #: cells across in which the largest motion counts: folds lie beside what moves
FEWEST_CELLS = 3  #: sure cells side by side
LEAST_MISSING = 4.0  #: of a cell's texture, in them together: folds in skin almost without texture reach 2.4
FRAMES = 4  #: before and after sure cells, where it comes and goes
LINGER = 3  #: frames before and after it is found
COMING = FRAMES + LINGER  #: frames before and after that tell what may be hidden
REACH = 8  #: cells: from a sure one to the occluder's farthest likely one
FEWEST_PIXELS = 8  #: of the template in a cell that is judged
OPENING = 1.0  #: cells around eyes and lips where nothing sure begins
DOUBTED = 3  #: cells around an occluder that are looked at again without it: motion may explain some of it away
RIM = 1  #: cells around an occluder that it spoils a little
BESIDE = np.ones((3, 3), bool)


class Signs(NamedTuple):
    """Cells (B, rows, columns) of B frames in a row: surely something else is seen, or likely, next to a sure one."""

    sure: Mask
    likely: Mask

    def between(self, before: Sequence[Signs], after: Sequence[Signs]) -> Signs:
        """With the COMING frames before and after, of what was found there: an occluder that comes or goes shows in them."""
        parts = (*(Signs(*(each[-COMING:] for each in one)) for one in before), self)
        parts = (*parts, *(Signs(*(each[:COMING] for each in one)) for one in after))
        return Signs(*(np.concatenate(each) for each in zip(*parts, strict=True)))


class OccluderMask:
    """The cells of one template. A cell is a number; frames are rows.

    Attributes:
        shape: rows and columns of cells.
        cell: (M,) that each of the template's pixels lies in.
        texture: (cells) share of the template's energy.
    """

    def __init__(self, field: MotionField, landmarks: Floats) -> None:
        """Divide a template.

        Args:
            field: of the template.
            landmarks: (478, 2) work px, in it.
        """
        sheet, template = field.sheet, field.template
        self.shape = sheet.rows - 3, sheet.columns - 3
        column, row = np.floor((template.points - sheet.low) / sheet.spacing).astype(int).T
        self.cell = np.clip(row, 0, self.shape[0] - 1) * self.shape[1] + np.clip(column, 0, self.shape[1] - 1)
        count, pixels = self.shape[0] * self.shape[1], np.arange(len(self.cell))
        self._sum = sparse.csr_matrix((template.weight, (self.cell, pixels)), (count, len(pixels)))
        self._mass = np.asarray(self._sum.sum(1)).ravel()
        energy = self._sum @ template.value**2
        self.texture = energy / energy.sum()
        self._judged = np.bincount(self.cell, minlength=count) >= FEWEST_PIXELS
        self._usual = energy + FAINT * energy.sum() / self._mass.sum() * self._mass
        self._begins = ~_near_openings(sheet.low, sheet.spacing, self.shape, landmarks)
        self._nodes = (sparse.diags(template.weight) @ field.design).T.tocsr()
        self._node_mass = np.asarray(self._nodes.sum(1)).ravel()

    def find(self, residual: Floats, moved: Floats) -> Mask:
        """Cells (B, cells) in which B frames in a row show something else, with a rim of cells around them.

        Args:
            residual: (B, M) luma, template minus warped frame.
            moved: (B, M) px at 240, motion of the landmarks beyond the head's.
        """
        return self.grown(self.signs(residual, moved))

    def signs(self, residual: Floats, moved: Floats) -> Signs:
        """What each frame by itself says; arguments as for `find`."""
        share = self._share(residual).reshape(-1, *self.shape)
        around = ndimage.maximum_filter(self._mean(moved).reshape(share.shape), (1, EXCUSED_AROUND, EXCUSED_AROUND))
        sure = (share > SURE * (1 + (around / EXCUSED) ** 2)) & self._begins
        seed = np.stack([_large(one) for one in np.where(sure, share, 0)])
        return Signs(seed, (share > LIKELY) | seed)

    def grown(self, signs: Signs) -> Mask:
        """Cells (B, cells) of frames in a row, from the sure ones over the likely ones in time and space."""
        if not signs.sure.any():
            return np.zeros((len(signs.sure), signs.sure[0].size), bool)
        core = ndimage.binary_dilation(signs.sure, np.ones((3, 3, 3)), FRAMES, mask=signs.likely)
        core = ndimage.binary_dilation(core, BESIDE[None], REACH, mask=signs.likely)
        core = ndimage.binary_dilation(core, np.ones((3, 1, 1)), LINGER)  # it shines in before it is there
        return self._closed(ndimage.binary_dilation(core, BESIDE[None], DOUBTED))

    def revised(self, residual: Floats, hidden: Mask) -> Mask:
        """What a residual (B, M) without the hidden cells (B, cells) still shows of them, and beside them.

        Skin beside an occluder needs no excuse: there it misleads the landmarks too.
        """
        share, held = self._share(residual).reshape(-1, *self.shape), hidden.reshape(-1, *self.shape)
        near = ndimage.binary_dilation(held, BESIDE[None], DOUBTED)
        core = ((share > LIKELY) & held) | ((share > SURE) & near)
        return self._closed(ndimage.binary_dilation(core, BESIDE[None], RIM) & near)

    def _closed(self, cells: Mask) -> Mask:
        """(B, cells) without holes, of cells (B, rows, columns)."""
        return np.stack([ndimage.binary_fill_holes(one) for one in cells]).reshape(len(cells), -1)

    def _share(self, residual: Floats) -> Array:
        """(B, cells) share of the texture that residuals (B, M) leave over."""
        left = (self._sum @ np.square(residual).T).T
        return np.asarray(np.where(self._judged, left / np.maximum(self._usual, 1e-12), 0))

    def _mean(self, values: Floats) -> Array:
        """(B, cells) mean of values (B, M) in each cell."""
        return np.asarray((self._sum @ np.asarray(values).T).T / np.maximum(self._mass, 1e-12))

    def pixels(self, hidden: Mask) -> Mask:
        """(B, M) which of the template's pixels hidden cells (B, cells) hold."""
        return hidden[:, self.cell]

    def nodes(self, hidden: Mask) -> NDArray[np.float32]:
        """(B, 2n) share of what each coefficient of the sheet is seen by that hidden cells (B, cells) hold."""
        weight = (self._nodes @ self.pixels(hidden).T.astype(float)).T
        share = weight / np.maximum(self._node_mass, 1e-9 * self._node_mass.max())
        return np.tile(share, 2).astype(np.float32)


def lingering(hidden: Mask) -> Mask:
    """Hidden cells (T, cells), and in the LINGER frames before and after them, where nothing is found, the same cells.

    What comes over the face pulls at it before enough of it is seen.
    """
    found = hidden.any(1)
    if not found.any():
        return hidden
    away, (nearest,) = ndimage.distance_transform_edt(~found, return_indices=True)
    return np.asarray(hidden[nearest] & (away <= LINGER)[:, None])


def _large(sure: Array) -> Mask:
    """The cells in large groups, of cells (rows, columns) with the share of the texture missing where they are sure, else 0."""
    group, count = ndimage.label(sure > 0, BESIDE)
    size = np.bincount(group.ravel(), minlength=count + 1)
    missing = np.bincount(group.ravel(), sure.ravel(), count + 1)
    return np.asarray(((size >= FEWEST_CELLS) & (missing >= LEAST_MISSING))[group] & (sure > 0))


def _near_openings(low: Array, spacing: float, shape: tuple[int, int], landmarks: Floats) -> Mask:
    """Cells (rows, columns) in or beside the eyes and the inner lips."""
    near = np.zeros(shape, bool)
    for outline in (*EYES, INNER_LIPS):
        line = np.asarray(landmarks, np.float32)[list(outline), :2].reshape(-1, 1, 2)
        for row, column in np.ndindex(shape):
            x, y = (low + spacing * (np.array([column, row]) + 0.5)).tolist()
            near[row, column] |= cv2.pointPolygonTest(line, (x, y), True) > -OPENING * spacing
    return near
