# SPDX-License-Identifier: GPL-3.0-or-later
"""The borders between the parts, read from the sources themselves."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "blf", "idprop", "addon_utils"}
#: The only packages the extension brings or finds in Blender.
INSTALLED = {"numpy", "scipy", "cv2", "av", "onnxruntime"}
#: What a panel may call: it draws and reads, the rest is the operators'.
FORBIDDEN_IN_PANELS = {"subprocess", "threading", "multiprocessing", "numpy", "cv2", "av", "onnxruntime", "scipy", "os"}


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no sources in {folders}"
    return found


def imports(path: Path) -> list[tuple[int, str]]:
    """(level, dotted name) of every import, wherever it stands; level 0 is absolute."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [(node.level, ".".join(filter(None, [node.module, alias.name]))) for alias in node.names]
    return names


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for level, name in imports(path) if level == 0}


def neighbours(path: Path) -> set[str]:
    """The project's top-level folders a file imports from."""
    depth = len(path.relative_to(ROOT).parts)
    return {name.split(".")[0] for level, name in imports(path) if level == depth}


def tracked() -> list[Path]:
    """Every text file of the repository."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


@pytest.mark.parametrize("path", sources("backend", "models"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_backend_and_models_know_nothing_of_blender(path: Path) -> None:
    assert not tops(path) & BLENDER
    assert not neighbours(path) & {"operators", "panels"}


def test_models_do_not_import_the_backend() -> None:
    for path in sources("models"):
        assert "backend" not in neighbours(path), path


def test_the_package_imports_itself_relatively() -> None:
    own = {"microface", "backend", "models", "operators", "panels"}
    for path in sources("backend", "models", "operators", "panels"):
        assert not tops(path) & own, path


def test_panels_only_draw() -> None:
    for path in sources("panels"):
        assert not tops(path) & FORBIDDEN_IN_PANELS, path
        assert not neighbours(path) & {"backend", "models"}, path
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if call.startswith("bpy.ops.") or call == "open"], path


def test_only_operators_and_panels_import_blender() -> None:
    for path in [*sources("devtools"), ROOT / "dev.py"]:
        assert not tops(path) & BLENDER, path


def test_the_extension_imports_only_what_it_brings() -> None:
    """Modules that build or train models stay out of the zip and may use more."""
    standard = sys.stdlib_module_names
    for path in sources("backend", "models", "operators", "panels"):
        if path.relative_to(ROOT).parts[:2] in (("models", "networks"), ("models", "training")):
            continue
        assert tops(path) <= standard | INSTALLED | BLENDER, path


def test_nothing_that_is_shipped_imports_what_is_left_out() -> None:
    """models/networks is not in the zip."""
    for path in sources("backend", "models", "operators", "panels"):
        if path.relative_to(ROOT).parts[:2] == ("models", "networks"):
            continue
        assert not [name for level, name in imports(path) if level and "networks" in name.split(".")], path


def test_dev_py_needs_only_the_standard_library() -> None:
    standard = sys.stdlib_module_names
    started_by_anything = [path for path in sources("devtools") if path.name != "build_models.py"]
    for path in [*started_by_anything, ROOT / "dev.py"]:
        assert tops(path) <= standard | {"devtools"}, path


def test_every_source_names_its_licence_first() -> None:
    for path in tracked():
        if path.suffix in (".py", ".sh") or path == ROOT / ".ci" / "run":
            head = path.read_text(encoding="utf-8").splitlines()[:2]
            assert "# SPDX-License-Identifier: GPL-3.0-or-later" in head, path


def test_no_package_index_is_named() -> None:
    """Where packages come from is the user's configuration of pip, so that mirrors and offline copies work."""
    index = re.compile(
        "|".join(("pypi" + r"\.org", "python" + "hosted", r"--(extra-)?index-" + "url", "--find-" + "links"))
    )
    for path in tracked():
        assert not index.search(path.read_text(encoding="utf-8")), path


def test_no_file_of_the_repository_is_large() -> None:
    for path in tracked():
        assert path.stat().st_size < 2_000_000, path


def test_locks_pin_every_package_by_hash() -> None:
    locks = sorted((ROOT / "requirements").glob("blender-*.txt"))
    assert [lock.stem for lock in locks] == ["blender-4.5", "blender-5.0", "blender-5.2"]
    for lock in [*locks, ROOT / "requirements" / "gpu.txt"]:
        packages = lock.read_text().replace("\\\n", " ").splitlines()[1:]
        assert packages
        for package in packages:
            assert re.fullmatch(
                r"[a-z0-9.-]+==\S+( ; sys_platform == \"win32\")?(\s+--hash=sha256:[0-9a-f]{64})+", package
            )


def test_environments_run_the_wheels_that_are_bundled() -> None:
    """Tests would prove nothing about the extension with other versions."""
    wheels = json.loads((ROOT / "requirements" / "wheels.json").read_text())
    for lock in (ROOT / "requirements").glob("blender-*.txt"):
        abi = "cp313" if "5.2" in lock.name else "cp311"
        text = lock.read_text()
        for platform in ("linux-x64", "windows-x64", "macos-arm64"):
            for name, sha256 in wheels[platform].items():
                if abi in name or "-abi3-" in name:
                    assert sha256 in text, (lock.name, name)
