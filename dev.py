#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a developer or a fresh machine needs. Any Python 3.9 or newer starts it; it finds or makes the rest.

python3 dev.py demo [VIDEO] [--out DIR]     the main job on a clip; leaves scene.blend, preview.mp4 and take.npz
python3 dev.py test [--long] [PYTEST ARGS]  linters and every test; what .ci/run calls
python3 dev.py build [--abi cp314]          dist/microface-VERSION-PLATFORM.zip for every platform
python3 dev.py run VERB ...                 Microface's own command line
"""

from __future__ import annotations

import argparse
import errno
import subprocess
import sys
import time
from pathlib import Path

from devtools import assets, checks, zips
from devtools.environments import DISK_FULL, ROOT, Failure, ensure, ensure_any, usable

# Code for an environment: this checkout as the package `microface`, then one call.
PACKAGE = f"import runpy, sys; runpy.run_path({str(ROOT / 'backend' / 'bootstrap.py')!r})['install_package']()"
COMMAND_LINE = "from microface.operators.command_line import main; sys.exit(main(sys.argv[1:]))"
MAKE_CLIP = (
    "import pathlib; "
    f"runpy.run_path({str(ROOT / 'tests' / 'bench' / 'demo_clip.py')!r})['make'](pathlib.Path(sys.argv[1]))"
)


def demo(arguments: list[str]) -> int:
    """Reconstruct a clip; without VIDEO one whose true motion is known, and score the result."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Reconstruct a clip into a Blender scene.")
    parser.add_argument("video", nargs="?", type=Path, help="default: a portrait animated by a known motion")
    parser.add_argument("--out", type=Path, default=ROOT / "demo", help="folder of the results (default: demo)")
    chosen = parser.parse_args(arguments)
    python, out = ready(), chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    clip = out / "clip"
    if chosen.video is None and not (clip / "meta.json").exists():
        status = call(python, "-c", f"{PACKAGE}; {MAKE_CLIP}", str(clip))
        if status:
            return status
    files = {"--out": "take.npz", "--blend": "scene.blend", "--preview": "preview.mp4"}
    if chosen.video is None:
        files["--mesh"] = "mesh.npz"
    outputs = [word for option, name in files.items() for word in (option, str(out / name))]
    status = run(["reconstruct", str(chosen.video or clip / "clip.mp4"), *outputs])
    if status == 0 and chosen.video is None:
        status = call(python, str(ROOT / "tests" / "bench" / "score.py"), str(clip), str(out / "mesh.npz"))
    if status == 0:
        print(f"{out}: {', '.join(sorted(files.values()))}")
    return status


def test(arguments: list[str]) -> int:
    """Make every environment this machine can have, then lint, build and test."""
    start = time.monotonic()
    long = "--long" in arguments
    pytest_arguments = [argument for argument in arguments if argument != "--long"]
    lines, skipped = usable()
    for line in lines:
        ensure(line)
    python = ready()
    outcomes = checks.lint(lines[0].executable)
    for platform in zips.PLATFORMS:
        zips.build(python, platform)
    outcomes += checks.tests(lines, pytest_arguments, long)
    passed = all(outcome.passed for outcome in outcomes)
    print(f"\n{checks.summary(outcomes)}")
    print(f"{'passed' if passed else 'FAILED'} in {time.monotonic() - start:.0f} s")
    if skipped:
        print(skipped)
    return 0 if passed else 1


def build(arguments: list[str]) -> int:
    """Build the extension's zips for every platform, or one for this platform with wheels for one more Python."""
    parser = argparse.ArgumentParser(prog="dev.py build", description="Build the extension's zips into dist/.")
    parser.add_argument(
        "--abi", default="", help="this platform only, with one more Python's wheels (cp314), for tests"
    )
    abi = parser.parse_args(arguments).abi
    python = ready()
    for platform in [zips.this_platform()] if abi else zips.PLATFORMS:
        path = zips.build(python, platform, abi)
        print(f"{path}  {path.stat().st_size / 1e6:.0f} MB")
    return 0


def run(arguments: list[str]) -> int:
    """Microface's command line; the exit status is its own."""
    return call(ready(), "-c", f"{PACKAGE}; {COMMAND_LINE}", *arguments)


def ready() -> Path:
    """An environment's interpreter, with the models built."""
    python = ensure_any()
    assets.ensure(python)
    return python


def call(python: Path, *arguments: str) -> int:
    """Run an environment's Python and return its exit status. Ctrl-C is its to hear: it cancels and tidies up."""
    with subprocess.Popen([str(python), "-I", *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


VERBS = {"demo": demo, "test": test, "build": build, "run": run}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in VERBS:
        print(__doc__, file=sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        return VERBS[arguments[0]](arguments[1:])
    except Failure as failure:
        print(f"dev.py: {failure}", file=sys.stderr)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"dev.py: {DISK_FULL}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
