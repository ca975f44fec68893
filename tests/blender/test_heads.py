# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own heads in Blender: added, downloaded, chosen, listed, removed; a real worker, a server of our own."""

import hashlib
import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.heads import load_head  # noqa: E402
from microface.backend.shelf import kept  # noqa: E402
from microface.models.head.model import write_head  # noqa: E402
from microface.models.head.read.editions import EDITIONS, FLAME_OPEN  # noqa: E402
from microface.operators import job, properties  # noqa: E402
from microface.operators.command_line import main  # noqa: E402
from microface.panels.preferences import MICROFACE_preferences  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def addon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The add-on, registered and enabled so that it has preferences, with empty folders of the user's."""
    monkeypatch.setenv("MICROFACE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    spec = importlib.util.spec_from_file_location(
        "microface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.register()
    enabled = bpy.context.preferences.addons.new()
    enabled.module = "microface"
    yield module
    bpy.context.preferences.system.use_online_access = False
    bpy.context.preferences.addons.remove(enabled)
    module.unregister()


@pytest.fixture
def file(built: None, tmp_path: Path) -> Path:
    """A head with landmarks, which needs no tracker, and with the terms of somebody else's."""
    terms = {"name": FLAME_OPEN.name, "licence": FLAME_OPEN.licence, "citation": FLAME_OPEN.citation}
    write_head(tmp_path / "site" / "mine.npz", replace(load_head("generic"), **terms))
    return tmp_path / "site" / "mine.npz"


@pytest.fixture
def site(file: Path) -> Iterator[SimpleNamespace]:
    """A server of the file's folder: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *said: object) -> None:
            asked.append(str(said))

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(file.parent))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/mine.npz"
        yield SimpleNamespace(address=address, asked=asked)
        server.shutdown()
        thread.join()


class Layout:
    """Keeps what is drawn; every property and operator must be there."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.operators: list[tuple[str, SimpleNamespace]] = []
        self.layout = self

    def row(self, **_: object) -> "Layout":
        return self

    column = box = split = row

    def label(self, text: str, icon: str = "NONE") -> None:
        self.text.append(text)

    def progress(self, factor: float, text: str, type: str) -> None:
        self.text.append(f"{factor:.0%} {text}")

    def prop(self, data: Any, name: str, **_: object) -> None:
        assert name in data.bl_rna.properties

    def operator(self, name: str, text: str = "", icon: str = "NONE", emboss: bool = True) -> SimpleNamespace:
        group, _, verb = name.partition(".")
        getattr(getattr(bpy.ops, group), verb).get_rna_type()  # raises where there is none
        self.operators.append((name, SimpleNamespace()))
        return self.operators[-1][1]


def drawn() -> Layout:
    """What the preferences show now."""
    preferences = properties.preferences(bpy.context)
    layout = Layout()
    names = ("head", "device", "takes", "bl_rna")
    shown = SimpleNamespace(layout=layout, **{name: getattr(preferences, name) for name in names})
    MICROFACE_preferences.draw(shown, bpy.context)
    return layout


def test_an_added_head_is_listed_with_its_terms_and_can_be_chosen(addon: Any, file: Path) -> None:
    assert not [text for text in drawn().text if "FLAME 2023 Open. CC-BY" in text]
    assert bpy.ops.microface.add_head(filepath=str(file), name="mine") == {"FINISHED"}
    (one,) = kept()
    layout = drawn()
    shown = " ".join(layout.text)
    assert "generic" in layout.text and "mine" in layout.text
    assert FLAME_OPEN.licence in shown and FLAME_OPEN.citation in shown
    assert [button.name for name, button in layout.operators if name == "microface.remove_head"] == ["mine"]
    links = [button.url for name, button in layout.operators if name == "wm.url_open"]
    assert links == [edition.home for edition in EDITIONS]
    assert properties._heads(None, bpy.context, "") == ["generic", "mine"]
    assert load_head("mine").sha256 == one.sha256


def test_what_is_no_head_is_one_error_shown_in_the_preferences(addon: Any, tmp_path: Path) -> None:
    (tmp_path / "page.pkl").write_text("<html>please log in</html>")
    with pytest.raises(RuntimeError, match=r"page\.pkl is not a head") as caught:
        bpy.ops.microface.add_head(filepath=str(tmp_path / "page.pkl"))
    assert "Traceback" not in str(caught.value)
    assert "is not a head" in " ".join(drawn().text)
    assert kept() == [] and not job.running()


def test_the_head_of_the_file_comes_before_that_of_the_preferences(addon: Any, tmp_path: Path) -> None:
    assert properties.head(bpy.context) == "generic"
    properties.preferences(bpy.context).head = "mine"
    assert properties.head(bpy.context) == "mine"
    properties.settings(bpy.context).head = "generic"
    assert properties.head(bpy.context) == "generic"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    properties.settings(bpy.context).head = "//head.npz"
    assert properties.head(bpy.context) == str(tmp_path / "head.npz")


def test_a_removed_head_is_gone_and_chosen_no_more(addon: Any, file: Path) -> None:
    bpy.ops.microface.add_head(filepath=str(file), name="mine")
    properties.preferences(bpy.context).head = "mine"
    assert bpy.ops.microface.remove_head(name="mine") == {"FINISHED"}
    assert kept() == [] and properties.preferences(bpy.context).head == ""
    with pytest.raises(RuntimeError, match="No head called 'mine'"):
        bpy.ops.microface.remove_head(name="mine")


def test_without_online_access_nothing_is_asked_of_a_server(
    addon: Any, site: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.microface.download_head(address=site.address)
    assert main(["heads", "download", site.address]) == 1
    assert "Blender's online access is off" in capfd.readouterr().err
    assert site.asked == [] and kept() == []
    assert main(["heads", "list"]) == 0


def test_with_online_access_a_head_comes_from_the_address(addon: Any, file: Path, site: SimpleNamespace) -> None:
    bpy.context.preferences.system.use_online_access = True
    with pytest.raises(RuntimeError, match="was removed"):
        bpy.ops.microface.download_head(address=site.address, sha256="0" * 64)
    assert kept() == []
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert bpy.ops.microface.download_head(address=f" {site.address} ", sha256=sha256) == {"FINISHED"}
    assert [one.name for one in kept()] == ["flame-2023-open"]


def test_a_scene_is_built_with_a_head_called_by_its_name(addon: Any, file: Path, portrait_clip: Any) -> None:
    bpy.ops.microface.add_head(filepath=str(file), name="mine")
    clip = portrait_clip([0, 0, 0, 0, 1, 1, 1, 1])
    bpy.ops.wm.save_as_mainfile(filepath=str(clip.parent / "scene.blend"))
    properties.settings(bpy.context).source = str(clip)
    properties.preferences(bpy.context).head = "mine"
    assert bpy.ops.microface.reconstruct() == {"FINISHED"}
    heads = [item for item in bpy.data.objects if item.type == "MESH" and item.data.shape_keys]
    assert "FLAME 2023 Open" in str([dict(item.items()) for item in heads])
