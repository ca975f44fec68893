# SPDX-License-Identifier: GPL-3.0-or-later
"""Several takes in one scene: which collection came from which take, which of them is shown, and taking one away.

What we build is marked, so that the artist's own objects in a take's collection outlive it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import bpy

from ...backend.types import Take
from ...models.head.model import HeadModel
from ..curve_views import RAW
from ..head import is_head
from ..takes import FILE, of_scene
from . import stage
from .before_after import hide_before_after
from .mesh import slider_range
from .performance import channels
from .skin import take_off
from .sound import remove_sound

FACE = "microface_face"  #: of the collection: hash of the video, and which face in it


def check(take: Take, head: HeadModel) -> None:
    """Say what would keep a take from being built, before another one makes way for it.

    Raises:
        MicrofaceError: ``other_head``, ``no_face`` or ``too_strong``.
    """
    for channel in channels(take, head, None):
        slider_range(channel.name, channel.values)


def without_detail(take: Take) -> Take:
    """The take in its named units alone."""
    none = {"detail": take.detail[:, :0], "detail_std": take.detail_std[:, :0], "detail_basis": take.detail_basis[:0]}
    return replace(take, **none)


def face_of(take: Take) -> str:
    """Which face of which video: takes of one face stand in the same place, those of two beside each other."""
    return f"{take.source['sha256']} {take.settings.get('face') or 0}"


def mark(collection: bpy.types.Collection, file: str, take: Take) -> None:
    """Note that a collection was just built from a take in a file."""
    collection[FILE], collection[FACE] = file, face_of(take)
    for thing in collection.objects:
        thing[FILE] = file


def _footage(collection: bpy.types.Collection) -> str:
    """Hash of the video."""
    return str(collection[FACE]).rpartition(" ")[0]


def rivals(scene: bpy.types.Scene, face: str) -> list[bpy.types.Collection]:
    """The takes of one face, by `face_of`."""
    return [one for one in of_scene(scene) if one.get(FACE) == face]


def show(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Show this take and hide the others of its face; a camera of theirs gives way to its own, and a comparison ends."""
    hide_before_after(scene)
    for other in rivals(scene, collection[FACE]):
        other.hide_viewport = other.hide_render = other != collection
    if scene.camera is None or any(scene.camera.name in other.objects for other in of_scene(scene)):
        scene.camera = next((thing for thing in collection.objects if thing.type == "CAMERA"), scene.camera)


def remove(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Take away what a take brought: objects, their data and keys, markers. What is not ours moves to the scene's root.

    The sound stays while another take of the same video does, the light where other work remains, which it may light.
    """
    hide_before_after(scene)
    ours = [thing for thing in collection.objects if thing.get(FILE)]
    for thing in ours:
        if is_head(thing):
            take_off(thing)
    actions = dict.fromkeys(_actions(ours))
    _remove_markers(scene, collection, set(actions))
    if not any(_footage(other) == _footage(collection) for other in of_scene(scene) if other != collection):
        remove_sound(scene, _footage(collection))
    lights = [thing for thing in ours if thing.type == "LIGHT"]
    _spare(scene, collection, ours)
    _delete([thing for thing in ours if thing not in lights])
    bpy.data.collections.remove(collection)
    if stage.is_empty(scene):
        _delete(lights)
    else:
        for light in lights:
            scene.collection.objects.link(light)
    for action in actions:
        if action.users == action.use_fake_user and not action.asset_data:
            bpy.data.actions.remove(action)


def _spare(scene: bpy.types.Scene, collection: bpy.types.Collection, ours: list[bpy.types.Object]) -> None:
    """Give the scene's root what is not ours in a collection."""
    root = scene.collection
    for thing in collection.objects:
        if thing not in ours and thing.name not in root.objects:
            root.objects.link(thing)
    for child in collection.children:
        if child.name not in root.children:
            root.children.link(child)


def _delete(things: list[bpy.types.Object]) -> None:
    """Objects and the data that nothing else uses."""
    data = [thing.data for thing in things if thing.data]  # an empty has none
    bpy.data.batch_remove(things)
    bpy.data.batch_remove([one for one in data if one.users == 0])


def _actions(things: list[bpy.types.Object]) -> Iterator[bpy.types.Action]:
    """Of the objects, their data and their shape keys: what plays, the raw one behind a view of it, and strips."""
    for thing in things:
        for owner in (thing, thing.data, getattr(thing.data, "shape_keys", None)):
            animation = owner.animation_data if owner else None
            if animation and animation.action:
                yield animation.action
                yield from filter(None, [animation.action.get(RAW)])
            strips = [strip for track in animation.nla_tracks for strip in track.strips] if animation else []
            yield from (strip.action for strip in strips if strip.action)


def _remove_markers(scene: bpy.types.Scene, collection: bpy.types.Collection, actions: set[bpy.types.Action]) -> None:
    """Markers on the timeline that this take brought, and no other take too."""
    others = [thing for take in of_scene(scene) if take != collection for thing in take.objects]
    kept = {(mark.name, mark.frame) for action in _actions(others) for mark in action.pose_markers}
    gone = {(mark.name, mark.frame) for action in actions for mark in action.pose_markers} - kept
    for marker in list(scene.timeline_markers):
        if (marker.name, marker.frame) in gone:
            scene.timeline_markers.remove(marker)
