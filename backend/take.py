# SPDX-License-Identifier: GPL-3.0-or-later
"""The take file, `*.take.npz`: everything one reconstruction found, for Blender and for other programs.

It is a zip of .npy arrays, little endian, C order, without pickles; `numpy.load(path)` reads it. `FIELDS` is the table
of what is in it: type (`f4` float32, `f8` float64, `u1` uint8, `i4`, `i8` integers, `U` unicode text) and size:

    T frames   E expression units   J joints      S identity modes   V head vertices   D detail modes
    N tracked frames   L landmarks   R posterior rank and 1   K noise regions   M template frames   Q events
    P patches of the face

Times are seconds, lengths metres, angles radians, sizes on the picture pixels; what each field means stands at
`types.Take`, whose names the fields bear. Numbers are NaN where `valid` is above 1. Where something hides only a part
of the face the frame stays valid: `covered` names the patches (`patch` says which a vertex belongs to), `seen` how much
of each unit's evidence is left. Events are columns, one row an event; `event_units` joins the unit names with commas.
`noise_px[k]` belongs to the region `noise_regions[k]`; `noise_reason` is one word. `head`, `source`, `settings` and
`software` are JSON objects. Of `source`, `fps` is the take's own mean rate, row t is the footage's frame `first_frame +
t * frame_step`, from 0 (a step above 1 is a draft's); frames in `settings` are the footage's.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import npz
from .atomic import whole_file
from .errors import MicrofaceError
from .types import CUT, Event, Take

Arrays = dict[str, NDArray[Any]]
Schema = Mapping[str, tuple[str, tuple[str | int, ...]]]

SCHEMA_VERSION = 2
MAX_BYTES = 4 * 2**30  # more than an hour at 200 fps; a file that claims more is not a take

FIELDS: Schema = {
    "schema_version": ("i4", ()),
    "time_s": ("f8", ("T",)),
    "valid": ("u1", ("T",)),
    "shape": ("f4", ("S",)),
    "shape_std": ("f4", ("S",)),
    "shape_offset": ("f4", ("V", 3)),
    "expression_names": ("U", ("E",)),
    "expression": ("f4", ("T", "E")),
    "expression_std": ("f4", ("T", "E")),
    "expression_factor": ("f4", ("T", "E", "R")),
    "joint_names": ("U", ("J",)),
    "pose": ("f4", ("T", "J", 3)),
    "pose_std": ("f4", ("T", "J", 3)),
    "translation": ("f8", ("T", 3)),
    "translation_std": ("f4", ("T", 3)),
    "detail_basis": ("f4", ("D", "V", 3)),
    "detail": ("f4", ("T", "D")),
    "detail_std": ("f4", ("T", "D")),
    "detail_kept": ("f4", ()),
    "depth_std": ("f4", ("T",)),
    "camera": ("f8", (3, 3)),
    "size": ("i8", (2,)),
    "landmark_frames": ("i8", ("N",)),
    "landmarks": ("f4", ("N", "L", 2)),
    "confidence": ("f4", ("T",)),
    "seen": ("f4", ("T", "E")),
    "patch": ("i4", ("V",)),
    "covered": ("u1", ("T", "P")),
    "noise_regions": ("U", ("K",)),
    "noise_px": ("f4", ("K",)),
    "noise_reason": ("U", ()),
    "template_frames": ("i8", ("M",)),
    "event_onset_s": ("f8", ("Q",)),
    "event_apex_s": ("f8", ("Q",)),
    "event_offset_s": ("f8", ("Q",)),
    "event_kind": ("U", ("Q",)),
    "event_units": ("U", ("Q",)),
    "event_emotion": ("U", ("Q",)),
    "event_peak_px": ("f4", ("Q",)),
    "event_peak_std_px": ("f4", ("Q",)),
    "event_confidence": ("f4", ("Q",)),
    "head": ("U", ()),
    "source": ("U", ()),
    "settings": ("U", ()),
    "software": ("U", ()),
}

#: One table for every version that can be read, and the step that makes a version's arrays those of the next.
SCHEMAS: dict[int, Schema] = {
    1: {name: field for name, field in FIELDS.items() if name != "event_emotion"},
    SCHEMA_VERSION: FIELDS,
}
UPGRADES: dict[int, Callable[[Arrays], Arrays]] = {
    1: lambda arrays: arrays | {"event_emotion": np.zeros(len(arrays["event_kind"]), "U1")},
}

_JSON = ("head", "source", "settings", "software")
_NAMES = ("expression_names", "joint_names")
_SPECIAL = {*_JSON, *_NAMES, "size", "detail_kept", "noise_px", "noise_reason", "events", "schema_version"}
#: Fields that a `Take` and the file hold alike.
_PLAIN = [field.name for field in fields(Take) if field.name not in _SPECIAL]
_EVENT_NUMBERS = ("onset_s", "apex_s", "offset_s", "peak_px", "peak_std_px", "confidence")


def write_take(path: str | Path, take: Take) -> None:
    """Write a take; the file appears only when it is whole.

    Raises:
        MicrofaceError: ``disk_full``, ``read_only`` or ``not_written``.
        ValueError: the take contradicts `FIELDS` (an error in the program that made it).
    """
    arrays = _arrays(take)
    sizes: dict[str, int] = {}
    for name, (kind, dims) in FIELDS.items():
        arrays[name] = array = np.asarray(arrays[name], None if kind == "U" else f"<{kind}")
        _match(name, array.dtype, array.shape, kind, dims, sizes)
    with whole_file(Path(path)) as part, zipfile.ZipFile(part, "w") as archive:
        for name in FIELDS:
            npz.write(archive, name, arrays[name])


def read_take(path: str | Path) -> Take:
    """Read a take of this or an older version.

    Raises:
        MicrofaceError: ``no_file``, ``bad_take`` with what is wrong with it, or ``newer_take``.
    """
    path = Path(path)
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the take.")
    try:
        with zipfile.ZipFile(path) as archive:
            version, arrays = _checked(archive, path)
        for older in range(version, SCHEMA_VERSION):
            arrays = UPGRADES[older](arrays)
        return _take(arrays)
    except npz.Mismatch as error:
        raise _bad(path, str(error)) from error
    except npz.DAMAGED as error:
        raise _bad(path, "it is damaged or truncated") from error


def _bad(path: Path, reason: str) -> MicrofaceError:
    return MicrofaceError("bad_take", f"{path} is not a take: {reason}.", "Reconstruct the video again.")


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[int, Arrays]:
    """Version and arrays of a file, every header accepted before the first array is read."""
    present = npz.names(archive)
    if "schema_version" not in present:
        raise npz.Mismatch("it has no 'schema_version'")
    version = _version(archive)
    if version > SCHEMA_VERSION:
        text = f"{path} was written by a newer Microface (take version {version}; this one reads {SCHEMA_VERSION})."
        raise MicrofaceError("newer_take", text, "Update Microface.")
    if version not in SCHEMAS:
        raise npz.Mismatch(f"there is no take version {version}")
    schema = SCHEMAS[version]
    if present != set(schema):
        raise npz.Mismatch(f"missing or unknown: {', '.join(sorted(present ^ set(schema))[:4])}")
    headers = {name: npz.header(archive, name) for name in schema}
    sizes: dict[str, int] = {}
    for name, (kind, dims) in schema.items():
        _match(name, headers[name].dtype, headers[name].shape, kind, dims, sizes)
    if sum(header.nbytes for header in headers.values()) > MAX_BYTES:
        raise npz.Mismatch(f"it claims more than {MAX_BYTES / 2**30:.0f} GB")
    return version, {name: npz.read(archive, name, header) for name, header in headers.items()}


def _version(archive: zipfile.ZipFile) -> int:
    claimed = npz.header(archive, "schema_version")
    _match("schema_version", claimed.dtype, claimed.shape, *FIELDS["schema_version"], {})
    return int(npz.read(archive, "schema_version", claimed))


def _match(
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    kind: str,
    dims: tuple[str | int, ...],
    sizes: dict[str, int],
) -> None:
    """Hold one array against its row of the table; the first array with a letter sets its size for all that follow."""
    same_type = dtype.kind == "U" if kind == "U" else dtype == np.dtype(f"<{kind}")
    if not same_type:
        raise npz.Mismatch(f"'{name}' is {dtype}, not {kind}")
    expected = dims
    if len(dims) == len(shape):
        expected = tuple(d if isinstance(d, int) else sizes.setdefault(d, n) for d, n in zip(dims, shape, strict=True))
    if shape != expected:
        raise npz.Mismatch(f"'{name}' has shape {shape}, not {expected}")


def _arrays(take: Take) -> Arrays:
    """The columns of the file, before their types are fixed."""
    arrays: dict[str, Any] = {name: getattr(take, name) for name in _PLAIN}
    arrays |= {name: np.array(json.dumps(getattr(take, name))) for name in _JSON}
    arrays |= {name: _text(getattr(take, name)) for name in _NAMES}
    arrays["schema_version"] = SCHEMA_VERSION
    arrays["size"] = take.size
    arrays["detail_kept"] = take.detail_kept
    arrays["noise_regions"] = _text(take.noise_px)
    arrays["noise_px"] = list(take.noise_px.values())
    arrays["noise_reason"] = np.array(take.noise_reason)
    arrays["event_kind"] = _text(event.kind for event in take.events)
    arrays["event_emotion"] = _text(event.emotion for event in take.events)
    arrays["event_units"] = _text(",".join(event.units) for event in take.events)
    arrays |= {f"event_{name}": [getattr(event, name) for event in take.events] for name in _EVENT_NUMBERS}
    return arrays


def _text(words: Any) -> NDArray[np.str_]:
    """(n,) unicode, of one letter at least: an .npy of empty text has items of no bytes."""
    return np.array([*words, "_"], dtype=np.str_)[:-1]


def _take(arrays: Arrays) -> Take:
    """The dataclass of checked arrays."""
    _plausible(arrays)
    values: dict[str, Any] = {name: arrays[name] for name in _PLAIN}
    values |= {name: _object(arrays, name) for name in _JSON}
    _numbered(values["source"])
    values |= {name: tuple(arrays[name].tolist()) for name in _NAMES}
    width, height = arrays["size"].tolist()
    noise = dict(zip(arrays["noise_regions"].tolist(), arrays["noise_px"].tolist(), strict=True))
    reason, kept = str(arrays["noise_reason"]), float(arrays["detail_kept"])
    events = _events(arrays)
    return Take(size=(width, height), detail_kept=kept, noise_px=noise, noise_reason=reason, events=events, **values)


def _plausible(arrays: Arrays) -> None:
    """What types and shapes do not say."""
    time_s = arrays["time_s"]
    if not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise npz.Mismatch("its times do not rise")
    if (arrays["valid"] > CUT).any():
        raise npz.Mismatch(f"'valid' is above {CUT}")
    if not 0 <= float(arrays["detail_kept"]) <= 1 + 1e-6:
        raise npz.Mismatch("'detail_kept' is no share")
    if ((arrays["patch"] < -1) | (arrays["patch"] >= arrays["covered"].shape[1])).any():
        raise npz.Mismatch("'patch' names patches that 'covered' lacks")
    for name in ("landmark_frames", "template_frames"):
        if ((arrays[name] < 0) | (arrays[name] >= len(time_s))).any():
            raise npz.Mismatch(f"'{name}' points beyond the clip")


def _numbered(source: dict[str, Any]) -> None:
    """The numbers of the footage's frames can be counted with."""
    for name, least in (("first_frame", 0), ("frame_step", 1)):
        if not isinstance(number := source.get(name, least), int) or number < least:
            raise npz.Mismatch(f"'source' has {number!r} as {name}")


def _object(arrays: Arrays, name: str) -> dict[str, Any]:
    try:
        value = json.loads(str(arrays[name]))
    except (ValueError, RecursionError) as error:
        raise npz.Mismatch(f"'{name}' is no JSON") from error
    if not isinstance(value, dict):
        raise npz.Mismatch(f"'{name}' is no JSON object")
    return value


def _events(arrays: Arrays) -> tuple[Event, ...]:
    columns = {name: arrays[f"event_{name}"].tolist() for name in (*_EVENT_NUMBERS, "kind", "emotion")}
    columns["units"] = [tuple(filter(None, units.split(","))) for units in arrays["event_units"].tolist()]
    return tuple(Event(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True))
