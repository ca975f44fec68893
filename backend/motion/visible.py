# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of what a frame shows of a face, where something hides a part of it or a lid moves.

What is hidden must not pull its neighbours, nor the light, nor shine through the high-pass into the picture beside it. Where it is
and how the rest moves is found in turns: without it, skin that it had spoiled shows again, and what then still does not show
beside it joins it. Single pixels that it shines into, or that the sheet carries under its edge, are left out one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .field import MotionField, Template, Views
from .mask import OccluderMask
from .sweep import LidSweep
from .uncover import uncovered
from .window import Window, highpass_spline

Array = NDArray[np.float64]
Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

REVISIONS = 10  #: at most, of what is taken for hidden; the test clips settle in four to six
GROWING = 3  #: of them may take in more: on and on, a face that laughs would hide itself
SETTLED = 0.03  #: of what is hidden may still change
REFITS = 3  #: steps of a fit without what is hidden
MOSTLY = 0.5  #: of what a node is seen by: more hidden than this, it starts from its neighbours
STRANGE = 5.0  #: deviations by which a pixel shows something else
SLACK = 0.3  #: px by which the motion may be wrong for all that
LEAST_SHOWN = 1e-3  #: of the template's contrast


@dataclass(frozen=True)
class VisiblePart:
    """Of one template.

    Attributes:
        window: the work picture.
        picture: (H, W) luma, the reference frame.
        field: the fit of the whole face.
        mask: the template's cells.
        sweep: its pixels that a blink spoils.
    """

    window: Window
    picture: Picture
    field: MotionField
    mask: OccluderMask
    sweep: LidSweep

    def measure(
        self, work: Picture, view: Views, start: Array, hidden: Mask, held: Mask, shut: bool
    ) -> tuple[Array, float, Mask]:
        """One frame.

        Args:
            work: the work picture.
            view: of the one frame.
            start: (2n,) px, roughly the motion beside what is hidden.
            hidden: (1, cells) that may be hidden; what proves to be is among them or close to them.
            held: (1, cells) that are, in any case.
            shut: whether the lids move.

        Returns:
            coefficients (2n,) px, mean square left of what is seen, luma^2 at the template's contrast, and the cells (cells) that
            are hidden.
        """
        field, c, occluded = self.sweep.beside, start[None], bool(hidden.any())
        swept, share = self.sweep.pixels & shut, self.sweep.share * shut
        odd = np.zeros(len(swept), bool)
        for turn in range(REVISIONS * occluded + 1):
            seen = ~(self.mask.pixels(hidden)[0] | swept | odd)
            if not seen.any():
                return c[0], 0.0, hidden[0]
            if occluded:  # with the matrix of all pixels, what was spoiled would hardly settle
                field = self.field.weighted(self.field.template.weight * seen)
            c = field.bridged(c[0], np.maximum(self.mask.nodes(hidden)[0], share) > MOSTLY)[None]
            at = view.apply(field.displacement(c))[0]
            face = uncovered(work, self.picture, at, field.template.points, seen, alone=occluded)
            fine = [highpass_spline(work, self.window.scale, face)]
            c = field.fit(fine, view, c, REFITS)
            difference = field.difference(fine, view, c)
            residual = field.without_light(difference)
            if turn < REVISIONS * occluded:
                was, revised = hidden, self.mask.revised(residual * ~swept, hidden)
                hidden = (revised if turn < GROWING else revised & hidden) | held
                odd = strange(self.field.template, residual[0], seen)
                if turn and (was != hidden).sum() <= SETTLED * hidden.sum():
                    break
        return c[0], float(left(self.field.template, difference, residual, seen[None])[0]), hidden[0]


def strange(template: Template, residual: Array, seen: Mask) -> Mask:
    """(M,) pixels that differ from the template by more than noise and a small error of the motion explain.

    Args:
        template: with its slope.
        residual: (M,) luma.
        seen: (M,) pixels whose median tells the noise.
    """
    noise = float(np.median(abs(residual[seen]))) / 0.6745
    slope = np.linalg.norm(template.gradient, axis=1)
    return np.asarray(abs(residual) > STRANGE * np.hypot(noise, SLACK * slope))


def left(template: Template, difference: Array, residual: Array, seen: Mask) -> Array:
    """(B,) luma^2: mean square of residuals (B, M) at the template's contrast over the pixels seen (B, M).

    A blank hand is the template with its light turned down to nothing: what little it shows must not count as a good fit.
    """
    weight = template.weight * seen
    own = weight * template.value
    shown = 1 - (difference * own).sum(1) / np.maximum(own @ template.value, 1e-12)
    return np.asarray(
        (residual**2 * weight).sum(1) / np.maximum(weight.sum(1), 1e-12) / np.clip(shown, LEAST_SHOWN, 1) ** 2
    )
