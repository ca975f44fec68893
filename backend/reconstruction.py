# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `reconstruct`: settings in, files out."""

import argparse
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .errors import MicrofaceError
from .heads import load_head
from .mesh import refuse_large, write_mesh
from .messages import Report, part, stoppable
from .outputs import check_writable
from .pins import read_pins
from .store import GB, Store
from .summary import event_rows, event_table, terms, visible
from .take import read_take, write_take
from .types import Progress, Settings, Take
from .video import open_clip
from .wanted import drafted, wanted_frames

READING_SHARE, MESH_SHARE, PREVIEW_SHARE = 0.01, 0.05, 0.2  # of the whole job
KNOWN = "the same as an earlier run: loaded, not computed again (--cache 0 would)\n"


def reconstruct_to_files(options: argparse.Namespace, report: Report, stop: threading.Event) -> dict[str, Any]:
    """Reconstruct and write the take, and the mesh and the preview when asked for.

    Args:
        options: the parsed command line.
        report: gets the progress messages.
        stop: set when the user asks to stop.

    Returns:
        The fields of the result message: paths, events and a text.
    """
    outputs = {name: path for name in ("out", "mesh", "preview") if (path := getattr(options, name))}
    for path in outputs.values():
        check_writable(path)
    settings = settings_of(options)
    preview = 1 - PREVIEW_SHARE if options.preview else 1.0  # where its progress begins
    mesh = preview - MESH_SHARE if options.mesh else preview
    progress = stoppable(report, stop)
    if options.mesh:
        _refuse_large_mesh(options.source, settings, progress)
    take, known = known_or_new(options.source, settings, part(progress, 0, mesh), Store(options.cache * GB))
    write_take(options.out, take)
    if options.mesh:
        write_mesh(options.mesh, take, load_head(settings.head), part(progress, mesh, preview))
    if options.preview:
        from .preview import write_preview  # fonts and the encoder load only for a preview

        clip, head = open_clip(options.source), load_head(settings.head)
        write_preview(options.preview, clip, take, head, progress=part(progress, preview, 1))
    found = f"{KNOWN if known else ''}{event_table(take)}\nsmallest visible motion in this footage: {visible(take)}"
    written = "\n".join(f"wrote {path}" for path in outputs.values())
    whose = f"\nhead: {terms(take.head)}" if "licence" in take.head else ""
    paths = {name: str(path) for name, path in outputs.items()}
    return {
        "source": str(options.source),
        "head": options.head,
        "take": paths.pop("out"),
        **paths,
        "events": event_rows(take),
        "fps": take.source["fps"],
        "known": known,
        "text": f"{found}\n{written}{whose}",
    }


def known_or_new(source: Path, settings: Settings, progress: Progress, store: Store) -> tuple[Take, bool]:
    """The take of this footage with these settings, and whether an earlier run had made it already.

    Args:
        source, settings, progress: as of `reconstruct`.
        store: where takes and tracks are found and kept.

    Raises:
        MicrofaceError, Cancelled: as `reconstruct`.
    """
    progress("reading", 0)
    clip, head = open_clip(source), load_head(settings.head, part(progress, 0, READING_SHARE))
    masked = settings.mask and open_clip(settings.mask).sha256  # a path says nothing about what is in it
    step = drafted(clip, settings)[0].step  # a draft of slow footage is the full job
    chosen = {**asdict(settings), "head": head.sha256, "mask": masked, "quality": step}
    path = store.path("take", footage=clip.sha256, settings=chosen)
    if store.has(path):
        with suppress(MicrofaceError):  # a damaged one is made again
            kept = read_take(path)
            moved = {**kept.source, "path": str(clip.path.resolve())}
            return replace(kept, source=moved, settings=asdict(settings)), True
    from .pipeline import reconstruct_clip  # a known take is there before SciPy is loaded

    take = reconstruct_clip(clip, head, settings, progress, store)
    if store.limit:
        with suppress(MicrofaceError):  # a folder that cannot be written costs only the time
            write_take(path, take)
            store.trim()
    return take, False


def settings_of(options: argparse.Namespace) -> Settings:
    """Take the user's choices for `reconstruct` out of the parsed command line."""
    return Settings(
        head=options.head,
        device=options.device,
        quality=options.quality,
        face=options.face,
        range=options.range,
        neutral=options.neutral,
        fov_deg=options.fov,
        exclude=tuple(options.exclude),
        mask=options.mask and str(options.mask),
        pins=read_pins(options.pins) if options.pins else (),
    )


def _refuse_large_mesh(source: Path, settings: Settings, progress: Progress) -> None:
    """Say before the work, not after it, that its mesh would be too large."""
    frames = wanted_frames(*drafted(open_clip(source), settings))
    refuse_large(len(frames), len(load_head(settings.head, progress).template))
