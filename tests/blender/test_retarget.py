# SPDX-License-Identifier: GPL-3.0-or-later
"""Retargeting as a user has it: the verb through the bpy module, and the button by `execute`."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.exchange.live_link import ANGLES, ORDER  # noqa: E402
from microface.backend.heads import load_head  # noqa: E402
from microface.backend.retarget.performance import Performance  # noqa: E402
from microface.backend.take import read_take  # noqa: E402
from microface.models.head.model import HeadModel  # noqa: E402
from microface.operators import result  # noqa: E402
from microface.operators.lent import lent  # noqa: E402
from microface.operators.result import result_of  # noqa: E402
from microface.operators.scene.build import build_scene  # noqa: E402
from microface.operators.scene.character import find_character  # noqa: E402
from microface.operators.scene.retarget import dress, open_character, save_character  # noqa: E402
from microface.operators.scene.rig import find_controls  # noqa: E402
from microface.operators.scene.rig_action import write_action  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import runpy, sys; runpy.run_path({bootstrap!r})['install_package']();"
    "from microface.operators.command_line import main; sys.exit(main(sys.argv[1:]))"
).format(bootstrap=str(ROOT / "backend" / "bootstrap.py"))
KEYS = ("browInnerUp", "browDown_L", "browDown_R", "mouthSmile_L", "mouthSmile_R", "eyeBlink_L", "eyeBlink_R")
SMILE = 0.1


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture(scope="module")
def take(built: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a faint smile of the left side that comes and goes, 30 frames a second."""
    folder = tmp_path_factory.mktemp("take")
    rows = ["Timecode,BlendShapeCount," + ",".join([*(name[0].upper() + name[1:] for name in ORDER), *ANGLES])]
    for row in range(31):
        smile = SMILE * (1 - abs(row - 15) / 15)
        weights = [smile if name == "mouthSmileLeft" else 0.0 for name in ORDER]
        rows.append(f"10:00:{row // 30:02}:{2 * (row % 30):02}.000,61," + ",".join(map(str, [*weights, *[0.0] * 9])))
    (folder / "smile.csv").write_text("\n".join(rows))
    done = run("import", folder / "smile.csv", "--out", folder / "smile.take.npz")
    assert done.returncode == 0, done.stderr
    return folder / "smile.take.npz"


def character(head: HeadModel, scale: float = 10.0) -> bpy.types.Object:
    """The generic head as somebody else's character: ten times as large, some of its units as ARKit keys."""
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata((scale * head.template[:, [0, 2, 1]] * [1, -1, 1]).tolist(), [], head.faces.tolist())
    thing = bpy.data.objects.new("Face", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis", from_mix=False)
    for name in KEYS:
        unit = name.replace("_L", "Left").replace("_R", "Right")
        moved = head.template + head.expression[head.expression_names.index(unit)]
        key = thing.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", (scale * moved[:, [0, 2, 1]] * [1, -1, 1]).astype(np.float32).ravel())
        key.value = 0.0
    bpy.context.view_layer.objects.active = thing
    return thing


def smile_at(second: float) -> float:
    """The left smile's key, as Blender plays it."""
    scene = bpy.context.scene
    scene.frame_set(round(second * scene.render.fps / scene.render.fps_base) + 1)
    keys = next(mesh.data.shape_keys for mesh in bpy.data.objects if mesh.type == "MESH")
    return float(keys.key_blocks["mouthSmile_L"].value)


def test_a_take_goes_onto_a_file_and_back_through_its_table(take: Path, tmp_path: Path) -> None:
    face = character(load_head("generic"))
    bpy.context.scene.render.fps = 60
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "a.glb"), export_morph_animation=False)
    before = (tmp_path / "a.blend").read_bytes()
    assert face.name == "Face"
    done = run(
        "retarget", take, "--rig", tmp_path / "a.blend", "--out", tmp_path / "b.blend", "--save-map", tmp_path / "map.json",
        "--object", "Face", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["files"] == [str(tmp_path / "b.blend"), str(tmp_path / "map.json")]
    assert last["explained"] > 0.9
    assert (tmp_path / "a.blend").read_bytes() == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "b.blend"))
    assert bpy.context.scene.render.fps == 60  # the scene's own: keys lie where the source's times fall
    assert smile_at(0.5) == pytest.approx(SMILE, rel=0.1)
    assert smile_at(0.25) == pytest.approx(SMILE / 2, rel=0.1)

    table = json.loads((tmp_path / "map.json").read_text())
    assert {row["name"] for row in table["controls"] if row["use"]} == set(KEYS)
    assert {tuple(row["units"]) for row in table["controls"]} >= {("mouthSmileLeft",), ("browInnerUp",)}
    for row in table["controls"]:
        row["strength"] = 2.0
    (tmp_path / "map.json").write_text(json.dumps(table))
    done = run(
        "retarget", take, "--rig", tmp_path / "a.glb", "--out", tmp_path / "c.blend", "--map", tmp_path / "map.json"
    )
    assert done.returncode == 0, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "c.blend"))
    with lent(result):  # the file has its live settings, for whoever opens it with the extension
        owner = next(thing for thing in bpy.data.objects if result_of(thing))
        assert result_of(owner).controls["mouthSmile_L"].gain == 2.0
        result_of(owner).strength = 0.5
        assert smile_at(0.5) == pytest.approx(SMILE, rel=0.1)
        result_of(owner).strength = 1.0
    assert bpy.context.scene.render.fps == 30  # an imported character has no timing of its own
    assert bpy.context.scene.frame_end == 31
    assert smile_at(0.5) == pytest.approx(2 * SMILE, rel=0.1)


