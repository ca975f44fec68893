# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest motion this footage can show, region by region."""

from __future__ import annotations

import numpy as np

from .motion.region import EYES, INNER_LIPS
from .motion.window import BLUR
from .template import Neutral

REGIONS: dict[str, tuple[int, ...]] = {
    "brows": (70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    "eyes": EYES[0] + EYES[1],
    "nose": (1, 2, 4, 5, 98, 327, 129, 358),
    "mouth": (*INNER_LIPS, 61, 291, 0, 17),
    "cheeks": (50, 280, 205, 425, 117, 346),
    "jaw": (152, 148, 377, 176, 400),
}  #: tracker landmarks


def smallest_visible(neutral: Neutral) -> dict[str, float]:
    """Two standard deviations of the dense motion (source px) in each region, from the footage's own residual.

    The residual has gone through the blur in front of the fit: white noise comes out of it smaller by 4 pi BLUR^2 in variance but
    shared between neighbours, so it moves the sheet as much as before. A codec's longer correlation is not in it: compressed
    footage is somewhat worse than this says.
    """
    noise = float(np.sqrt(neutral.residual_variance * 4 * np.pi * BLUR**2))
    members = [list(region) for region in REGIONS.values()]
    deviation = neutral.field.deviation(neutral.landmarks[np.concatenate(members)], noise)
    ends = np.cumsum([len(region) for region in members])[:-1]
    usual = [float(np.median(part)) * neutral.window.factor for part in np.split(deviation, ends)]
    return {name: round(2 * one, 4) for name, one in zip(REGIONS, usual, strict=True)}
