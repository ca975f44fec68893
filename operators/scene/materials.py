# SPDX-License-Identifier: GPL-3.0-or-later
"""One plain material per part of the head, shared by all heads of a file so that a change shows on all of them."""

from __future__ import annotations

from typing import NamedTuple

import bpy

from .. import compat


class Look(NamedTuple):
    """Inputs of the Principled BSDF."""

    colour: tuple[float, float, float]  #: linear RGB
    roughness: float
    alpha: float = 1.0
    subsurface: float = 0.0


LOOKS = {
    "skin": Look((0.50, 0.32, 0.25), 0.5, subsurface=0.08),
    "mouth": Look((0.18, 0.04, 0.04), 0.4),
    "eye": Look((0.80, 0.77, 0.74), 0.2),
    "iris": Look((0.07, 0.12, 0.16), 0.3),
    "pupil": Look((0.003, 0.003, 0.003), 0.3),
    "cornea": Look((0.0, 0.0, 0.0), 0.02, alpha=0.06),
    "teeth": Look((0.75, 0.70, 0.60), 0.25),
    "gums": Look((0.45, 0.16, 0.15), 0.35),
    "tongue": Look((0.40, 0.10, 0.10), 0.4),
    "lashes": Look((0.01, 0.008, 0.006), 0.6, alpha=0.15),
}
SUBSURFACE_SCALE = 0.005  # m: how far light travels in skin


def material(part: str) -> bpy.types.Material:
    """The material of a part, made when the file has none yet; an unknown part looks like skin."""
    name = f"Microface {part}"
    found = bpy.data.materials.get(name)
    if found is not None:
        return found
    made = bpy.data.materials.new(name)
    nodes = compat.shader_nodes(made)
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    look = LOOKS.get(part, LOOKS["skin"])
    shader.inputs["Base Color"].default_value = (*look.colour, 1.0)
    shader.inputs["Roughness"].default_value = look.roughness
    shader.inputs["Alpha"].default_value = look.alpha
    shader.inputs["Subsurface Weight"].default_value = look.subsurface
    shader.inputs["Subsurface Scale"].default_value = SUBSURFACE_SCALE
    made.diffuse_color = (*look.colour, look.alpha)
    return made
