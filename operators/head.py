# SPDX-License-Identifier: GPL-3.0-or-later
"""Which head the sidebar speaks of, and what it carries. Cheap enough to ask whenever something is drawn."""

from collections.abc import Iterator

import bpy

#: Regions with a strength of their own, as models/head/regions.py has them, and what people call them.
NAMES = {"brows": "Brows", "eyes": "Eyes", "nose": "Nose", "mouth": "Mouth", "jaw": "Jaw"}
#: Custom property of every head that was built: how many times as far it all moves.
STRENGTH = "strength"
#: Custom property of a head that only stands beside another one, magnified: the sidebar never speaks of it.
COPY = "microface_copy"


def strength_property(region: str) -> str:
    """The custom property with a region's strength; of the whole face for ""."""
    return f"{STRENGTH}_{region}" if region else STRENGTH


def chosen_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head of the active object's collections, else the first of the scene; None when there is none."""
    active = context.view_layer.objects.active if context.view_layer else None
    own = [] if active is None else [active, *(thing for group in active.users_collection for thing in group.objects)]
    return next((thing for thing in (*own, *context.scene.objects) if is_head(thing)), None)


def heads_of(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """All heads of a scene."""
    return [thing for thing in scene.objects if is_head(thing)]


def is_head(thing: bpy.types.Object) -> bool:
    """Whether an object is a head that was built: others may have a property named strength too."""
    return thing.get(COPY) is None and all(thing.get(strength_property(region)) is not None for region in ("", *NAMES))


def is_linked(head: bpy.types.Object) -> bool:
    """Whether a head comes from another file, though it be overridden here: its list and its curves are that file's."""
    return bool(head.library or head.override_library)


def beyond_limit(head: bpy.types.Object) -> Iterator[tuple[str, float, float]]:
    """Regions whose strength times that of all is more than shape keys can hold: name, wanted, and what is shown."""
    for region in NAMES:
        wanted = head[STRENGTH] * head[strength_property(region)]
        limit = head.id_properties_ui(strength_property(region)).as_dict()["max"]
        if wanted > limit * (1 + 1e-6):
            yield region, wanted, limit
