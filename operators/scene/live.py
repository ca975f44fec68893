# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose correctives that follow the bones: a shape key for every element of R - I, driven by the bone's own rotation.

They also serve poses that no take has, at the price of nine keys a joint.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from .drivers import ELEMENTS, KEYED, SHOWN, add_driver, add_keyed, add_shown, element
from .performance import numbered
from .strength import JOINTS, companion

LEAST = 1e-8  # m: weaker correctives move nothing that could be seen


def add_live_correctives(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel) -> None:
    """Add keys to `thing` that follow all bones of `rig` as they are shown, strength included."""
    for name, joint, number, offset in _correctives(head):
        driver = _add_key(thing, name, offset)
        add_shown(driver, rig, joint)
        driver.expression = element(number, SHOWN)


def add_strength_correctives(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel) -> None:
    """Add keys to `thing` with what strength adds to baked correctives: those of the shown turn less those of the keyed."""
    for name, joint, number, offset in _correctives(head):
        if joint in JOINTS:
            driver = _add_key(thing, companion(name), offset)
            add_shown(driver, rig, joint)
            add_keyed(driver, rig, joint)
            driver.expression = f"{element(number, SHOWN)}-{element(number, KEYED)}"


def _correctives(head: HeadModel) -> Iterator[tuple[str, str, int, NDArray[np.float64]]]:
    """Name, joint, number of the element of its turn, and displacement (V, 3) m."""
    names = numbered("corrective", head.pose_correctives)
    for number, (name, offset) in enumerate(zip(names, head.pose_correctives, strict=True)):
        if np.abs(offset).max() > LEAST:
            joint, part = divmod(number, len(ELEMENTS))
            yield name, head.joint_names[1 + joint], part, offset


def _add_key(thing: bpy.types.Object, name: str, offset: NDArray[np.float64]) -> bpy.types.Driver:
    base = np.empty(3 * len(offset), np.float32)
    thing.data.shape_keys.reference_key.data.foreach_get("co", base)
    key = thing.shape_key_add(name=name, from_mix=False)
    key.data.foreach_set("co", base + offset.astype(np.float32).ravel())
    key.slider_min, key.slider_max = -4.0, 4.0  # an element is within 2 of 0
    return add_driver(key, "value")
