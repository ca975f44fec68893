# SPDX-License-Identifier: GPL-3.0-or-later
"""The footage's sound under the scene: one strip for all takes of the same video, at the video's own time.

Not in our hands: Blender 4.5 plays AAC in Matroska with what the encoder put before the first sample, 0.02 s late.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import bpy

from ...backend.types import Take
from ...backend.video.sound import sound_start
from .rate import seconds_to_frame

FOOTAGE = "microface_footage"  #: custom property of a strip: hash of the video


def add_sound(scene: bpy.types.Scene, take: Take, path: Path, fps: float) -> bool:
    """Lay the sound under the scene, unless it is there; False where the footage has none that Blender can read.

    A strip stands on a whole frame; what is left of the sound's own time is the strip's `sound_offset`, in seconds.
    """
    start_s = sound_start(path)
    if start_s is None:
        return False
    footage = take.source.get("sha256", "")
    if _strip(scene, footage):
        return True
    strips = scene.sequence_editor_create().strips
    frame = round(float(seconds_to_frame(start_s, fps)))
    with suppress(RuntimeError):  # a codec that this Blender lacks
        strip = strips.new_sound(path.stem, str(path), _free_channel(scene), frame)
        strip.sound_offset = start_s - (frame - 1) / fps
        strip[FOOTAGE] = footage
        return True
    return False


def remove_sound(scene: bpy.types.Scene, footage: str) -> None:
    """Take the strip of a video away."""
    strip = _strip(scene, footage)
    if strip:
        sound = strip.sound
        scene.sequence_editor.strips.remove(strip)
        if sound and not sound.users:
            bpy.data.sounds.remove(sound)


def _strip(scene: bpy.types.Scene, footage: str) -> bpy.types.Strip | None:
    strips = scene.sequence_editor.strips if scene.sequence_editor else ()
    return next((strip for strip in strips if strip.type == "SOUND" and strip.get(FOOTAGE) == footage), None)


def _free_channel(scene: bpy.types.Scene) -> int:
    """The first one above all that is there: nothing of the artist's is moved."""
    return 1 + max((strip.channel for strip in scene.sequence_editor.strips), default=0)
