# SPDX-License-Identifier: GPL-3.0-or-later
"""What hides a part of the face, found from the template's residual: a hand, hair, a glare.

The template is looked at in cells, as wide as its sheet's nodes are apart. In a cell something else is seen when the picture fails
to show the template's texture there. So it does where skin folds, lids close and teeth appear: there the landmarks see large motion
beside it, or it stays close to an eye or to the mouth. A residual is excused by the one and never begins at the other.

Once it is known that there is something, it is looked at more finely: skin that is seen right beside it tells how the hidden skin
moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from ..types import Floats
from .cells import Cells
from .field import MotionField
from .region import EYES, INNER_LIPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SURE = 0.5  #: share of a cell's texture not shown, beyond what motion excuses, at which something else is seen there
LIKELY = 0.1  #: the same, beside a cell that is sure, and not excused
EXCUSED = 3.0  #: px at 240 of landmark motion beyond the head's that excuse half of a residual
EXCUSED_AROUND = 5  #: cells across in which the largest motion counts: folds lie beside what moves
FEWEST_CELLS = 3  #: sure cells side by side
LEAST_MISSING = 4.0  #: of a cell's texture, in them together: folds in skin almost without texture reach 2.4
LEAST_LEFT = 2.0  #: of a usual fine cell's texture, in a frame: the rim, where nothing holds the sheet, reaches 0.7
FRAMES = 4  #: before and after sure cells, where it comes and goes
LINGER = 3  #: frames before and after it is found: it shines in before it is there
WATCHED = 7  #: frames before and after that are looked at again: on the rim, it pulls before enough of it is seen
COMING = FRAMES + WATCHED  #: frames before and after that tell what may be hidden
REACH = 8  #: cells: from a sure one to the occluder's farthest likely one
OPENING = 1.0  #: cells around eyes and lips where nothing sure begins
DOUBTED = 3  #: cells around an occluder that are looked at again without it: motion may explain some of it away
FINE = 2  #: fine cells in a cell, either way
RIM = 1  #: fine cells around an occluder that it spoils a little
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


class Doubt(NamedTuple):
    """Cells (B, cells) of B frames in a row that may be hidden, and the frames (B,) in which nothing is but for what they prove.

    The latter are only close to a frame in which something is.
    """

    cells: Mask
    watched: Mask


class OccluderMask:
    """The fine cells of one template. A cell is a number; frames are rows.

    Attributes:
        cell: (M,) that each of the template's pixels lies in.
        texture: (cells) share of the template's energy.
    """

    def __init__(self, field: MotionField, landmarks: Floats) -> None:
        """Divide a template.

        Args:
            field: of the template.
            landmarks: (478, 2) work px, in it.
        """
        self._cells, self._fine = Cells(field, 1), Cells(field, FINE)
        self.cell, self.texture = self._fine.cell, self._fine.energy / self._fine.energy.sum()
        self._begins = ~_near_openings(field.sheet.low, self._cells.side, self._cells.shape, landmarks)
        self._nodes = (sparse.diags(field.template.weight) @ field.design).T.tocsr()
        self._node_mass = np.asarray(self._nodes.sum(1)).ravel()

    def find(self, residual: Floats, moved: Floats) -> Mask:
        """Cells (B, cells) in which B frames in a row show something else, with a rim of cells around them.

        Args:
            residual: (B, M) luma, template minus warped frame.
            moved: (B, M) px at 240, motion of the landmarks beyond the head's.
        """
        doubt = self.grown(self.signs(residual, moved))
        return doubt.cells & ~doubt.watched[:, None]

    def signs(self, residual: Floats, moved: Floats) -> Signs:
        """What each frame by itself says; arguments as for `find`."""
        share = self._cells.missing(residual)
        around = ndimage.maximum_filter(self._cells.mean(moved), (1, EXCUSED_AROUND, EXCUSED_AROUND))
        sure = (share > SURE * (1 + (around / EXCUSED) ** 2)) & self._begins
        seed = np.stack([_large(one) for one in np.where(sure, share, 0)])
        return Signs(seed, (share > LIKELY) | seed)

    def grown(self, signs: Signs) -> Doubt:
        """What is doubted in frames in a row, from the sure cells over the likely ones in time and space."""
        if not signs.sure.any():
            return Doubt(np.zeros((len(signs.sure), len(self.texture)), bool), np.zeros(len(signs.sure), bool))
        core = ndimage.binary_dilation(signs.sure, np.ones((3, 3, 3)), FRAMES, mask=signs.likely)
        core = ndimage.binary_dilation(core, BESIDE[None], REACH, mask=signs.likely)
        there = ndimage.binary_dilation(core.any((1, 2)), iterations=LINGER)
        core = ndimage.binary_dilation(core, np.ones((3, 1, 1)), WATCHED)
        cells = ndimage.binary_dilation(core, BESIDE[None], DOUBTED).repeat(FINE, 1).repeat(FINE, 2)
        return Doubt(self._closed(cells), core.any((1, 2)) & ~there)

    def revised(self, residual: Floats, hidden: Mask) -> Mask:
        """What a residual (B, M) without the hidden cells (B, cells) still shows of them, and beside them.

        Skin beside an occluder needs no excuse: there it misleads the landmarks too.
        """
        share, held = self._fine.missing(residual), self._grid(hidden)
        near = ndimage.binary_dilation(held, BESIDE[None], DOUBTED * FINE)
        core = ((share > LIKELY) & held) | ((share > SURE) & near)
        core &= (core * share * self._fine.worth).sum((1, 2), keepdims=True) >= LEAST_LEFT
        return self._closed(ndimage.binary_dilation(core, BESIDE[None], RIM) & near)

    def beside(self, hidden: Mask) -> Mask:
        """Hidden cells (B, cells), and a spacing of the sheet around them: there it is not measured well either."""
        return ndimage.binary_dilation(self._grid(hidden), BESIDE[None], FINE).reshape(hidden.shape)

    def _grid(self, cells: Mask) -> Mask:
        """(B, rows, columns) of (B, cells)."""
        return cells.reshape(-1, *self._fine.shape)

    def _closed(self, cells: Mask) -> Mask:
        """(B, cells) without holes, of cells (B, rows, columns)."""
        return np.stack([ndimage.binary_fill_holes(one) for one in cells]).reshape(len(cells), -1)

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