@pytest.mark.parametrize("suffix", [".glb", ".fbx"])
def test_a_moving_character_goes_out_and_comes_back(built: None, tmp_path: Path, suffix: str) -> None:
    """As the file's own importer plays it: a key of the mesh, and a bone that turns it, at the source's rate."""
    face = character(load_head("generic"))
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("head")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    face.parent = rig
    face.vertex_groups.new(name="head").add(list(range(len(face.data.vertices))), 1.0, "REPLACE")
    face.modifiers.new("Armature", "ARMATURE").object = rig
    found = find_character(bpy.context, rig)
    controls = [one for one in find_controls(found) if one.name in ("mouthSmile_L", "head turn y")]
    values = np.linspace(0, 0.2, 13)[:, None] * [1, 2]
    time_s, every = np.arange(13) / 50, np.ones(2, bool)
    names = tuple(one.name for one in controls)
    performance = Performance(names, time_s, values, np.ones(13, bool), every, 1.0)
    dress(bpy.context.scene, performance)
    write_action(bpy.context.scene, controls, performance, "clip")
    bpy.context.scene.frame_set(13)
    shown = _extent(face)
    save_character(tmp_path / f"a{suffix}", found)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]
    open_character(tmp_path / f"a{suffix}")
    back = next(one for one in bpy.data.objects if one.type == "MESH" and one.data.shape_keys)
    fps = bpy.context.scene.render.fps / bpy.context.scene.render.fps_base
    frame = 13 / 50 * fps + (
        1 if suffix == ".fbx" else 0
    )  # a file's own time is the frame over the rate, as in `export`
    bpy.context.scene.frame_set(int(frame), subframe=frame - int(frame))
    assert back.data.shape_keys.key_blocks["mouthSmile_L"].value == pytest.approx(0.2, abs=2e-3)
    np.testing.assert_allclose(_extent(back), shown, atol=0.01)  # of a head 2.4 high


def _extent(thing: bpy.types.Object) -> np.ndarray:
    """(3, 2) least and most along the world's axes, as it is shown."""
    bpy.context.view_layer.update()
    seen = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([seen.matrix_world @ vertex.co for vertex in seen.to_mesh().vertices])
    return np.stack([points.min(0), points.max(0)], 1)


def test_fbx_opens(built: None, tmp_path: Path) -> None:
    character(load_head("generic"))
    bpy.ops.export_scene.fbx(filepath=str(tmp_path / "a.fbx"))
    context = open_character(tmp_path / "a.fbx")
    assert {control.name for control in find_controls(find_character(context))} == set(KEYS)


@pytest.mark.parametrize(
    ("rig", "more", "status", "words"),
    [
        ("gone.glb", [], 1, "There is no file gone.glb"),
        ("a.obj", [], 2, "does not end in .blend or .glb"),
        ("a.glb", ["--strength", "nan"], 2, "not a strength"),
        ("empty.blend", [], 1, "Nothing in the scene is a rig"),
        ("bad.glb", [], 1, "bad.glb cannot be opened"),
        ("cube.blend", [], 1, "Nothing in the scene is a rig"),
        ("keyed.blend", [], 1, "animated already"),
        ("keyed.blend", ["--object", "Nobody"], 1, "no object 'Nobody'"),
        ("still.blend", [], 1, "None of 1 controls"),
    ],
)
def test_what_cannot_be_retargeted_is_one_line(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: str, more: list[str], status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if rig == "bad.glb":
        (tmp_path / rig).write_bytes(b"glTF nonsense")
    if rig.endswith(".blend"):
        make_bad(rig.removesuffix(".blend"))
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / rig))
    present = {path.name for path in tmp_path.iterdir()}
    done = run("retarget", take, "--rig", rig, "--out", "out.blend", *more)
    assert done.returncode == status, done.stderr
    assert words in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == present


