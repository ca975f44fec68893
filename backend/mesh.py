# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluated mesh of a take, for measurement and exchange: an .npz with

vertices (T, V, 3) float32, camera space (x right, y down, z forward), metres; NaN in frames without a result
faces    (F, 3)    int32
K        (3, 3)    float64, the camera
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from . import npz
from .atomic import whole_file
from .errors import MicrofaceError
from .types import BRIDGED, Ints, Progress, Take

MAX_BYTES = 4 * 10**9


def refuse_large(frames: int, vertices: int) -> None:
    """Say before a long job that its mesh would be more than 4 GB.

    Raises:
        MicrofaceError: ``mesh_too_large``.
    """
    size = 12 * frames * vertices
    if size > MAX_BYTES:
        text = f"The mesh of {frames} frames would take {size / 1e9:.1f} GB; the limit is {MAX_BYTES / 1e9:.0f} GB."
        most = MAX_BYTES // (12 * vertices)
        raise MicrofaceError("mesh_too_large", text, f"Choose at most {most} frames with --range A:B.")


def refuse_other_head(take: Take, head: HeadModel) -> None:
    """A take means nothing on another head than its own: the same coefficients are another face there.

    Raises:
        MicrofaceError: ``other_head``.
    """
    same = (
        take.head.get("sha256") == head.sha256
        and take.expression_names == head.expression_names
        and take.joint_names == head.joint_names
        and take.shape.shape == (len(head.identity),)
        and take.shape_offset.shape == head.template.shape
    )
    if not same:
        name = str(take.head.get("name", "?"))
        other = "this one" if name == head.name else f"'{head.name}'"
        text = f"The take was made with another head ('{name}', not {other}): its numbers mean another face there."
        raise MicrofaceError(
            "other_head", text, "Choose the head of the take (--head), or reconstruct the video again."
        )


def write_mesh(path: str | Path, take: Take, head: HeadModel, progress: Progress) -> None:
    """Write the mesh frame by frame: memory does not grow with the clip. The file appears only when it is whole.

    Raises:
        MicrofaceError: ``other_head``, ``mesh_too_large``, ``disk_full``, ``read_only`` or ``not_written``.
    """
    refuse_other_head(take, head)
    count = len(take.time_s)
    refuse_large(count, len(head.template))
    with whole_file(Path(path)) as part, zipfile.ZipFile(part, "w") as archive:
        npz.write(archive, "faces", np.asarray(head.faces, "<i4"))
        npz.write(archive, "K", np.asarray(take.camera, "<f8"))
        shape = (count, len(head.template), 3)
        with npz.begin(archive, "vertices", "<f4", shape, compress=False) as member:
            for index in range(count):
                progress("mesh", index / count)
                member.write(vertices_at(take, head, index).astype("<f4").tobytes())


def vertices_at(take: Take, head: HeadModel, index: int) -> NDArray[np.float64]:
    """(V, 3) camera space m of one frame: identity, form, expression, detail and pose; NaN without a result."""
    if take.valid[index] > BRIDGED:
        return np.full(head.template.shape, np.nan)
    detail = np.tensordot(take.detail[index].astype(np.float64), take.detail_basis, 1)
    return head.vertices(
        take.shape, take.expression[index], take.pose[index], take.translation[index], take.shape_offset + detail
    )


def hidden_vertices(take: Take, index: int) -> NDArray[np.bool_]:
    """(V,) which vertices something hides in a frame: they are where the rest of the face lets one believe."""
    return covered_skin(take.patch, take.covered[index] > 0)


def covered_skin(patch: Ints, covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) which vertices lie in patches covered (P,), by the patch (V,) of each."""
    return np.asarray(np.append(covered, False)[patch])  # the last is that of patch -1
