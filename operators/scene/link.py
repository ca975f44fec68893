# SPDX-License-Identifier: GPL-3.0-or-later
"""A character that follows a head live: whatever moves the head's own keys and joints moves the rig's controls at once.

An empty carries, as custom properties, the strengths, the turns of the head's joints, the value of each control (the
solved linear map of the head's values, with strength, gain and limits), and for each bone that turns its quaternion.
Their drivers and those of the rig's own channels are plain arithmetic, which Blender evaluates without Python.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ..head import STRENGTH, strength_property
from ..result import MICROFACE_PG_result, strength_path
from .action import key_path
from .captured import bone_path, curves_of, points_of
from .carrier import ANGLE, QUATERNION, Term, Variables, drive_own, summed, value_name
from .controls import controls_of, factors, limits
from .driven import drive_rig
from .ground import GROUND
from .mirrored import mirror
from .raw import raw_of
from .result import REGIONS
from .rig import Control
from .rig_curves import Rest, matrix_of, paths_of, paths_played

Array = NDArray[np.float64]

LEAST = 1e-6  # coefficients


def follow(result: MICROFACE_PG_result, head: bpy.types.Object) -> None:
    """Let a character follow a head by the map that was solved along with a result.

    Raises:
        MicrofaceError: ``no_link``, ``animated_rig``, ``no_result`` or ``rig_changed``; nothing is changed then.
    """
    root = result.root
    raw, (controls, _) = raw_of(result), controls_of(result)
    if not raw.link.any():
        raise MicrofaceError("no_link", "How this rig follows a head is not known.", "Retarget again.")
    _refuse_keyed(result, controls)
    carrier = bpy.data.objects.new(f"{root.name} follows", None)
    root.users_collection[0].objects.link(carrier)
    carrier.hide_render = carrier.hide_select = True
    carrier.empty_display_size = 0.0
    result.head, result.carrier = head, carrier
    drive(result)


def _refuse_keyed(result: MICROFACE_PG_result, controls: Sequence[Control]) -> None:
    """A driver hides what else moves its property; what the result itself hides already is none of its doing."""
    for owner, path in (place for control in controls for place in paths_of(control)):
        data = owner.animation_data
        if not data:
            continue
        if data.action == result.action and data.action_blend_type == "REPLACE" and path in paths_played(data):
            continue
        tracks = [track for track in data.nla_tracks if data.use_nla and not track.mute and track.name != GROUND]
        others = [data, *(strip for track in tracks for strip in track.strips if not strip.mute)]
        if any(path in paths_played(one) for one in others if one.action != result.action):
            text = f"{owner.name} is animated by something else too, which following a head would hide."
            raise MicrofaceError("animated_rig", text, "Retarget with Replace, or mute that animation.")


def leave(result: MICROFACE_PG_result) -> None:
    """Take the drivers and their carrier away; what is keyed plays again, all else goes to rest."""
    controls, rests = controls_of(result)
    for control, rest in zip(controls, rests, strict=True):
        _undrive(control, rest)
    if result.carrier:
        bpy.data.objects.remove(result.carrier)
    result.head = result.carrier = None


def drive(result: MICROFACE_PG_result) -> None:
    """Make all drivers anew, as the table and `mirror` are set.

    Raises:
        MicrofaceError: ``no_head`` when the head is gone, or as `follow`.
    """
    root = result.root
    raw, (controls, rests), carrier, head = raw_of(result), controls_of(result), result.carrier, result.head
    if head is None or head.data.shape_keys is None or head.parent is None:
        raise MicrofaceError("no_head", f"The head that {root.name} follows is gone.", "Stop following it.")
    carrier.animation_data_clear()
    for control, rest in zip(controls, rests, strict=True):
        _undrive(control, rest)
    for region in REGIONS:
        name = strength_property(region)
        drive_own(carrier, name, {"v": (root, strength_path(result, region))}, "v", getattr(result, name))
    matrix = raw.link @ mirror(controls) if result.mirror else raw.link
    matrix = matrix * factors(result)
    moved = _animated(controls)  # and would play where a control is switched off
    acting = [k for k in range(len(controls)) if k in moved or np.abs(matrix[:, k]).max(initial=0) > LEAST]
    sources = _sources(carrier, head, raw.sources)
    low, high = limits(result, controls)
    for number in acting:
        terms = [(matrix[row, number], *place) for row, place in sources.items() if abs(matrix[row, number]) > LEAST]
        region = result.controls[number].region
        _drive_value(carrier, number, terms, "" if region == "NONE" else region, (low[number], high[number]))
        carrier.id_properties_ui(value_name(number)).update(description=controls[number].name)
    drive_rig(carrier, controls, rests, acting)
    root.update_tag()


def _animated(controls: Sequence[Control]) -> set[int]:
    """Controls that animation moves where no driver hides it."""
    owners = {owner for control in controls for owner, _ in paths_of(control)}
    played: set[tuple[bpy.types.ID, str]] = set()
    for data in (owner.animation_data for owner in owners if owner.animation_data):
        strips = (strip for track in data.nla_tracks for strip in track.strips)
        played |= {(data.id_data, path) for one in (data, *strips) for path in paths_played(one)}
    return {number for number, control in enumerate(controls) if played & set(paths_of(control))}


def _sources(
    carrier: bpy.types.Object, head: bpy.types.Object, names: Sequence[str]
) -> dict[int, tuple[bpy.types.ID, str]]:
    """Where each source that the head has is read: a key itself, a joint's turn from the carrier."""
    keys, rig, out = head.data.shape_keys, head.parent, {}
    for row, name in enumerate(names):
        joint, _, axis = name.rpartition(" ")
        if name in keys.key_blocks:
            out[row] = (keys, key_path(name))
        elif joint in rig.pose.bones:
            place: Variables = {one: (rig, f"{bone_path(joint)}[{k}]") for k, one in enumerate(QUATERNION)}
            turned = f"{ANGLE}*{'xyz'[int(axis)]}/sqrt(x*x+y*y+z*z+1e-30)"
            out[row] = (carrier, drive_own(carrier, f"head {name}", place, turned))
    return out


