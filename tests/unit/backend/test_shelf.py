# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads kept under a name: by the functions, and by the verb `heads` as a shell sees it."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from microface.backend import shelf
from microface.backend.download import place
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.heads import load_head
from microface.models.head.model import HeadModel, named, write_head
from microface.models.head.read.editions import EDITIONS, FLAME_OPEN

BOOTSTRAP = Path(__file__).resolve().parents[3] / "backend" / "bootstrap.py"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROFACE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def head(built: None) -> HeadModel:
    """A head with landmarks, which needs no tracker, and with the terms of somebody else's."""
    terms = {"name": FLAME_OPEN.name, "licence": FLAME_OPEN.licence, "citation": FLAME_OPEN.citation}
    return replace(load_head("generic"), **terms)


@pytest.fixture
def file(head: HeadModel, tmp_path: Path) -> Path:
    write_head(tmp_path / "mine.npz", head)
    return tmp_path / "mine.npz"


def quiet(_stage: str, _share: float) -> None:
    pass


def another(head: HeadModel, path: Path) -> Path:
    """The same edition with another template, as FLAME's female and male files are."""
    write_head(path, named(replace(head, template=head.template * 1.01)))
    return path


def heads(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(BOOTSTRAP), "", "heads", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)


def test_an_added_head_needs_its_file_no_more(head: HeadModel, file: Path) -> None:
    one = shelf.add(file, None, quiet)
    file.unlink()
    assert shelf.kept() == [one]
    assert (one.name, one.title, one.licence) == ("flame-2023-open", FLAME_OPEN.name, FLAME_OPEN.licence)
    again = load_head(one.name)
    assert again.sha256 == one.sha256 == head.sha256
    np.testing.assert_array_equal(again.landmark_index, head.landmark_index)
    assert len(again.landmark_index) > 400


def test_the_same_head_is_kept_once_and_others_of_its_edition_are_numbered(head: HeadModel, file: Path) -> None:
    first = shelf.add(file, None, quiet)
    assert shelf.add(file, None, quiet) == first
    second = shelf.add(another(head, file.with_name("male.npz")), None, quiet)
    third = shelf.add(file, "mine", quiet)
    assert [one.name for one in shelf.kept()] == ["flame-2023-open", "flame-2023-open-2", "mine"]
    assert first.sha256 == third.sha256 != second.sha256


def test_a_name_that_is_taken_is_refused(head: HeadModel, file: Path) -> None:
    shelf.add(file, "mine", quiet)
    with pytest.raises(MicrofaceError, match="called 'mine'") as caught:
        shelf.add(another(head, file.with_name("male.npz")), "mine", quiet)
    assert caught.value.code == "name_taken"
    assert load_head("mine").sha256 == head.sha256


@pytest.mark.parametrize("name", ["generic", "", "../up", "Ä", "a b", "mine.npz", "x" * 61])
def test_names_are_plain(name: str, file: Path) -> None:
    with pytest.raises(MicrofaceError) as caught:
        shelf.add(file, name, quiet)
    assert caught.value.code == "bad_name"
    assert not shelf.folder().exists()


def test_what_is_removed_is_gone(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    shelf.remove(one.name)
    assert list(shelf.folder().iterdir()) == shelf.kept() == []
    for name in (one.name, "generic", "../mine"):
        with pytest.raises(MicrofaceError) as caught:
            shelf.remove(name)
        assert caught.value.code == "no_head"
    assert file.is_file()


def test_damaged_lines_are_not_listed(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    for name, text in (
        ("half", "{"),
        ("list", "[]"),
        ("other", "{}"),
        ("copy", (shelf.folder() / f"{one.name}.json").read_text()),
    ):
        (shelf.folder() / f"{name}.json").write_text(text)
    assert shelf.kept() == [one]


def test_a_damaged_head_is_one_line(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    shelf.head_file(one.name).write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(MicrofaceError) as caught:
        load_head(one.name)
    assert caught.value.code == "bad_head" and "heads remove flame-2023-open" in caught.value.remedy


def test_nothing_is_kept_of_a_head_that_was_cancelled(flame_arrays: dict, built: None, tmp_path: Path) -> None:
    """The first picture of finding its landmarks is already too much."""
    np.savez(tmp_path / "flame2023_Open.npz", **flame_arrays)

    def stop(_stage: str, _share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        shelf.add(tmp_path / "flame2023_Open.npz", None, stop)
    assert not shelf.folder().exists()


def test_the_verb_adds_lists_and_removes(file: Path) -> None:
    added = heads("add", file, "--name", "mine")
    assert added.returncode == 0, added.stderr
    assert "mine: FLAME 2023 Open; CC-BY-4.0" in added.stdout and "please cite: FLAME 2023 Open" in added.stdout
    listed = heads("list")
    assert "generic: " in listed.stdout and "mine: FLAME 2023 Open; CC-BY-4.0" in listed.stdout
    assert all(edition.home in listed.stdout for edition in EDITIONS)
    (row,) = json.loads(heads("list", "--json").stdout)["heads"]
    assert (row["name"], row["licence"]) == ("mine", FLAME_OPEN.licence)
    assert heads("remove", "mine").stdout == "removed mine\n"
    gone = heads("remove", "mine")
    assert gone.returncode == 1 and "No head called 'mine'" in gone.stderr


def test_the_verb_says_in_one_line_what_is_no_head(tmp_path: Path) -> None:
    (tmp_path / "page.pkl").write_text("<html>please log in</html>")
    done = heads("add", tmp_path / "page.pkl")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "page.pkl is not a head" in done.stderr
    assert heads().returncode == heads("add").returncode == heads("fly").returncode == 2


@pytest.fixture
def site(file: Path) -> Iterator[str]:
    """The address of the test's folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_downloaded_head_is_added_and_its_file_removed(head: HeadModel, file: Path, site: str) -> None:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    done = heads("download", f"{site}/mine.npz", "--sha256", sha256, "--json")
    assert done.returncode == 0, done.stdout
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages[-1]["head"]["sha256"] == head.sha256
    assert any(message.get("stage") == "download" for message in messages)
    assert not place(f"{site}/mine.npz").exists()
    assert [one.name for one in shelf.kept()] == ["flame-2023-open"]


def test_a_download_that_is_no_head_is_removed(file: Path, site: str) -> None:
    (file.parent / "page.pkl").write_text("<html>please log in</html>")
    done = heads("download", f"{site}/page.pkl")
    assert done.returncode == 1 and "is not a head" in done.stderr
    assert not place(f"{site}/page.pkl").exists()
    assert shelf.kept() == []


def test_a_wrong_hash_adds_nothing(site: str) -> None:
    done = heads("download", f"{site}/mine.npz", "--sha256", "0" * 64)
    assert done.returncode == 1 and "not the file with this SHA-256, and was removed" in done.stderr
    assert not place(f"{site}/mine.npz").exists()
    assert shelf.kept() == []
