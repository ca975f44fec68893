# SPDX-License-Identifier: GPL-3.0-or-later
"""From footage and take to the skin's texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import project
from ..errors import MicrofaceError
from ..mesh import refuse_other_head, vertices_at
from ..types import MEASURED, Clip, Progress, Take
from .atlas import atlas_of
from .fill import filled, whole_picture
from .projection import projected

SIZES = (1024, 2048, 4096)  #: px a side
FINE = 1.5  #: pixels of the texture to one of the footage, at least, on the face as it is seen


def skin_texture(take: Take, head: HeadModel, clip: Clip, progress: Progress) -> NDArray[np.uint8]:
    """(S, S, 3) uint8 RGB, its first line on top: the skin as the footage shows it, light and shadow included.

    Several frames at rest are averaged; frames in which the head is turned show its sides. What no frame shows is taken from
    the other half of the face, else it goes on smoothly from what is seen to the usual colour.

    Args:
        take: the result.
        head: the head it was made with.
        clip: the footage it was made of.
        progress: told after every frame.

    Raises:
        MicrofaceError: ``other_head``, ``other_clip``, ``no_face`` or as `video.frames`.
    """
    refuse_other_head(take, head)
    if (clip.width, clip.height) != take.size or clip.sha256 != take.source.get("sha256"):
        text = f"{clip.path} is not the footage of this take."
        raise MicrofaceError("other_clip", text, "Give the video that was reconstructed.")
    if not (take.valid == MEASURED).any():
        raise MicrofaceError(
            "no_face", "The take holds no frame with a face.", "Reconstruct a part that shows the face."
        )
    atlas = atlas_of(head, _size(take, head))
    colour, known = projected(take, head, clip, atlas, progress)
    return whole_picture(filled(colour, known, head, atlas), atlas)


def _size(take: Take, head: HeadModel) -> int:
    """The smallest at which the face has FINE times the footage's resolution."""
    inside = head.face_mask[head.polygons].all(1) & (head.polygons[:, 3] >= 0)
    inside &= head.part == head.part_names.index("skin")
    first = int(np.flatnonzero(take.valid == MEASURED)[0])
    seen = project(vertices_at(take, head, first), take.camera)[:, :2]
    shown = np.abs(_area(seen[head.polygons[inside]])).sum()
    drawn = np.abs(_area(head.uv[inside].astype(float))).sum()
    wanted = FINE * np.sqrt(shown / max(drawn, 1e-9))
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def _area(corner: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) of quads (P, 4, 2)."""
    a, b = corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]
    return np.asarray((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)
