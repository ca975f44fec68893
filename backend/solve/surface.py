# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's surface as the picture sees it in the reference frame: points under pixels, and how each cause moves them.

Everything here is in camera space at the reference pose. A rigid motion is a turn about the face's centre and a shift:
X' = R(turn) (X - centre) + centre + shift.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...models.head.model import HeadModel
from ...models.head.raster import project, rasterise, vertex_normals
from ...models.head.units import JOINT_OWNED, MINOR, NEVER_SOLVED, measured
from ..types import FLIP, Floats

Array = NDArray[np.float64]

STEEPEST = 0.3  #: cosine of surface normal and line of sight below which a pixel is not used
MINOR_TRUST = 0.3
SHUT = 0.05  #: of UNIT_LIMIT: backwards turn of the jaw
UNIT_LIMIT = 0.35  #: of full strength: the landmarks would have seen more
DETAIL_LIMIT = 3.0  #: px at 240: what no unit explains is small
JAW_LIMIT = 0.5  #: rad of jaw opening that counts as its full strength
DETAIL_SIGMA = (22.0, 15.0)  #: px at a face width of 240 px; wider bumps imitate the parallax of a turning head
LIFT = 0.9  #: deviation of skin's motion off the bone over that along it: it slides more readily
DEPTH_SIGMA = 30.0  #: px at 240
EVERY = slice(None)  #: all points


@dataclass(frozen=True)
class Reference:
    """The head in the reference frame.

    Attributes:
        head: the model.
        shape: (S,) identity.
        offset: (V, 3) m, head space, this person's form beyond it.
        pose: (3,) axis-angle of the root; translation (3,) m.
        camera: K (3, 3) of the work picture.
        width, height: of the work picture, px.
        scale: face width / 240 px.
    """

    head: HeadModel
    shape: Array
    offset: Array
    pose: Array
    translation: Array
    camera: Array
    width: int
    height: int
    scale: float

    @property
    def turn(self) -> Array:
        """Head space to camera space, (3, 3)."""
        return FLIP @ Rotation.from_rotvec(self.pose).as_matrix()

    def vertices(self) -> Array:
        """All vertices (V, 3) at rest in the reference pose, camera space."""
        pose = np.zeros((len(self.head.joint_names), 3))
        pose[0] = self.pose
        none = np.zeros(len(self.head.expression))
        return self.head.vertices(self.shape, none, pose, self.translation, self.offset)


