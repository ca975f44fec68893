# SPDX-License-Identifier: GPL-3.0-or-later
"""Which region of the face a rig's control belongs to: by the unit that its name says, else by the skin it moves."""

from __future__ import annotations

import numpy as np

from ...models.head.model import HeadModel
from ...models.head.regions import NOWHERE, REGIONS, region_of, region_shares
from .correspondence import Correspondence
from .mapping import Mapping, Row
from .solve import Floats


def named_region(row: Row) -> str:
    """The region of a control that stands for units; `NOWHERE` where its name says nothing."""
    return region_of(row.units[0]) if row.units else NOWHERE


def control_regions(source: HeadModel, match: Correspondence, basis: Floats, mapping: Mapping) -> tuple[str, ...]:
    """The region of each control, (K,); `NOWHERE` for one that moves none.

    Args:
        source: the head laid on the rig.
        match: how it lies.
        basis: (K, N, 3) m that each control moves the matched vertices.
        mapping: in the order of the controls.
    """
    shares = region_shares(source)
    here = np.stack([np.einsum("nk,nk->n", shares[name][match.corner], match.share) for name in REGIONS])
    power = (np.asarray(basis, np.float64) ** 2).sum(2) * match.weight
    moved = power @ here.T
    most = np.where(moved.any(1), moved.argmax(1), len(REGIONS))
    names = (*REGIONS, NOWHERE)
    return tuple(named_region(row) or names[number] for row, number in zip(mapping, most, strict=True))
