# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `reconstruct`: settings in, files out."""

import argparse
import threading
from pathlib import Path
from typing import Any

from .heads import load_head
from .mesh import refuse_large, write_mesh
from .messages import Report, part, stoppable
from .outputs import check_writable
from .pipeline import reconstruct
from .summary import event_rows, event_table, terms, visible
from .take import write_take
from .types import Progress, Settings
from .video import open_clip

MESH_SHARE, PREVIEW_SHARE = 0.05, 0.2  # of the whole job


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
    take = reconstruct(options.source, settings, part(progress, 0, mesh))
    write_take(options.out, take)
    if options.mesh:
        write_mesh(options.mesh, take, load_head(settings.head), part(progress, mesh, preview))
    if options.preview:
        from .preview import write_preview  # fonts and the encoder load only for a preview

        clip, head = open_clip(options.source), load_head(settings.head)
        write_preview(options.preview, clip, take, head, progress=part(progress, preview, 1))
    written = "\n".join(f"wrote {path}" for path in outputs.values())
    whose = f"\nhead: {terms(take.head)}" if "licence" in take.head else ""
    paths = {name: str(path) for name, path in outputs.items()}
    return {
        "source": str(options.source),
        "head": options.head,
        "take": paths.pop("out"),
        **paths,
        "events": event_rows(take),
        "text": f"{event_table(take)}\nsmallest visible motion in this footage: {visible(take)}\n{written}{whose}",
    }


def settings_of(options: argparse.Namespace) -> Settings:
    """Take the user's choices for `reconstruct` out of the parsed command line."""
    return Settings(
        head=options.head,
        device=options.device,
        face=options.face,
        range=options.range,
        neutral=options.neutral,
        fov_deg=options.fov,
    )


def _refuse_large_mesh(source: Path, settings: Settings, progress: Progress) -> None:
    """Say before the work, not after it, that its mesh would be too large."""
    frames = len(open_clip(source).time_s)
    first, last = settings.range or (0, frames)
    refuse_large(len(range(first, min(last, frames))), len(load_head(settings.head, progress).template))
