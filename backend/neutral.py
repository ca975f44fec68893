# SPDX-License-Identifier: GPL-3.0-or-later
"""The template at rest, or in a further view, and the dense motion measured against it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .crew import in_order
from .landmark_sheet import LandmarkSheet
from .motion.field import MotionField, Views
from .motion.mask import Doubt, OccluderMask, Signs
from .motion.paint import under
from .motion.rigid import RigidMotion
from .motion.sweep import LidSweep
from .motion.uncover import uncovered
from .motion.visible import VisiblePart, left
from .motion.window import Window, highpass, highpass_spline
from .solve.surface import Surface

Array = NDArray[np.float64]
Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSE_BLUR = 2.5  #: px at 240: brings a start that is a few pixels off into reach
ODD = 3.0  #: times the usual residual: such a frame is read once more
TURNED = 6.0  #: degrees from the template's view at which skin begins to go out of sight: what hides it is the head
TOUCHED = 0.05  #: of what a node is seen by: more than this behind paint or a moving lid, it starts from its neighbours
CLEARED = 0.75  #: of what is doubted in a frame that is only watched: beside glasses 0.9, in a laughing face 0.4


class Whole(NamedTuple):
    """What B frames show if nothing hides the face: motion (B, 2n) px, mean square left (B,) luma^2; signs that something does.

    And the cells (B, cells) that the user painted out.
    """

    motion: Array
    left: Array
    signs: Signs
    held: Mask


@dataclass(frozen=True)
class Neutral:
    """The template and everything measured against it.

    Attributes:
        window: the work picture.
        picture: (H, W) luma, the reference frame.
        surface: the head under the template's pixels.
        field, coarse: the fits against the fine and the blurred template; coarse_points (M, 3) camera space, under the latter.
        landmarks: (478, 2) work px in the reference frame.
        frames: frame numbers averaged.
        residual_variance: luma^2, of the fine fit.
    """

    window: Window
    picture: Picture
    surface: Surface
    field: MotionField
    coarse: MotionField
    coarse_points: Array
    landmarks: Array
    frames: NDArray[np.int64]
    residual_variance: float

    @property
    def texture(self) -> float:
        """Mean square of the template, luma^2."""
        template = self.field.template
        return float((template.weight * template.value**2).sum() / template.weight.sum())

    @cached_property
    def _by_landmarks(self) -> LandmarkSheet:
        return LandmarkSheet(self.field.sheet, self.surface.reference, self.landmarks)

    @cached_property
    def mask(self) -> OccluderMask:
        """The template's cells."""
        return OccluderMask(self.field, self.landmarks)

    @cached_property
    def sweep(self) -> LidSweep:
        """The template's pixels that a blink spoils."""
        return LidSweep(self.field, self.landmarks, self.window.scale)

    @cached_property
    def _visible(self) -> VisiblePart:
        return VisiblePart(self.window, self.picture, self.field, self.mask, self.sweep)

    @cached_property
    def patch(self) -> NDArray[np.int64]:
        """(V,) the cell that shows each vertex; -1 = none."""
        return self.surface.owners(self.mask.cell)

    @cached_property
    def swept(self) -> NDArray[np.int64]:
        """(V,) 0 where a lid sweeps over a vertex, 1 beside; -1 = not seen."""
        return self.surface.owners(np.where(self.sweep.pixels, 0, 1))

    def measure(
        self,
        work: list[Picture],
        landmarks: Array,
        motion: RigidMotion,
        shut: Mask | None = None,
        painted: Mask | None = None,
    ) -> tuple[Array, Array, Mask]:
        """Dense motion of B frames in a row against the template, on top of the head's coarse motion.

        Args:
            work: B work pictures.
            landmarks: (B, 478, 2) source px, roughly right.
            motion: of the B frames against the reference.
            shut: (B,) frames in which the lids move; None = none.
            painted: (B, H, W) what the user painted out; None = nothing.

        Returns:
            sheet coefficients (B, 2n) px, the residual's mean square (B,) luma^2 at the template's contrast where nothing hides it,
            and the cells of `mask` (B, cells) that something hides, or that the user painted out.
        """
        shut = np.zeros(len(work), bool) if shut is None else shut
        whole = self.whole(work, landmarks, motion, shut, painted)
        return self.beside(work, motion, whole, self.mask.grown(whole.signs), shut)

    def whole(
        self, work: list[Picture], landmarks: Array, motion: RigidMotion, shut: Mask, painted: Mask | None = None
    ) -> Whole:
        """The first part of `measure`: B frames as if nothing but paint hid the face, and the signs that something does."""
        field, blur, camera = self.field, COARSE_BLUR * self.window.scale, self.surface.reference.camera
        views = motion.views(self.surface.sighted, camera)
        first = self._by_landmarks.motion(self.window.to_work(landmarks), motion)
        moved = np.linalg.norm(field.displacement(first), axis=2) / self.window.scale
        opened, first = self._opened(work, views, first, shut, self._held(painted, views, first))
        rough = [highpass(w, self.window.scale, blur) for w in opened]
        fine = [highpass_spline(w, self.window.scale) for w in opened]
        first = self.coarse.fit(rough, motion.views(self.coarse_points, camera), first, steps=2)
        c, difference = field.settle(fine, views, first, steps=2)
        residual = field.without_light(difference)
        rest = left(field.template, difference, residual, np.ones(residual.shape, bool))
        for k in np.flatnonzero((difference**2).mean(1) > ODD * self.residual_variance).tolist():
            odd = slice(k, k + 1)  # its last step may have been large
            residual[odd] = field.residual([fine[k]], _view(views, k), c[odd])
        facing = motion.turn[:, 2, 2] > np.cos(np.radians(TURNED))
        return Whole(c, rest, self.mask.signs(residual * facing[:, None], moved), self._held(painted, views, c))

    def beside(
        self, work: list[Picture], motion: RigidMotion, whole: Whole, doubt: Doubt, shut: Mask
    ) -> tuple[Array, Array, Mask]:
        """The second part of `measure`: again without what hides cells that are doubted or beside these, and lids that move.

        A frame that is only watched stays as it was unless it can be shown to be mostly clear: its motion, large perhaps, is not
        found again from a part of the face.
        """
        views = motion.views(self.surface.sighted, self.surface.reference.camera)
        c, rest, held, hidden = whole.motion.copy(), whole.left.copy(), whole.held, doubt.cells | whole.held
        spoiled = np.flatnonzero(hidden.any(1) | shut).tolist()

        def without(k: int, cells: Mask) -> tuple[Array, float, Mask]:
            one = slice(k, k + 1)
            return self._visible.measure(work[k], _view(views, k), c[k], cells[one], held[one], bool(shut[k]))

        def measured(k: int) -> tuple[Array, float, Mask]:
            found = without(k, hidden)
            if not doubt.watched[k] or (found[2] & ~held[k]).sum() <= (1 - CLEARED) * hidden[k].sum():
                return found
            return without(k, held) if held[k].any() or shut[k] else (c[k], rest[k], held[k])

        for k, found in zip(spoiled, in_order(measured, spoiled), strict=True):
            c[k], rest[k], hidden[k] = found
        return c, rest, hidden

    def _held(self, painted: Mask | None, views: Views, c: Array) -> Mask:
        """Cells (B, cells) of which a pixel is painted out (B, H, W), with the sheet at `c` (B, 2n)."""
        cells = np.zeros((len(c), len(self.mask.texture)), bool)
        if painted is not None:
            frame, pixel = np.nonzero(under(painted, views.apply(self.field.displacement(c))))
            cells[frame, self.mask.cell[pixel]] = True
        return cells

    def _opened(
        self, work: list[Picture], views: Views, start: Array, shut: Mask, held: Mask
    ) -> tuple[list[Picture], Array]:
        """Pictures and starts (B, 2n) with the reference's face where lids move and in cells `held` (B, cells).

        They are a start for the measurement beside these.
        """
        work, start = list(work), start.copy()
        for k in np.flatnonzero(shut | held.any(1)).tolist():
            gone = (self.sweep.pixels & shut[k]) | self.mask.pixels(held[k : k + 1])[0]
            share = np.maximum(self.sweep.share * shut[k], self.mask.nodes(held[k : k + 1])[0])
            if gone.all():
                continue
            start[k] = self.field.bridged(start[k], share > TOUCHED)
            at = _view(views, k).apply(self.field.displacement(start[k : k + 1]))[0]
            work[k] = uncovered(work[k], self.picture, at, self.field.template.points, ~gone)
        return work, start

    def missing(self, residual: Array, hidden: Mask) -> Array:
        """(B,) share of the template's texture that frames fail to show: all of what is hidden, of the rest the residual."""
        gone = hidden @ self.mask.texture
        return np.asarray(gone + (1 - gone) * residual / self.texture)


def _view(views: Views, k: int) -> Views:
    """Of one frame."""
    return Views(views.base[k : k + 1], views.affine[k : k + 1])
