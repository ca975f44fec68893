# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates for views of the head that the one at rest does not reach, each with its own place on the head measured.

A further template is an average like the first, but its frames are neither quite at rest nor exactly posed. Frames half way
between two views are fitted against both templates; skin is in one place only, so the difference of the two fits is the motion by
which the further template stands away from the head at rest (`Anchor.own`). Templates are chained by nearness of view, never by
time: nothing drifts, and a head that comes back meets the template it left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from ..models.head.raster import project
from .album import Album
from .anchor import Anchor, at_rest
from .errors import MicrofaceError
from .motion.field import MotionField
from .motion.footage import landmarks_between
from .motion.rigid import RigidMotion, at_frames, between, carried
from .neutral import Neutral, Picture
from .rest import rest_frames
from .solve.piece import OCCLUDED_AT
from .solve.reference import Reference
from .solve.surface import Surface
from .template import build_neutral
from .types import Clip, HeadFit, Tracks
from .video import frames
from .views import FEWEST, distances, further_views, viewpoints

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR = np.radians(5)  #: frames as near to a view make its template
SHOWS = 0.2  #: of a unit's full strength, an expression that counts as much as a turn by NEAR
AVERAGED = 40  #: tracked frames looked at for a template
CLEAR = 0.05  #: share of the texture that a frame of a template may show less of than the clearest
LINKED = 24  #: frames fitted against two templates
AS_GOOD = np.radians(3)  #: beyond the nearest frame half way
COMMON = 0.3  #: share of a template's pixels that the one before must see too
LAYINGS = 3  #: corrections of what lies under a template's pixels
SMOOTH = 1.0  #: bending prior of `Anchor.own`


class Link(NamedTuple):
    """What a further template is made of: its view and the one nearer to rest, and tracked frames (indices into the tracks)."""

    parent: int
    child: int
    shown: Ints  #: at the view, the best for a reference first
    shared: Ints  #: half way


def chain_anchors(clip: Clip, tracks: Tracks, fit: HeadFit, neutral: Neutral, rest: Ints) -> tuple[list[Anchor], Array]:
    """The anchors of a shot, the one at rest first, and how far each tracked frame's view is from theirs, (K, N) rad.

    Args:
        clip, tracks, fit: the shot.
        neutral: the template at rest.
        rest: tracked frames (indices into `tracks`) at rest.
    """
    first = at_rest(neutral)
    head = neutral.surface.reference.head
    views = viewpoints(head, fit.shape, fit.pose, fit.translation)
    start = viewpoints(head, fit.shape, first.pose[None], first.translation[None])
    places = np.concatenate([start, views[further_views(views, start[0])]])
    distance = distances(places, views)
    links = _links(distance, fit, rest)
    if not links:
        return [first], distance
    album = _album(clip, tracks, links, neutral)
    anchors = {0: first}
    for link in links:
        if link.parent in anchors:
            anchor = _linked(link, anchors[link.parent], neutral.surface, album, tracks, fit)
            if anchor is not None:
                anchors[link.child] = anchor
    return list(anchors.values()), distance[list(anchors)]


def _links(distance: Array, fit: HeadFit, rest: Ints) -> list[Link]:
    """The chain: each further view after the one by which it is reached, nearest to rest first.

    Args:
        distance: (K, N) of K views to the tracked frames.
        fit: of the tracked frames.
        rest: those at rest.
    """
    shown = np.linalg.norm(fit.expression - fit.expression[rest].mean(0), axis=1) / SHOWS
    linked, out = [0], []
    while len(linked) < len(distance):
        free = [k for k in range(len(distance)) if k not in linked]
        way = {(p, k): np.maximum(distance[p], distance[k]) for p in linked for k in free}
        parent, child = min(way, key=lambda pair: float(way[pair].min()))
        near = np.flatnonzero(distance[child] <= max(NEAR, np.sort(distance[child])[FEWEST - 1]))
        near = near[np.argsort(distance[child, near] / NEAR + shown[near], kind="stable")][:AVERAGED]
        between = np.flatnonzero(way[parent, child] <= way[parent, child].min() + AS_GOOD)
        spread = np.unique(np.linspace(0, len(between) - 1, min(LINKED, len(between))).round().astype(int))
        out.append(Link(parent, child, near, between[spread]))
        linked.append(child)
    return out


