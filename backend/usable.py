# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tracked frames say who it is and what is rest; a shot that cuts to another says neither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import MicrofaceError
from .identity import FRAMES
from .motion.paint import Paint
from .types import Clip, Settings, Tracks


def refuse_cuts(tracks: Tracks, clip: Clip) -> None:
    """One template serves one shot: faces in several shots are an error that names the frames of each."""
    seen = np.isfinite(tracks.landmarks[:, 0, 0])
    shots = np.unique(tracks.shot[seen])
    if len(shots) < 2:
        return
    begins = [int(tracks.frame[0]), *tracks.cut_frames.tolist()]
    counts = [int((tracks.shot[seen] == shot).sum()) for shot in shots]
    best = int(shots[int(np.argmax(counts))])
    ends = [*begins[1:], int(tracks.frame[-1]) + 1]
    cut = begins[int(shots[1])]
    longest = f"{begins[best] * clip.step}:{(ends[best] - 1) * clip.step + 1}"  # of the footage
    raise MicrofaceError(
        "cut",
        f"{clip.path.name} cuts to another shot of a face at frame {cut * clip.step} ({clip.time_s[cut]:.2f} s).",
        f"Reconstruct one shot at a time; the longest with a face is --range {longest}.",
    )


def beyond_belief(tracks: Tracks, hidden: NDArray[np.bool_], settings: Settings) -> NDArray[np.bool_]:
    """(N,) tracked frames that tell nothing about who it is and what is rest: hidden ones, and those left out by the user.

    Raises:
        MicrofaceError: ``all_left_out``.
    """
    left_out = settings.leaves_out(tracks.frame)
    usable = np.isfinite(tracks.landmarks[:, 0, 0]) & ~left_out
    if not usable.any():
        raise MicrofaceError("all_left_out", "All frames that show the face are left out.", "Leave out fewer frames.")
    if settings.neutral is not None:
        hidden = hidden & ((tracks.frame < settings.neutral[0]) | (tracks.frame >= settings.neutral[1]))
    return hidden | left_out if (usable & ~hidden).any() else left_out


def painted_over(paint: Paint | None, tracks: Tracks, hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) tracked frames with more of the face painted out than in those that fix the identity: there landmarks are guesses."""
    if paint is None:
        return np.zeros(len(hidden), bool)
    share = paint.share(tracks.frame, tracks.landmarks)
    usable = np.isfinite(tracks.landmarks[:, 0, 0]) & ~hidden
    clearest = np.sort(share[usable] if usable.any() else share)
    return np.asarray(share > clearest[:FRAMES].max())
