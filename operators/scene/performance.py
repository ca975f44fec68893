# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a take is keyed: the frames that show a face, and what moves the head's surface in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.mesh import refuse_other_head
from ...backend.types import BRIDGED, Take
from ...models.head.correctives import Baked, bake
from ...models.head.model import HeadModel

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Channel:
    """One shape key and its values in the keyed frames."""

    name: str
    displacement: Floats  #: (V, 3) m, head space, at value 1
    values: Floats  #: (N,)


def keyed_frames(take: Take) -> NDArray[np.bool_]:
    """(T,) frames that get keys: a face, and every number finite, for Blender takes NaN without a word.

    Raises:
        MicrofaceError: there is no such frame.
    """
    numbers = (take.expression, take.pose, take.translation, take.detail)
    finite = np.all([np.isfinite(n).reshape(len(n), -1).all(1) for n in numbers], axis=0)
    keyed: NDArray[np.bool_] = (take.valid <= BRIDGED) & finite
    if not keyed.any():
        raise MicrofaceError("no_face", "The take has no frame with a face.", "Reconstruct a part that shows the face.")
    return keyed


def channels(take: Take, head: HeadModel, correctives: Baked | None) -> list[Channel]:
    """Expression units, detail modes and, where there are any, baked pose correctives.

    Raises:
        MicrofaceError: the take was made with another head.
    """
    refuse_other_head(take, head)
    keyed = keyed_frames(take)
    units = zip(head.expression_names, head.expression, take.expression[keyed].T, strict=True)
    details = zip(numbered("detail", take.detail_basis), take.detail_basis, take.detail[keyed].T, strict=True)
    poses = correctives or bake(head.pose_correctives[:0], take.pose[keyed])
    baked = zip(numbered("corrective", poses.basis), poses.basis, poses.values.T, strict=True)
    return [Channel(*parts) for parts in (*units, *details, *baked)]


def numbered(name: str, items: Floats) -> list[str]:
    return [f"{name} {number:02d}" for number in range(1, len(items) + 1)]
