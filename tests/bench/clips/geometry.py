# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes of heads to paint: our generic geometry, FLAME's template and facecap's character, none of them as it was.

Each is bent by smooth random displacements that no identity modes know, different along every axis.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from microface.backend.heads import load_head
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BUMPS = 40  # displaced places


@dataclass(frozen=True)
class Mesh:
    """x to the subject's left, y up, z forward, metres; faces counter-clockwise from outside."""

    vertices: Floats  #: (V, 3)
    faces: NDArray[np.int64]  #: (F, 3)


def generic() -> Mesh:
    head = load_head("generic")
    drawn = ~np.isin(head.face_part, [head.part_names.index(name) for name in ("cornea", "lashes", "tongue")])
    return Mesh(head.template, head.faces[drawn].astype(np.int64))


def flame(shared: Path) -> Mesh:
    with np.load(shared / "data" / "flame" / "flame2023_open_partial.npz") as file:
        return Mesh(file["v_template"].astype(float), file["f"].astype(np.int64))


def facecap(shared: Path) -> Mesh:
    """The character at rest, scaled to a human head 0.165 m wide at most."""
    raw = (shared / "data" / "characters" / "facecap_decoded_float.glb").read_bytes()
    length = struct.unpack("<I", raw[12:16])[0]
    scene, binary = json.loads(raw[20 : 20 + length]), raw[28 + length :]
    vertices, faces, count = [], [], 0
    for part in _parts(scene):
        primitive = scene["meshes"][part["mesh"]]["primitives"][0]
        points = _accessor(scene, binary, primitive["attributes"]["POSITION"]).astype(float) @ part["matrix"][:3, :3].T
        vertices.append(points + part["matrix"][:3, 3])
        faces.append(_accessor(scene, binary, primitive["indices"]).reshape(-1, 3).astype(np.int64) + count)
        count += len(points)
    points = np.concatenate(vertices)
    middle = (points.max(0) + points.min(0)) / 2
    return Mesh((points - middle) * 0.165 / np.ptp(points[:, 0]), np.concatenate(faces))


def _parts(scene: dict[str, Any]) -> list[dict[str, Any]]:
    """Meshes of the scene and where they stand."""
    found: list[dict[str, Any]] = []

    def visit(index: int, above: Floats) -> None:
        node = scene["nodes"][index]
        here = above @ _placement(node)
        if "mesh" in node:
            found.append({"mesh": node["mesh"], "matrix": here})
        for child in node.get("children", []):
            visit(child, here)

    for root in scene["scenes"][scene.get("scene", 0)]["nodes"]:
        visit(root, np.eye(4))
    return found


def _placement(node: dict[str, Any]) -> Floats:
    """(4, 4) of a glTF node."""
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    turn = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)))
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _accessor(scene: dict[str, Any], binary: bytes, index: int) -> NDArray[Any]:
    accessor = scene["accessors"][index]
    view = scene["bufferViews"][accessor["bufferView"]]
    kind = {5126: "<f4", 5125: "<u4", 5123: "<u2", 5121: "<u1"}[accessor["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    step = view.get("byteStride", np.dtype(kind).itemsize * width)
    rows = np.ndarray((accessor["count"], width), kind, binary, start, (step, np.dtype(kind).itemsize))
    return rows[:, 0].copy() if width == 1 else rows.copy()


def bent(mesh: Mesh, seed: int, strength: float) -> Mesh:
    """Another person: proportions, and smooth displacements of some centimetres' reach.

    Args:
        mesh: a head.
        seed: of who it is.
        strength: m, the usual size of a displacement.
    """
    rng = np.random.default_rng(seed)
    middle, size = mesh.vertices.mean(0), np.ptp(mesh.vertices[:, 0])
    scale = 1 + rng.normal(0, [0.03, 0.035, 0.04])
    front = mesh.vertices[mesh.vertices[:, 2] > middle[2]]
    places = front[rng.integers(len(front), size=BUMPS)]
    reach = size * rng.uniform(0.06, 0.16, BUMPS)
    pushes = rng.normal(0, 1, (BUMPS, 3)) * (reach / size / 0.11)[:, None]
    mirror = np.array([-1.0, 1.0, 1.0])  # faces are nearly symmetric
    move = np.zeros_like(mesh.vertices)
    for place, push, far in zip(places, pushes, reach, strict=True):
        for side, share in ((np.ones(3), 1.0), (mirror, rng.uniform(0.75, 1.0))):
            away = ((mesh.vertices - (place - middle * [1, 0, 0]) * side - middle * [1, 0, 0]) ** 2).sum(1)
            move += share * np.exp(-0.5 * away / far**2)[:, None] * push * side
    move *= strength / np.sqrt((move[mesh.vertices[:, 2] > middle[2]] ** 2).sum(1).mean())
    return Mesh((mesh.vertices + move - middle) * scale + middle, mesh.faces)