def make_bad(kind: str) -> None:
    """A scene that is no good character."""
    if kind == "empty":
        return
    mesh = bpy.data.meshes.new("cube")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new("cube", mesh)
    bpy.context.scene.collection.objects.link(thing)
    if kind in ("keyed", "still"):
        thing.shape_key_add(name="Basis", from_mix=False)
        key = thing.shape_key_add(name="k", from_mix=False)
        if kind == "keyed":
            key.data[0].co = (0, 0, 1)
            key.keyframe_insert("value", frame=1)


def test_the_button(addon: ModuleType, take: Path) -> None:
    assert not bpy.ops.microface.retarget.poll()
    face = character(load_head("generic"))
    assert bpy.ops.microface.retarget(filepath=str(take), start=11.0) == {"FINISHED"}
    keys = face.data.shape_keys
    assert keys.animation_data.action.name == "smile"
    apex = round(0.5 * bpy.context.scene.render.fps) + 11
    bpy.context.scene.frame_set(apex)
    assert keys.key_blocks["mouthSmile_L"].value == pytest.approx(SMILE, rel=0.1)
    result_of(face).strength_mouth = 3.0
    bpy.context.scene.frame_set(apex)
    assert keys.key_blocks["mouthSmile_L"].value == pytest.approx(3 * SMILE, rel=0.1)
    regions = {row.name: row.region for row in result_of(face).controls}
    assert (regions["browDown_L"], regions["eyeBlink_R"], regions["mouthSmile_R"]) == ("brows", "eyes", "mouth")
    with pytest.raises(RuntimeError, match="animated already"):
        bpy.ops.microface.retarget(filepath=str(take))
    with pytest.raises(RuntimeError, match="no file"):
        bpy.ops.microface.retarget(filepath=str(take.with_name("gone.npz")), existing="replace")
    assert keys.animation_data.action.name == "smile"


def test_a_character_follows_the_head_that_was_reconstructed(addon: ModuleType, take: Path) -> None:
    """The solved map on the same mesh, ten times as large: what the head does is what the character does."""
    face = character(load_head("generic"))
    assert bpy.ops.microface.retarget(filepath=str(take)) == {"FINISHED"}
    rows = result_of(face).controls
    build_scene(bpy.context, read_take(take), load_head("generic"), clip_path=None, name="take")
    head = bpy.data.objects["take head"]
    bpy.context.view_layer.objects.active = face
    assert bpy.ops.microface.link_head() == {"FINISHED"}
    scene = bpy.context.scene
    scene.frame_set(round(0.5 * scene.render.fps) + 1)
    for name, value in (("mouthSmileRight", 0.2), ("browInnerUp", 0.3), ("browDownLeft", 0.1)):
        head.data.shape_keys.key_blocks[name].value = value
    bpy.context.view_layer.update()
    shown = {key.name: key.value for key in face.data.shape_keys.key_blocks}
    assert shown["mouthSmile_L"] == pytest.approx(SMILE, rel=0.1)
    assert (shown["mouthSmile_R"], shown["browInnerUp"]) == (pytest.approx(0.2, rel=0.1), pytest.approx(0.3, rel=0.1))
    assert shown["browDown_L"] == pytest.approx(0.1, rel=0.1)
    assert max(abs(shown[name]) for name in ("browDown_R", "eyeBlink_L", "eyeBlink_R")) < 0.01
    with pytest.raises(RuntimeError, match="follows a head"):
        bpy.ops.microface.retarget(filepath=str(take), again=True)
    bpy.ops.microface.unlink_head()
    rows["mouthSmile_L"].use, result_of(face).strength = False, 2.0
    assert bpy.ops.microface.retarget(filepath=str(take), again=True) == {"FINISHED"}
    assert smile_of(face) == 0
    rows["mouthSmile_L"].use = True
    assert (rows["mouthSmile_L"].solved, smile_of(face)) == (0, 0)  # it moves again when the take is solved with it
    assert face.data.shape_keys.animation_data.action == result_of(face).action


def smile_of(face: bpy.types.Object) -> float:
    """At the apex."""
    scene = bpy.context.scene
    scene.frame_set(round(0.5 * scene.render.fps) + 1)
    return float(face.data.shape_keys.key_blocks["mouthSmile_L"].value)
