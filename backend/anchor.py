# SPDX-License-Identifier: GPL-3.0-or-later
"""A template whose place on the head at rest is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .motion.rigid import RigidMotion, against, between
from .neutral import Neutral
from .types import HeadFit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Anchor:
    """What frames of one view are measured against.

    Attributes:
        neutral: the template; its surface is the head at rest in the reference pose, laid under the pixels that show it.
        pose, translation: (3,) of the reference frame as the landmarks have it: coarse motion counts from there, so that what
            they get wrong about this view drops out.
        own: (2n,) px sheet motion from where the head at rest in the reference pose stands to the pixel that shows it.
    """

    neutral: Neutral
    pose: Array
    translation: Array
    own: Array

    def coarse(self, poses: HeadFit) -> RigidMotion:
        """The head's coarse motion since the reference."""
        reference = self.neutral.surface.reference
        return against(poses, self.pose, self.translation, reference.head.joints(reference.shape)[0])

    def since(self, rest: Anchor) -> RigidMotion:
        """The motion (1 frame) from another anchor's reference pose to this one's."""
        a, b = rest.neutral.surface.reference, self.neutral.surface.reference
        return between(a.pose, a.translation, b.pose[None], b.translation[None], a.head.joints(a.shape)[0])


def at_rest(neutral: Neutral) -> Anchor:
    """The first anchor: its template is the head at rest by definition."""
    reference = neutral.surface.reference
    return Anchor(neutral, reference.pose, reference.translation, np.zeros(2 * neutral.field.sheet.size))
