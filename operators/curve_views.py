# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion with fewer keys, smoother, or on the scene's frames; and raw again."""

import bpy
from bpy.props import FloatProperty

from ..backend.errors import MicrofaceError
from .head import chosen_head, is_linked

RAW = "microface_raw"  #: custom property of an Action that is a view of another (scene/derived.py)


def view_of(head: bpy.types.Object) -> bpy.types.Action | None:
    """The Action that stands in for the raw one; None while the head shows that."""
    animation = head.data.shape_keys.animation_data if head.data.shape_keys else None
    action = animation.action if animation else None
    return action if action and action.get(RAW) else None


class _View:
    """Made from the raw Action, whatever is shown now; F9 changes its setting."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head, and its curves this file's."""
        head = chosen_head(context)
        if head and is_linked(head):
            cls.poll_message_set("The curves of a linked head are changed in its own file")
            return False
        cls.poll_message_set("Reconstruct or import a head first")
        return head is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the view; the raw Action stays as it is."""
        try:
            self.make(context, chosen_head(context))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        return {"FINISHED"}

    def make(self, context: bpy.types.Context, head: bpy.types.Object) -> None:
        """Make the view. Raises MicrofaceError."""
        raise NotImplementedError


class MICROFACE_OT_reduce_keys(_View, bpy.types.Operator):
    """Keep only the keys that are needed to stay within a distance of the raw motion, for editing by hand"""

    bl_idname = "microface.reduce_keys"
    bl_label = "Reduce Keys"

    tolerance_mm: FloatProperty(
        name="Tolerance (mm)",
        description="No point of the face is farther from the raw motion, at any of its keys",
        default=0.02, min=0.0001, soft_max=1, max=10, precision=4,
    )  # fmt: skip

    def make(self, _context: bpy.types.Context, head: bpy.types.Object) -> None:
        """Say how many keys are left and how far off they are."""
        from .scene.reduction import reduce  # loads numpy, which enabling the add-on must not

        done = reduce(head, self.tolerance_mm / 1000)
        error = 1000 * done.error_m
        self.report({"INFO"}, f"{done.after} of {done.before} keys, within {error:.4f} mm of the raw motion")


class MICROFACE_OT_smooth_keys(_View, bpy.types.Operator):
    """Take out what trembles faster than a frequency, without delay. A micro-expression of 40 ms needs 10 Hz or more"""

    bl_idname = "microface.smooth_keys"
    bl_label = "Smooth"

    cutoff_hz: FloatProperty(
        name="Frequency (Hz)",
        description="What swings this fast keeps half its size, slower motion more, faster motion less",
        default=15, min=0.1, max=1000,
    )  # fmt: skip

    def make(self, context: bpy.types.Context, head: bpy.types.Object) -> None:
        """Smooth every curve."""
        from .scene.derived import smooth

        smooth(context.scene, head, self.cutoff_hz)


class MICROFACE_OT_resample_keys(_View, bpy.types.Operator):
    """Put a key on every whole frame of the scene, and none between"""

    bl_idname = "microface.resample_keys"
    bl_label = "On Whole Frames"

    def make(self, _context: bpy.types.Context, head: bpy.types.Object) -> None:
        """Sample every curve."""
        from .scene.derived import resample

        resample(head)


class MICROFACE_OT_raw_keys(_View, bpy.types.Operator):
    """Show the motion as it was captured, key by key"""

    bl_idname = "microface.raw_keys"
    bl_label = "Back to Raw"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """It must not be shown already."""
        if not super().poll(context):
            return False
        cls.poll_message_set("The raw motion is shown")
        return view_of(chosen_head(context)) is not None

    def make(self, _context: bpy.types.Context, head: bpy.types.Object) -> None:
        """Put the raw Action back."""
        from .scene.derived import show_raw

        show_raw(head)


CLASSES = (
    MICROFACE_OT_reduce_keys, MICROFACE_OT_smooth_keys, MICROFACE_OT_resample_keys, MICROFACE_OT_raw_keys,
)  # fmt: skip