def _album(clip: Clip, tracks: Tracks, links: list[Link], neutral: Neutral) -> Album:
    wanted = np.concatenate(
        [part for link in links for part in (rest_frames(tracks, link.shown), tracks.frame[link.shared])]
    )
    return Album(frames(clip, int(wanted.min()), int(wanted.max()) + 1), wanted, neutral.window)


def _linked(link: Link, parent: Anchor, rest: Surface, album: Album, tracks: Tracks, fit: HeadFit) -> Anchor | None:
    """The template of a further view with its place on the head; None when the views have too little in common."""
    chosen = _clear(parent, _shot(rest_frames(tracks, link.shown), album, tracks, fit))
    if chosen is None:
        return None
    tracked = chosen.poses.pose[0], chosen.poses.translation[0]
    reference = _reference(rest.reference, *_pose(parent, chosen))
    motion = between(*tracked, chosen.poses.pose, chosen.poses.translation, _joint(reference))
    window = parent.neutral.window
    landmarks = window.to_work(chosen.landmarks)
    painted = window.painted(chosen.frames)
    try:
        neutral = build_neutral(reference, window, chosen.frames, chosen.pictures, landmarks, motion, 0, painted, rest)
    except MicrofaceError as error:
        if error.code == "no_skin":
            return None
        raise
    anchor = Anchor(neutral, *tracked, np.zeros(2 * neutral.field.sheet.size))
    return _laid(parent, anchor, _shot(tracks.frame[link.shared], album, tracks, fit))


class Shot(NamedTuple):
    """Some frames: their numbers, work pictures, landmarks (B, 478, 2) source px and coarse poses."""

    frames: Ints
    pictures: list[Picture]
    landmarks: Array
    poses: HeadFit


def _shot(chosen: Ints, album: Album, tracks: Tracks, fit: HeadFit) -> Shot:
    poses = at_frames(fit, tracks.frame, chosen)
    return Shot(chosen, album.pictures(chosen), landmarks_between(tracks, chosen), poses)


def _clear(parent: Anchor, shot: Shot) -> Shot | None:
    """The frames that show the face as the parent knows it about as well as any: a hand must not become part of a template."""
    missing = _measured(parent, shot).missing
    keep = np.flatnonzero(missing <= missing.min() + CLEAR)
    if missing.min() >= OCCLUDED_AT:
        return None
    poses = replace(shot.poses, pose=shot.poses.pose[keep], translation=shot.poses.translation[keep])
    return Shot(shot.frames[keep], [shot.pictures[k] for k in keep], shot.landmarks[keep], poses)


def _joint(reference: Reference) -> Array:
    return reference.head.joints(reference.shape)[0]


def _reference(rest: Reference, pose: Array, translation: Array) -> Reference:
    """The head at rest in another pose; what is a length in the picture follows its distance."""
    scale = rest.scale * rest.translation[2] / translation[2]
    return replace(rest, pose=pose, translation=translation, scale=scale)


