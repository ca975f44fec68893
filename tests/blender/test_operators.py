# SPDX-License-Identifier: GPL-3.0-or-later
"""The button without a window: the add-on registered in the bpy module, its operator by `execute`, a real worker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.operators import job, properties  # noqa: E402
from microface.operators.reconstruct import free_path, options  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def names_of_ours() -> set[str]:
    classes = {name for name in dir(bpy.types) if name.startswith("MICROFACE_")}
    return classes | {
        f"{kind.__name__}.microface"
        for kind in (bpy.types.Scene, bpy.types.WindowManager)
        if hasattr(kind, "microface")
    }


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No job finds the result of another test's."""
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def clip(portrait_clip: Callable[[list[int]], Path]) -> Path:
    """A short clip of a real face that moves by a pixel, in a folder where its take may lie."""
    return portrait_clip([0, 0, 0, 0, 1, 1, 1, 1])


def choose(source: Path, folder: Path) -> None:
    """Set the panel's file field, and save the .blend to `folder`: takes lie beside it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    properties.settings(bpy.context).source = str(source)


def after_progress(action: Callable[[], None]) -> threading.Thread:
    """Do something from another thread once the worker has reported progress."""

    def wait() -> None:
        while not job.running() or properties.job(bpy.context).fraction == 0:
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_register_makes_everything_and_unregister_leaves_nothing(load_addon: Callable[[], ModuleType]) -> None:
    before = names_of_ours()
    for _ in range(2):  # the second registration proves that the first left nothing behind
        module = load_addon()
        module.register()
        assert {"MICROFACE_PT_reconstruct", "MICROFACE_OT_reconstruct", "Scene.microface"} <= names_of_ours()
        module.unregister()
        assert names_of_ours() == before == set()


def test_one_handler_while_enabled_and_none_after(load_addon: Callable[[], ModuleType]) -> None:
    """The one that follows keyed strengths of characters; no timer at all."""
    every = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    handlers = {name: handler for name, handler in every.items() if isinstance(handler, list)}
    assert len(handlers) > 20
    before = {name: len(handler) for name, handler in handlers.items()}
    module = load_addon()
    module.register()
    during = {name: len(handler) - before[name] for name, handler in handlers.items() if len(handler) != before[name]}
    module.unregister()
    assert during == {"depsgraph_update_post": 1}
    assert before == {name: len(handler) for name, handler in handlers.items()}
    assert job._timer is None


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="Blender 4.5 as a module hangs when it quits with the add-on on")
def test_quitting_blender_ends_the_worker(built: None, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.take.npz"
    code = (
        "import sys, time, importlib.util as u, bpy\n"
        f"spec = u.spec_from_file_location('microface', {str(ROOT / '__init__.py')!r},"
        f" submodule_search_locations=[{str(ROOT)!r}])\n"
        "sys.modules['microface'] = module = u.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "module.register()\n"
        "from microface.operators import job\n"
        f"job._worker = worker = job.Worker(['reconstruct', {str(clip)!r}, '--out', {str(out)!r}])\n"
        "while not list(worker.poll()): time.sleep(0.02)\n"
        "print(worker.process.pid, flush=True)\n"
        "sys.exit()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    pid = int(done.stdout.split()[-1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_failed_registration_is_rolled_back_and_raised(
    load_addon: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_addon()

    class MICROFACE_PT_broken(bpy.types.Panel):  # no bl_space_type: Blender refuses it
        pass

    monkeypatch.setattr(module, "CLASSES", (*module.CLASSES, MICROFACE_PT_broken))
    with pytest.raises((AttributeError, RuntimeError)):
        module.register()
    assert names_of_ours() == set()


def test_enabling_imports_nothing_heavy() -> None:
    code = (
        "import sys, importlib.util as u, bpy; before = set(sys.modules)\n"
        f"spec = u.spec_from_file_location('microface', {str(ROOT / '__init__.py')!r},"
        f" submodule_search_locations=[{str(ROOT)!r}])\n"
        "sys.modules['microface'] = module = u.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "module.register(); new = {n.partition('.')[0] for n in set(sys.modules) - before}; module.unregister()\n"
        "print(sorted(new & {'numpy', 'cv2', 'scipy', 'onnxruntime', 'av'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_button_without_a_video_says_so(addon: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="Choose a video first"):
        bpy.ops.microface.reconstruct()


def test_missing_file_becomes_one_error_in_words(addon: ModuleType, tmp_path: Path) -> None:
    choose(tmp_path / "gone.mp4", tmp_path)
    with pytest.raises(RuntimeError, match=r"gone\.mp4") as caught:
        bpy.ops.microface.reconstruct()
    state = properties.job(bpy.context)
    assert "Traceback" not in str(caught.value)
    assert "gone.mp4" in state.error
    assert state.remedy
    assert not state.running
    assert not job.running()
    assert [path.name for path in tmp_path.iterdir()] == ["scene.blend"]
    properties.settings(bpy.context).source = "another.mp4"
    assert state.error == ""


def test_reconstruction_builds_the_scene(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    choose(clip, tmp_path)
    assert bpy.ops.microface.reconstruct() == {"FINISHED"}
    state = properties.job(bpy.context)
    assert Path(state.take) == tmp_path / "portrait.take.npz"
    assert state.error == ""
    heads = [item for item in bpy.data.objects if item.type == "MESH" and item.data.shape_keys]
    assert heads
    assert heads[0].data.shape_keys.animation_data.action
    assert bpy.context.scene.camera
    assert not job.running()


def test_button_and_command_line_give_the_same_take(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    """`blender -b --python-expr` calls the operator, `blender -c microface` and `dev.py run` call main()."""
    from microface.operators.command_line import main

    (tmp_path / "button").mkdir()
    choose(clip, tmp_path / "button")
    assert bpy.ops.microface.reconstruct() == {"FINISHED"}
    assert main(["reconstruct", str(clip), "--out", str(tmp_path / "line.take.npz")]) == 0
    (pressed,) = (tmp_path / "button").glob("*.take.npz")
    with np.load(pressed) as button, np.load(tmp_path / "line.take.npz") as line:
        assert button.files == line.files
        for name in button.files:
            np.testing.assert_array_equal(button[name], line[name], err_msg=name)


def test_user_chooses_the_frame_rate(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    """In an empty scene it is the footage's; here the scene's is asked for, and keys lie on its fractional frames."""
    choose(clip, tmp_path)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 60, 1.0
    properties.settings(bpy.context).rate = "scene"
    bpy.ops.microface.reconstruct()
    assert (scene.render.fps, scene.render.fps_base) == (60, 1.0)
    head = next(item for item in bpy.data.objects if item.type == "MESH" and item.data.shape_keys)
    start, end = head.data.shape_keys.animation_data.action.frame_range
    assert end - start == pytest.approx(7 / 25 * 60, abs=0.01)  # 8 frames of 25 a second


def test_killed_worker_is_reported_and_leaves_no_file(
    addon: ModuleType, built: None, clip: Path, tmp_path: Path
) -> None:
    choose(clip, tmp_path)
    thread = after_progress(lambda: job._worker.process.kill())  # type: ignore[union-attr]
    with pytest.raises(RuntimeError, match="worker process"):
        bpy.ops.microface.reconstruct()
    thread.join(5)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.blend"]
    assert len(bpy.data.meshes) == 0


def test_cancel_ends_the_job_and_leaves_no_file(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    choose(clip, tmp_path)
    thread = after_progress(job.request_cancel)
    assert bpy.ops.microface.reconstruct() == {"CANCELLED"}
    thread.join(5)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.blend"]
    assert properties.job(bpy.context).error == ""


class Listener(job.Job):
    """A job whose reports are kept."""

    def __init__(self) -> None:
        self.said: list[tuple[set[str], str]] = []

    def report(self, kind: set[str], text: str) -> None:
        self.said.append((kind, text))


def test_escape_cancels_within_a_second(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.take.npz"
    job._worker = job.Worker(["reconstruct", str(clip), "--out", str(out)], [out])
    listener = Listener()
    press = SimpleNamespace(type="ESC", value="PRESS")
    assert listener.modal(bpy.context, SimpleNamespace(type="MOUSEMOVE", value="NOTHING")) == {"PASS_THROUGH"}
    assert listener.modal(bpy.context, press) == {"RUNNING_MODAL"}
    asked = time.monotonic()
    while (outcome := listener.modal(bpy.context, SimpleNamespace(type="TIMER", value="NOTHING"))) == {"PASS_THROUGH"}:
        assert time.monotonic() < asked + 10
        time.sleep(job.POLL_S)
    assert outcome == {"CANCELLED"}
    assert listener.said == [({"WARNING"}, "Cancelled")]
    assert not job.running()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_control_c_cancels_a_headless_job(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    choose(clip, tmp_path)
    thread = after_progress(lambda: os.kill(os.getpid(), signal.SIGINT))
    assert bpy.ops.microface.reconstruct() == {"CANCELLED"}
    thread.join(5)


def test_second_job_is_refused_while_one_runs(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    choose(clip, tmp_path)
    refusals: list[bool] = []

    def ask() -> None:
        refusals.append(bpy.types.MICROFACE_OT_reconstruct.poll(bpy.context))
        job.request_cancel()

    thread = after_progress(ask)
    bpy.ops.microface.reconstruct()
    thread.join(5)
    assert refusals == [False]


def test_unregistering_ends_a_running_job(
    load_addon: Callable[[], ModuleType], built: None, clip: Path, tmp_path: Path
) -> None:
    module = load_addon()
    module.register()
    choose(clip, tmp_path)
    argv = ["reconstruct", str(clip), "--out", str(tmp_path / "a.take.npz")]
    job._worker = worker = job.Worker(argv, [tmp_path / "a.take.npz"])
    module.unregister()
    assert worker.process.returncode is not None
    assert not job.running()


def test_settings_become_options_of_the_command_line(addon: ModuleType) -> None:
    choice = properties.settings(bpy.context)
    assert options(bpy.context) == ["--quality", "full"]
    choice.quality = "draft"
    choice.face, choice.use_range, choice.range_start, choice.range_end = "320,240", True, 5, 25
    for start, end in ((7, 9), (12, 15)):
        span = choice.exclude.add()
        span.start, span.end = start, end
    choice.lens_from, choice.lens = "KNOWN", 18 / np.tan(np.radians(20))
    excluded = ["--exclude", "7:9", "--exclude", "12:15"]
    given = ["--quality", "draft", "--face", "320,240", "--range", "5:25", *excluded, "--fov", "40.0000"]
    assert options(bpy.context) == given


@pytest.mark.parametrize("fit", ["HORIZONTAL", "VERTICAL", "AUTO"])
def test_the_scenes_camera_gives_the_angle_across_its_picture(addon: ModuleType, fit: str) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 600, 800
    camera = bpy.data.objects.new("tracked", bpy.data.cameras.new("tracked"))
    camera.data.sensor_fit, camera.data.sensor_width, camera.data.sensor_height, camera.data.lens = fit, 36, 24, 50
    scene.collection.objects.link(camera)
    scene.camera = camera
    properties.settings(bpy.context).lens_from = "CAMERA"
    across = {"HORIZONTAL": 36, "VERTICAL": 24 * 600 / 800, "AUTO": 36 * 600 / 800}[fit]  # mm; AUTO is the longer side
    *_, option, value = options(bpy.context)
    assert option == "--fov"
    assert float(value) == pytest.approx(2 * np.degrees(np.arctan(across / 2 / 50)), abs=1e-3)


def test_without_a_camera_the_scenes_camera_is_refused_in_words(addon: ModuleType, clip: Path, tmp_path: Path) -> None:
    choose(clip, tmp_path)
    properties.settings(bpy.context).lens_from = "CAMERA"
    with pytest.raises(RuntimeError, match="no perspective camera"):
        bpy.ops.microface.reconstruct()


def test_the_second_run_is_there_at_once_and_corrections_find_the_tracks(
    addon: ModuleType, built: None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(clip, tmp_path)
    shown: list[str] = []
    monkeypatch.setattr(job.Job, "_show", lambda self, context, message: shown.append(message["stage"]))
    bpy.ops.microface.reconstruct()
    assert {"tracking", "solving"} <= set(shown)
    shown.clear()
    bpy.ops.microface.reconstruct()
    assert "head" not in shown
    with np.load(tmp_path / "portrait.take.npz") as one, np.load(tmp_path / "portrait.001.take.npz") as two:
        assert all(np.array_equal(one[name], two[name]) for name in one.files)
    shown.clear()
    choice = properties.settings(bpy.context)
    choice.use_neutral, choice.neutral_start, choice.neutral_end = True, 0, 3
    bpy.ops.microface.reconstruct()
    assert "solving" in shown
    assert "tracking" not in shown


def test_the_scene_of_the_button_gets_the_result_though_another_is_shown(
    addon: ModuleType, built: None, clip: Path, tmp_path: Path
) -> None:
    choose(clip, tmp_path)
    began = bpy.context.scene
    bpy.data.scenes.new("another")

    class Shown(Listener):
        def finish(self, context: bpy.types.Context, result: dict[str, object]) -> None:
            self.where = context.scene.name
            rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
            context.scene.collection.objects.link(rig)
            context.view_layer.objects.active = rig
            bpy.ops.object.mode_set(mode="EDIT")  # what building a head needs
            bpy.ops.object.mode_set(mode="OBJECT")

    listener = Shown()
    listener.scene = began.name
    bpy.context.window.scene = bpy.data.scenes["another"]
    assert listener._close(bpy.context, {"type": "result"}) == {"FINISHED"}
    assert listener.where == began.name
    bpy.data.scenes.remove(began)
    bpy.context.window.scene = bpy.data.scenes["another"]
    assert listener._close(bpy.context, {"type": "result"}) == {"FINISHED"}
    assert listener.where == "another"  # the first is gone


def test_no_earlier_take_is_overwritten(tmp_path: Path) -> None:
    for name in ("a.take.npz", "a.001.take.npz"):
        assert free_path(tmp_path, "a") == tmp_path / name
        (tmp_path / name).touch()
    assert free_path(tmp_path, "a") == tmp_path / "a.002.take.npz"
