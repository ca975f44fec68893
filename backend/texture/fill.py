# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour where no frame shows the skin: the other half of the face, else what lies around, fading to the usual colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from ...models.head.model import HeadModel
from .atlas import Atlas

Array = NDArray[np.float64]

ENOUGH = 0.15  #: known as well as this, a colour counts half
TIE, PULL = 0.3, 1e-3  #: to neighbours on the mesh, and to the usual colour, against 1 for a known colour


def filled(colour: Array, known: Array, head: HeadModel, atlas: Atlas) -> Array:
    """Colours (N, 3) of all pixels of the atlas, of colours (N, 3) known as well as `known` (N,) says."""
    own = known / (known + ENOUGH)
    across, there = _across(colour, known, atlas)
    both = own[:, None] * colour + ((1 - own) * there)[:, None] * across
    share = own + (1 - own) * there
    around = atlas.at(_vertex_colours(both, share, head, atlas))
    return np.asarray(both + (1 - share)[:, None] * around)


def whole_picture(colour: Array, atlas: Atlas) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: every other pixel is like the nearest one of the skin, so that no seam shows."""
    picture = np.zeros((atlas.size**2, 3), np.uint8)
    picture[atlas.pixel] = np.clip(np.round(colour), 0, 255)
    empty = np.ones(atlas.size**2, np.uint8)
    empty[atlas.pixel] = 0
    square = empty.reshape(atlas.size, -1)
    _, label = cv2.distanceTransformWithLabels(square, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(label.max() + 1, np.int64)
    nearest[label.ravel()[atlas.pixel]] = atlas.pixel
    return picture[nearest[label.ravel()]].reshape(atlas.size, atlas.size, 3)


def _across(colour: Array, known: Array, atlas: Atlas) -> tuple[Array, Array]:
    """Colour (N, 3) of the same place on the other half of the face, and how far it counts (N,) 0..1."""
    flat = np.zeros((atlas.size**2, 4), np.float32)
    flat[atlas.pixel] = np.column_stack([colour * known[:, None], known])
    place = np.nan_to_num(np.round(atlas.opposite), nan=-1).astype(int)
    within = ((place >= 0) & (place < atlas.size)).all(1)
    found = flat[np.where(within, place[:, 1] * atlas.size + place[:, 0], 0)].astype(float) * within[:, None]
    return found[:, :3] / np.maximum(found[:, 3:], 1e-9), found[:, 3] / (found[:, 3] + ENOUGH)


def _vertex_colours(both: Array, share: Array, head: HeadModel, atlas: Atlas) -> Array:
    """(V, 3): what is known where something is, elsewhere as smooth over the mesh as can be.

    Args:
        both: (N, 3) colours times `share`.
        share: (N,) how far they count, 0..1.
    """
    count = len(head.template)
    corner, weight = atlas.corner.ravel(), atlas.weight.ravel()
    area = np.bincount(corner, weight, count)
    shown = np.bincount(corner, weight * np.repeat(share, 3), count) / np.maximum(area, 1e-9)
    total = [np.bincount(corner, weight * np.repeat(both[:, k], 3), count) / np.maximum(area, 1e-9) for k in range(3)]
    usual = both.sum(0) / max(float(share.sum()), 1e-9)
    sides = np.concatenate([head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]])
    pairs = np.concatenate([sides, sides[:, ::-1]])
    joined = coo_matrix((np.full(len(pairs), TIE), pairs.T), shape=(count, count)).tocsr()
    system = diags(shown + PULL + np.asarray(joined.sum(1)).ravel()) - joined
    return np.asarray(spsolve(system.tocsc(), np.stack(total, 1) + PULL * usual))