def visible_skin(
    reference: Reference, vertices: Array
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Triangle (H, W), barycentric (H, W, 3) and usable pixels (H, W): skin of the face that is not seen at a grazing angle."""
    head = reference.head
    triangle, weight = rasterise(project(vertices, reference.camera), head.faces, reference.width, reference.height)
    corner = vertices[head.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    sight = corner.mean(1)
    cosine = np.abs((normal * sight).sum(1)) / (np.linalg.norm(normal, axis=1) * np.linalg.norm(sight, axis=1) + 1e-15)
    skin = (head.face_part == head.part_names.index("skin")) & (cosine > STEEPEST)
    usable = np.where(triangle >= 0, skin[np.maximum(triangle, 0)], False)
    usable = cv2.morphologyEx(usable.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) > 0
    return triangle, weight, np.asarray(usable)


def pixel_normals(
    vertices: Array, faces: NDArray[np.int32], triangle: NDArray[np.int32], weight: NDArray[np.float32]
) -> Array:
    """Smooth unit normals (H, W, 3) of the visible surface, 0 where there is none."""
    corner = vertices[faces]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normal, faces[:, k], flat)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-15)
    image = np.einsum("hwkc,hwk->hwc", normal[faces[np.maximum(triangle, 0)]], weight).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    return np.asarray(image / np.maximum(np.linalg.norm(image, axis=2, keepdims=True), 1e-6), dtype=float)


class Surface:
    """Points under the template's pixels, and the displacement each unknown gives them.

    Attributes:
        points: (M, 3) m, camera space, at rest: what the pixels show.
        sighted: (M, 3) m, exactly under the pixels: what views are made of. The template at rest shows them by definition.
        ray: (M, 3) line of sight, z = 1.
        centre: (3,) m, about which the head turns.
        basis: (X, V, 3) m: vertex motion of every expression column at strength 1, camera axes of the template at rest.
        names: of the unit columns, in order; detail columns follow.
        depth_bump: (M, D) and depth_vertex (V, D): bumps of the depth correction, along the line of sight.
    """

    def __init__(
        self,
        reference: Reference,
        pixels: Array,
        triangle: NDArray[np.int32],
        weight: NDArray[np.float32],
        rest: Surface | None = None,
    ) -> None:
        """Lay the head under the pixels.

        Args:
            reference: the head.
            pixels: (M, 2) px.
            triangle, weight: (H, W), (H, W, 3) what is seen at every pixel.
            rest: the same head in the template at rest, whose causes and depth correction this view shares.
        """
        self.reference = reference
        self._turn = np.eye(3)
        self.vertices = reference.vertices()
        head = reference.head
        x, y = pixels.astype(int).T
        self._corner, self._weight = head.faces[triangle[y, x]], weight[y, x].astype(float)
        self._triangle = triangle
        self.points = self.sighted = self.interpolate(self.vertices)
        self.ray = self.points / self.points[:, 2:]
        self.centre = self.points.mean(0)
        self.px_per_m = reference.camera[0, 0] / self.centre[2]
        image = project(self.vertices, reference.camera)[:, :2]
        part = np.zeros(len(self.vertices), bool)
        part[np.unique(head.polygons[head.part == head.part_names.index("skin")].clip(min=0))] = True
        self.skin = part
        self.seen = np.zeros(len(self.vertices), bool)
        self.seen[np.unique(self._corner)] = True
        if rest is not None:
            self._carry(rest)
            return
        self._units(image)
        self._detail(image, pixels)
        self._depth(image, pixels)

    def moves(self, rows: slice | NDArray[np.int64] = EVERY) -> Array:
        """(X, K, 3) m: motion of some points (all M without `rows`) by every expression column at strength 1. Large: not kept."""
        return np.asarray(self.interpolate(self.basis, rows) @ self._turn.T)

    def shown_by(self, other: Surface) -> NDArray[np.bool_]:
        """(M,) which of the points another view of the same head shows too."""
        return np.asarray(other.seen[self._corner].all(1))

    def owners(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """(V,) of numbers (M,) of the pixels, that of one which shows the vertex; -1 = none does."""
        out = np.full(len(self.vertices), -1)
        out[self._corner] = number[:, None]
        return out

    def interpolate(self, values: Floats, rows: slice | NDArray[np.int64] = EVERY) -> Array:
        """Values of the vertices (..., V, C) at the points (..., M, C), or at some of them."""
        corner, weight, values = self._corner[rows], self._weight[rows, :, None], np.asarray(values)
        parts = (values[..., corner[:, k], :] * weight[:, k] for k in range(3))
        return np.asarray(sum(parts, np.zeros(())))

    def _units(self, image: Array) -> None:
        """Units and jaw turns, as vertex motion in camera space at the reference pose."""
        head, turn = self.reference.head, self.reference.turn
        names, basis = [], []
        for number in measured(head.expression_names):
            name = head.expression_names[number]
            if name in (*JOINT_OWNED, *NEVER_SOLVED):
                continue
            moved = head.expression[number] @ turn.T
            if np.abs(moved[self.seen]).max() * self.px_per_m > 0.5:
                names.append(name)
                basis.append(moved)
        for axis, name in enumerate(("jaw_pitch", "jaw_yaw")):
            moved = self._jaw(axis)
            if moved.any():  # a head without a jaw that moves it
                names.append(name)
                basis.append(moved)
        columns = np.array(basis) * self.skin[None, :, None]
        self.unit_names = tuple(names)
        self._pairs = [
            (k, names.index(name[:-4] + "Right"))
            for k, name in enumerate(names)
            if name.endswith("Left") and name[:-4] + "Right" in names
        ]
        both = [columns[a] + columns[b] for a, b in self._pairs]
        self.basis = np.concatenate([columns, np.array(both).reshape(-1, *columns.shape[1:])])
        self.group = np.zeros(len(self.basis), int)

    def _jaw(self, axis: int) -> Array:
        """Vertex motion of a jaw turn of JAW_LIMIT about head axis `axis`, linear."""
        head, reference = self.reference.head, self.reference
        jaw = head.joint_names.index("jaw")
        arm = head.neutral(reference.shape) + reference.offset - head.joints(reference.shape)[jaw]
        turned = np.cross(np.eye(3)[axis], arm) * head.weights[:, jaw, None]
        return np.asarray(turned * JAW_LIMIT @ reference.turn.T)

    def _grid(self, pixels: Array, step: float, reach: float) -> Array:
        """Centres (K, 2) px on a grid of `step`, no farther than `reach` steps from a used pixel."""
        mask = np.ones((self.reference.height, self.reference.width), np.uint8)
        mask[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = 0
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        low, high = pixels.min(0), pixels.max(0)
        x, y = np.meshgrid(np.arange(low[0], high[0] + step, step), np.arange(low[1], high[1] + step, step))
        grid = np.stack([x.ravel(), y.ravel()], 1)
        column = np.clip(grid.astype(int), 0, [self.reference.width - 1, self.reference.height - 1])
        return grid[distance[column[:, 1], column[:, 0]] < step * reach]

    def _detail(self, image: Array, pixels: Array) -> None:
        """Smooth bumps of skin motion, seen to go along x or y, cut along the lips: what no unit explains."""
        columns: list[Array] = []
        groups: list[int] = []
        lower = self._below_mouth(image)
        slide = self._slide()
        for number, sigma in enumerate(DETAIL_SIGMA):
            width = sigma * self.reference.scale
            for centre in self._grid(pixels, 1.5 * width, 0.5):
                bump = np.exp(-((image - centre) ** 2).sum(1) / (2 * width**2)) * self.skin
                if self._mouth_left < centre[0] < self._mouth_right:
                    bump = bump * ~(self._in_mouth & (lower != (centre[1] > self._mouth_height(centre[0]))))
                for axis in slide:
                    columns.append(bump[:, None] * axis / self.px_per_m)
                    groups.append(number + 1)
        self.basis = np.concatenate([self.basis, np.array(columns).reshape(-1, len(image), 3)])
        self.group = np.r_[self.group, np.array(groups, int)]
        self._scale_units()

    def _slide(self) -> Array:
        """(2, V, 3): what to expect of skin that is seen to move by 1 along x or along y.

        The deviation of its motion off the bone is LIFT times that along the bone: depth is the mean given what is seen.
        """
        normal = vertex_normals(self.vertices, self.reference.head.faces)
        hold = 1 - LIFT**2
        across = normal[:, :2]
        depth = -hold * normal[:, 2:] * across / (1 - hold * (across**2).sum(1, keepdims=True))
        return np.asarray(np.eye(3)[:2, None] + depth.T[..., None] * np.eye(3)[2])

    def _mouth_height(self, x: Floats) -> Array:
        return np.interp(x, self._mouth[:, 0], self._mouth[:, 1])

    def _below_mouth(self, image: Array) -> NDArray[np.bool_]:
        """Vertices below the mouth's line; remembers the line."""
        head = self.reference.head
        at = {int(k): n for n, k in enumerate(head.landmark_index)}
        landmarks = project(head.landmark_points(self.vertices), self.reference.camera)[:, :2]
        line = np.array([landmarks[at[k]] for k in (61, 13, 14, 291) if k in at])
        self._mouth = line[np.argsort(line[:, 0])]
        self._mouth_left, self._mouth_right = self._mouth[0, 0], self._mouth[-1, 0]
        self._in_mouth = (image[:, 0] > self._mouth_left - 2) & (image[:, 0] < self._mouth_right + 2)
        return np.asarray(image[:, 1] > self._mouth_height(image[:, 0]))

    def _scale_units(self) -> None:
        """Scale unit columns to 1 px of peak 3D motion on the visible face: a physical, not a statistical, prior."""
        units = self.group == 0
        size = np.linalg.norm(self.basis[units][:, self.seen & self.skin], axis=2) * self.px_per_m
        self.unit_scale = 1 / (np.percentile(size, 99.7, axis=1) + 1e-9)
        self.basis[units] *= self.unit_scale[:, None, None]

    def _depth(self, image: Array, pixels: Array) -> None:
        width = DEPTH_SIGMA * self.reference.scale
        centres = self._grid(pixels, 1.25 * width, 0.6)

        def bump(at: Array) -> Array:
            return np.asarray(np.exp(-((at[:, None] - centres) ** 2).sum(2) / (2 * width**2)))

        self.depth_bump = bump(pixels)
        self.depth_vertex = bump(image) * (self.vertices[:, 2] < self.centre[2] + 0.12)[:, None]

    def project(self, points: Array) -> Array:
        """Camera space (..., 3) to work px (..., 2)."""
        return project(points, self.reference.camera)[..., :2]

    def flow(self, motion: Array, at: Array | None = None) -> Array:
        """Image motion (..., M, 2) px of small point motions (..., M, 3) m."""
        at = self.points if at is None else at
        f, z = self.reference.camera[0, 0], at[:, 2]
        return np.asarray(f * (motion[..., :2] - motion[..., 2:] * (at[:, :2] / z[:, None])) / z[:, None])

    def rigid_flow(self, at: Array) -> Array:
        """(6, M, 2) px per rad and per m: turns about the centre and shifts, at points (M, 3)."""
        turns = [np.cross(axis, at - self.centre) for axis in np.eye(3)]
        shifts = [np.broadcast_to(axis, at.shape) for axis in np.eye(3)]
        return np.stack([self.flow(m, at) for m in (*turns, *shifts)])

    def trust(self) -> Array:
        """(X,) how readily the evidence lets a column grow: less for minor units."""
        minor = np.array([name in MINOR for name in self.unit_names])
        units = np.r_[minor, [minor[left] for left, _ in self._pairs]]
        return np.r_[np.where(units, MINOR_TRUST, 1.0), np.ones(int((self.group > 0).sum()))]

    def jaw_share(self, unit: str, column: int) -> float:
        """Strength (px) of the jaw's column that moves the visible face like a jaw unit at full strength, least squares."""
        head = self.reference.head
        target = (head.expression[head.expression_names.index(unit)] @ self.reference.turn.T)[self.seen].ravel()
        own = self.basis[column][self.seen].ravel()
        return float(own @ target / (own @ own))

    def limits(self) -> Array:
        """(X,) px: UNIT_LIMIT times full strength for units, DETAIL_LIMIT for detail."""
        detail = np.full(int((self.group > 0).sum()), DETAIL_LIMIT * self.reference.scale)
        return np.r_[UNIT_LIMIT / self.unit_scale, detail]

    def lowest(self) -> Array:
        """(X,) px: how far a column may run backwards. The jaw hardly closes beyond rest."""
        closed = np.array([SHUT if name == "jaw_pitch" else 1.0 for name in self.unit_names])
        low = -self.limits()
        low[: len(closed)] *= closed
        return low

    def unit_mixing(self) -> Array:
        """(U, X): how the columns (sides, both sides at once) add up to the U units and jaw turns, at full strength = 1."""
        count = len(self.unit_names)
        mix = np.zeros((count, len(self.basis)))
        scale = self.unit_scale
        mix[np.arange(count), np.arange(count)] = scale[:count]
        for number, (left, right) in enumerate(self._pairs):
            mix[left, count + number] = mix[right, count + number] = scale[count + number]
        return mix

    def depth_offset(self, depth: Array) -> Array:
        """(V, 3) m, head space: the depth correction along the lines of sight of the template at rest."""
        away = self.vertices / self.vertices[:, 2:] * (self.depth_vertex @ depth)[:, None]
        return np.asarray(away @ self.reference.turn)

    def _carry(self, rest: Surface) -> None:
        """Every cause is the same vertex motion as at rest, and the depth correction acts along the lines of sight of rest."""
        self.unit_names, self.group, self.unit_scale, self._pairs = (
            rest.unit_names, rest.group, rest.unit_scale, rest._pairs,
        )  # fmt: skip
        self.basis, self.depth_vertex = rest.basis, rest.depth_vertex
        self._turn = self.reference.turn @ rest.reference.turn.T
        self._sight = rest.vertices / rest.vertices[:, 2:] @ self._turn.T
        self.ray, self.depth_bump = self.interpolate(self._sight), self.interpolate(rest.depth_vertex)

    def relaid(self, nominal: Array) -> Surface:
        """A further view whose pixels show what stands at `nominal` (M, 2) px when the head is at rest in the reference pose."""
        out = copy(self)
        triangle = self._triangle_at(nominal)
        out._corner = np.where(triangle[:, None] >= 0, self.reference.head.faces[triangle], self._corner)
        out._weight = _barycentric(project(self.vertices, self.reference.camera)[out._corner], nominal)
        out.points = out.interpolate(self.vertices)
        out.centre = out.points.mean(0)
        out.seen = np.zeros(len(self.vertices), bool)
        out.seen[np.unique(out._corner)] = True
        out.ray, out.depth_bump = out.interpolate(self._sight), out.interpolate(self.depth_vertex)
        return out

    def under(self, pixels: Array) -> Array:
        """Points (K, 3) m exactly under any pixels (K, 2) px; beside the head, the depth of its centre."""
        triangle, camera = self._triangle_at(pixels), self.reference.camera
        corner = self.reference.head.faces[np.maximum(triangle, 0)]
        weight = _barycentric(project(self.vertices, camera)[corner], pixels)
        depth = np.where(triangle >= 0, (self.vertices[corner, 2] * weight).sum(1), self.centre[2])
        return np.asarray(
            np.c_[(pixels - camera[:2, 2]) / camera[[0, 1], [0, 1]], np.ones(len(pixels))] * depth[:, None]
        )

    def _triangle_at(self, pixels: Array) -> NDArray[np.int32]:
        column, row = np.clip(np.round(pixels), 0, np.array(self._triangle.shape[::-1]) - 1).astype(int).T
        return self._triangle[row, column]


def _barycentric(corner: Array, at: Array) -> Array:
    """Perspective-correct weights (M, 3) of the points `at` (M, 2) px in triangles (M, 3, x px y px depth), or beside them."""
    edge = (corner[:, 1:, :2] - corner[:, :1, :2]).transpose(0, 2, 1)
    part = np.linalg.solve(edge, (at - corner[:, 0, :2])[..., None])[..., 0]
    near = np.c_[1 - part.sum(1), part] / corner[..., 2]
    return np.asarray(near / near.sum(1, keepdims=True))