def _drive_value(
    carrier: bpy.types.Object, number: int, terms: list[Term], region: str, limit: tuple[float, float]
) -> None:
    """strength times the sum of the terms, within limits."""
    variables: Variables = {"s": (carrier, f'["{STRENGTH}"]')}
    strong = "s"
    if region:
        variables["r"], strong = (carrier, f'["{strength_property(region)}"]'), "s*r"
    total = summed(carrier, value_name(number), terms, variables)
    drive_own(carrier, value_name(number), variables, f"min(max({strong}*({total}),{limit[0]:.7g}),{limit[1]:.7g})")


def _undrive(control: Control, rest: Rest) -> None:
    """Take the drivers off what a control moves, and bring it to rest where no key does."""
    for owner, path in paths_of(control):
        if owner.animation_data:
            for driver in [one for one in owner.animation_data.drivers if one.data_path == path]:
                owner.animation_data.drivers.remove(driver)
    if control.kind == "key":
        for key, value in zip(control.owners, rest, strict=True):
            key.value = value
    elif control.kind == "property":
        control.owners[0][control.owners[1]] = rest[0]
        control.owner.update_tag()
    else:
        control.owners[0].matrix_basis = matrix_of(rest)


def live_values(result: MICROFACE_PG_result, scene: bpy.types.Scene, frames: Array) -> Array:
    """(N, K) values of the controls as they follow the head, in frames of the scene; the playhead comes back."""
    names = [value_name(number) for number in range(len(result.controls))]
    here, between = scene.frame_current, scene.frame_subframe
    out = np.zeros((len(frames), len(names)))
    for row, frame in enumerate(frames):
        scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
        carrier = result.carrier.evaluated_get(bpy.context.evaluated_depsgraph_get())
        out[row] = [carrier.get(name, 0.0) for name in names]
    scene.frame_set(here, subframe=between)
    return out


def head_frames(scene: bpy.types.Scene, head: bpy.types.Object) -> Array:
    """Frames (N,) of all keys of a head; those of the scene where strips or nothing at all move it."""
    owners = (head.data.shape_keys, head.parent)
    frames = [points_of(curve)[:, 0] for owner in owners for curve in curves_of(owner)]
    stacked = any(owner.animation_data and owner.animation_data.nla_tracks for owner in owners)
    if stacked or not frames:
        frames.append(np.arange(scene.frame_start, scene.frame_end + 1.0))
    return np.unique(np.round(np.concatenate(frames), 4))