def _pose(parent: Anchor, shot: Shot) -> tuple[Array, Array]:
    """Pose and translation of the head in the first frame, by what the parent's template measures in it.

    A pixel counts by what its gradient shows: elsewhere the motion is the bending prior's guess, which is biased on a turned head.
    """
    surface, field = parent.neutral.surface, parent.neutral.field
    coarse, template, camera = parent.coarse(shot.poses)[:1], field.template, surface.reference.camera
    painted = parent.neutral.window.painted(shot.frames[:1])
    motion, *_ = parent.neutral.measure(shot.pictures[:1], shot.landmarks[:1], coarse, painted=painted)
    views = coarse.views(surface.sighted, camera)
    at, slope = views.apply(field.displacement(motion))[0], template.gradient @ np.linalg.inv(views.affine[0])

    def unexplained(pose: Array) -> Array:
        """(M,) luma."""
        moved = surface.points @ Rotation.from_rotvec(pose[:3]).as_matrix().T + pose[3:]
        return np.asarray(np.sqrt(template.weight) * (slope * (at - project(moved, camera)[:, :2])).sum(1))

    start = np.r_[Rotation.from_matrix(coarse.turn[0]).as_rotvec(), coarse.shift[0]]
    found = least_squares(unexplained, start, loss="soft_l1", f_scale=np.sqrt(parent.neutral.residual_variance)).x
    moved = RigidMotion(Rotation.from_rotvec(found[:3]).as_matrix()[None], found[None, 3:])
    return carried(moved, surface.reference.pose, surface.reference.translation, _joint(surface.reference))


def _laid(parent: Anchor, child: Anchor, shot: Shot) -> Anchor | None:
    """The child with the head laid under its pixels by frames both templates measure; None when they share too little.

    Its template is neither quite at rest nor exactly posed, so a pixel does not show what the reference pose puts there. It shows
    what the parent finds, in every frame, where the child finds the pixel.
    """
    ahead, behind = _measured(child, shot), _measured(parent, shot)
    surface, field = child.neutral.surface, child.neutral.field
    seen = np.maximum(ahead.missing, behind.missing) < OCCLUDED_AT
    views = ahead.coarse.views(surface.sighted, surface.reference.camera)
    there, pixels = views.apply(field.displacement(ahead.motion)), surface.project(surface.sighted)
    back, own = np.linalg.inv(views.affine).transpose(0, 2, 1), child.own
    for _ in range(LAYINGS):
        common = surface.shown_by(parent.neutral.surface)
        if not seen.any() or common.mean() < COMMON:
            return None
        lag = (_found(parent, behind, child, surface) - there) @ back
        own = own + _smooth(field, np.median(lag[seen], axis=0), common)
        surface = child.neutral.surface.relaid(pixels - field.displacement(own[None])[0])
    return replace(child, neutral=replace(child.neutral, surface=surface), own=own)


def _found(parent: Anchor, measured: Measured, child: Anchor, surface: Surface) -> Array:
    """Where the parent finds the points of the child's surface in B frames, (B, M, 2) px."""
    ahead, upper, sheet = child.since(parent), parent.neutral.surface, parent.neutral.field.sheet
    n = sheet.size

    def at(pixels: Array, motion: Array) -> Array:
        phi = sheet.design(pixels)
        return np.stack([np.stack([phi @ c[:n], phi @ c[n:]], 1) for c in motion])

    still = upper.project((surface.points - ahead.shift) @ ahead.turn[0])
    pixels = still + at(still + at(still, parent.own[None])[0], parent.own[None])[0]
    views = measured.coarse.views(upper.under(pixels), upper.reference.camera, upper.sighted.mean(0))
    return views.apply(at(pixels, measured.motion))


class Measured(NamedTuple):
    """Frames against one anchor: sheet motion (B, 2n), the coarse motion it is on top of, and the share of texture not shown."""

    motion: Array
    coarse: RigidMotion
    missing: Array


def _measured(anchor: Anchor, shot: Shot) -> Measured:
    coarse = anchor.coarse(shot.poses)
    painted = anchor.neutral.window.painted(shot.frames)
    motion, residual, hidden = anchor.neutral.measure(shot.pictures, shot.landmarks, coarse, painted=painted)
    return Measured(motion, coarse, anchor.neutral.missing(residual, hidden))


def _smooth(field: MotionField, motion: Array, known: NDArray[np.bool_]) -> Array:
    """Sheet (2n,) through the motion (M, 2) px of those template pixels where it is `known` (M,)."""
    phi = field.design[known].astype(float)
    gram = np.asarray((phi.T @ phi).todense()) + SMOOTH * field.sheet.bending() + 1e-6 * np.eye(field.sheet.size)
    return np.linalg.solve(gram, phi.T @ motion[known]).T.ravel()
