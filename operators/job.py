# SPDX-License-Identifier: GPL-3.0-or-later
"""The one modal class: start the worker, poll it, ESC, progress, error -> report."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import bpy

from ..backend.errors import MicrofaceError
from ..backend.messages import Message, clock, error_message
from . import properties
from .words import in_panel
from .worker import LAST, Worker, interrupt_cancels

POLL_S = 0.1

# A process runs one job at a time; kept here, not on the operator, because unregistering must be able to end it.
_worker: Worker | None = None
_timer: bpy.types.Timer | None = None


def running() -> bool:
    """Say whether a job runs now."""
    return _worker is not None


def idle(operator: Any) -> bool:
    """Say whether no job runs, for the poll of an operator that must wait for it; its button tells the user."""
    operator.poll_message_set("A job is running: wait for it, or cancel it")
    return not running()


def request_cancel() -> None:
    """Ask the running job to stop; its operator reports when it has."""
    if _worker:
        _worker.cancel()


def end() -> None:
    """End the worker at once; nothing happens when none runs."""
    global _worker
    if _worker:
        _worker.kill()
        _worker = None


def release(context: bpy.types.Context) -> None:
    """End the worker and give back timer, status bar and panel."""
    global _timer
    end()
    if _timer:
        context.window_manager.event_timer_remove(_timer)
        _timer = None
    properties.job(context).running = False
    if context.workspace:
        context.workspace.status_text_set(None)
    _redraw(context)


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def _lasting_window(context: bpy.types.Context) -> AbstractContextManager[object]:
    """The main window in place of the preferences' own, whose closing would end a job."""
    if context.window.parent:
        return context.temp_override(window=context.window.parent)
    return nullcontext()


class Job:
    """Base of operators whose work is done by the worker: `invoke` keeps Blender live, `execute` waits."""

    scene = ""  # name of the one whose button was pressed

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Give verb and options for the worker, and the files it makes. Raises MicrofaceError."""
        raise NotImplementedError

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Use the worker's result. Raises MicrofaceError."""
        raise NotImplementedError

    def hear(self, context: bpy.types.Context, message: Message) -> None:
        """Use what the worker says on the way."""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the job and come back at every tick of a timer."""
        global _timer
        if bpy.app.background:
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        with _lasting_window(context):
            _timer = context.window_manager.event_timer_add(POLL_S, window=context.window)
            context.window_manager.modal_handler_add(self)  # type: ignore[arg-type]  # mixed into an Operator
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run the job and wait for it; Ctrl-C cancels it."""
        if not self._start(context):
            return {"CANCELLED"}
        assert _worker
        with interrupt_cancels(_worker):
            while not (outcome := self._tick(context)):
                time.sleep(POLL_S)
        return outcome

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Poll the worker; leave every event but ESC to Blender."""
        if not running():  # ended by unregistering
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            request_cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        return self._tick(context) or {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """End the job because Blender takes the operator away: its window closes, or another file is opened."""
        release(context)

    def _start(self, context: bpy.types.Context) -> bool:
        global _worker
        if running():
            self.report({"ERROR"}, "Another job runs. Wait for it, or cancel it.")
            return False
        state = properties.job(context)
        state.code = state.error = state.remedy = ""
        state.job = type(self).bl_idname
        self.scene = context.scene.name  # pointers do not outlive an undo
        try:
            argv, outputs = self.prepare(context)
            _worker = Worker(argv, outputs, properties.gpu_folder(context))
        except (MicrofaceError, OSError) as error:
            self._fail(context, error_message(error))
            return False
        state.running, state.stage, state.fraction, state.time_left = True, "Starting", 0.0, ""
        return True

    def _tick(self, context: bpy.types.Context) -> set[str] | None:
        """Handle what the worker said; give the operator's outcome when the job is over."""
        assert _worker
        for message in _worker.poll():
            if message["type"] == "progress":
                self._show(context, message)
            elif message["type"] == "log":
                self.hear(context, message)
            elif message["type"] in LAST:
                try:
                    return self._close(context, message)
                finally:
                    release(context)
        return None

    def _show(self, context: bpy.types.Context, message: Message) -> None:
        state = properties.job(context)
        left, rate = message["seconds_left"], message["rate"]
        state.stage, state.fraction = message["stage"].capitalize(), message["value"]
        state.time_left = "" if left is None else f"{100 * rate:.2g} %/s, {clock(left)} left"
        if context.workspace:
            text = f"Microface: {state.stage}  {state.fraction:.0%}  {state.time_left}    ESC cancels"
            context.workspace.status_text_set(text)
        _redraw(context)

    def _close(self, context: bpy.types.Context, message: Message) -> set[str]:
        if message["type"] == "cancelled":
            self.report({"WARNING"}, "Cancelled")
            return {"CANCELLED"}
        if message["type"] == "error":
            self._fail(context, message)
            return {"CANCELLED"}
        try:
            with self._where_it_began(context):
                self.finish(context, message)
        except (MicrofaceError, OSError) as error:
            self._fail(context, error_message(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    @contextmanager
    def _where_it_began(self, context: bpy.types.Context) -> Iterator[None]:
        """In the scene whose button was pressed, though another one is shown meanwhile; edit mode needs the window's own."""
        window, scene = context.window, bpy.data.scenes.get(self.scene)
        if window is None or scene is None or scene == window.scene:
            yield
            return
        shown, window.scene = window.scene, scene
        try:
            yield
        finally:
            window.scene = shown

    def _fail(self, context: bpy.types.Context, message: Message) -> None:
        state = properties.job(context)
        state.code, state.error, state.remedy = message["code"], message["text"], in_panel(message["remedy"])
        self.report({"ERROR"}, f"{state.error} {state.remedy}")


class Asked(Job):
    """A job that asks first. A dialog ends in `execute`, which is to keep Blender live like the button does."""

    asking = False

    def told(self) -> dict[str, object]:
        """Give the properties that the dialog asks for; all are empty before it, so they must be SKIP_SAVE."""
        raise NotImplementedError

    def ask(self, context: bpy.types.Context) -> set[str]:
        """Open the dialog: the file browser, unless an operator asks for something else."""
        context.window_manager.fileselect_add(self)  # type: ignore[arg-type]  # mixed into an Operator
        return {"RUNNING_MODAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask, or start when all is told."""
        if bpy.app.background or any(self.told().values()):
            return super().invoke(context, event)
        self.asking = True
        return self.ask(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the job as the button does when a dialog calls, and wait for it when a script does."""
        if not self.asking:
            return super().execute(context)
        operator = getattr(bpy.ops.microface, type(self).bl_idname.partition(".")[2])
        operator("INVOKE_DEFAULT", **self.told())  # a dialog's own operator cannot become modal again
        return {"FINISHED"}
