# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose head it is, the camera and the poses: found once for the same landmarks, head and lens.

Other neutral frames change none of them, and the fit that pins begin from is that of the run before.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from . import kept, npz
from .head_fit import fit_poses, with_change
from .store import Store
from .types import Clip, HeadFit, Settings, Tracks

ARRAYS = ("shape", "shape_std", "camera", "pose", "translation", "expression", "residual_px", "change")
KINDS = dict.fromkeys(ARRAYS, "<f8")


def fitted(
    head: HeadModel, clip: Clip, tracks: Tracks, settings: Settings, hidden: NDArray[np.bool_], store: Store
) -> HeadFit:
    """`fit_head`, of which identity, camera and poses may be those of an earlier run.

    Args:
        head, clip, tracks: of the shot.
        settings: `fov_deg` and `neutral` are used.
        hidden: (N,) tracked frames that tell nothing about whose head it is.
        store: where fits are kept.
    """
    marks = [np.ascontiguousarray(one).tobytes() for one in (tracks.frame, tracks.landmarks, hidden)]
    seen = hashlib.sha256(b"".join(marks)).hexdigest()
    path = store.path("fit", seen=seen, size=[clip.width, clip.height], head=head.sha256, fov=settings.fov_deg)
    fit = None
    if store.has(path):
        with suppress(*kept.UNREADABLE):  # fit again
            fit = _read(path, head, len(tracks.frame))
    if fit is None:
        fit = fit_poses(head, tracks, clip.width, clip.height, settings.fov_deg, hidden)
        kept.keep(store, path, vars(fit), KINDS)
    return with_change(head, fit, tracks, settings.neutral, hidden)


def _read(path: Path, head: HeadModel, frames: int) -> HeadFit:
    """Read what was kept. Raises as `kept.read`."""
    arrays = kept.read(path, KINDS)
    shapes = (len(head.identity),), (3, 3), (frames, 3), (frames, 3), (frames, len(head.expression))
    names = "shape", "camera", "pose", "translation", "expression"
    if tuple(arrays[name].shape for name in names) != shapes:
        raise npz.Mismatch("its arrays are of other sizes")
    residual_px = float(arrays.pop("residual_px"))
    return HeadFit(residual_px=residual_px, **arrays)
