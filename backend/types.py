# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stages hand to one another.

Conventions, here once for the whole project:

- Time is seconds. Frames exist only at Blender's border. `T` frames of a clip, `N` tracked frames.
- Left is the subject's left.
- Image: x right, y down, pixel centres are integers; the centre of the top left pixel is (0, 0).
- Camera space: x right, y down, z forward, metres.
- Head space: FLAME's: x to the subject's left, y up, z forward, metres.
- A head point `v` posed by its joints stands at `FLIP @ v + translation` in camera space, FLIP = diag(1, -1, -1). The pose of the
  root joint turns the head about the root joint in head space, so a head that faces the camera has root pose 0.
- Poses are axis-angle, radians, joints in the order of `HeadModel.joint_names`: root, neck, jaw, eye_left, eye_right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

FLIP = np.diag([1.0, -1.0, -1.0])

#: progress(stage name, fraction done of the whole job 0..1); raises `Cancelled` when the user asked to stop.
Progress = Callable[[str, float], None]

# Values of `Take.valid`
MEASURED, BRIDGED, NO_FACE, OCCLUDED, CUT = range(5)

DETAIL_ENOUGH = 0.9  #: share of the solved detail's energy that the modes of a take are to hold


@dataclass(frozen=True)
class Clip:
    """Footage whose timing is known and whose pictures are still on disk."""

    path: Path
    width: int  #: px, after the rotation flag
    height: int  #: px, after the rotation flag
    time_s: NDArray[np.float64]  #: (T,) presentation time of every frame, increasing, as in the container
    fps: float  #: mean frame rate; 25.0 for a single frame
    bit_depth: int  #: 8 to 16
    sha256: str  #: of the file; of names and contents for a folder
    step: int = 1  #: frames of the footage from one of these to the next: more than 1 in a draft


class Picture(Protocol):
    """A decoded picture that is converted only when somebody looks at it."""

    def luma(self) -> NDArray[np.float32]: ...

    def rgb(self) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Frame:
    """One decoded picture. `luma` and `rgb` are converted on first use: a stage pays for what it looks at."""

    index: int  #: position in Clip.time_s
    time_s: float
    picture: Picture = field(repr=False)

    @cached_property
    def luma(self) -> NDArray[np.float32]:
        """(H, W), black 0, white 255, on the scale of `rgb`; 10 to 16 bit sources keep their fractions.

        Not clipped: cameras that record beyond the nominal limited range keep it (about -19 to 279).
        """
        return self.picture.luma()

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3), 0..255."""
        return self.picture.rgb()


@dataclass(frozen=True)
class Tracks:
    """Face landmarks on every n-th frame. They give correspondence, masks and a first pose, never motion."""

    frame: NDArray[np.int64]  #: (N,) frame index
    landmarks: NDArray[np.float32]  #: (N, 478, 3) x px, y px, relative depth px (negative = nearer); NaN = no face
    confidence: NDArray[np.float32]  #: (N,) 0..1, 0 = no face
    shot: NDArray[np.int64]  #: (N,) number of the shot a frame belongs to; a cut starts a new one
    cut_frames: NDArray[np.int64]  #: (C,) first frame of each new shot


@dataclass(frozen=True)
class HeadFit:
    """Whose head, seen by which camera: constant over the clip, with a first pose for every tracked frame."""

    shape: NDArray[np.float64]  #: (S,) identity coefficients, sigma
    shape_std: NDArray[np.float64]  #: (S,)
    camera: NDArray[np.float64]  #: K (3, 3)
    pose: NDArray[np.float64]  #: (N, 3) axis-angle of the root
    translation: NDArray[np.float64]  #: (N, 3) camera space, metres
    expression: NDArray[np.float64]  #: (N, E) coarse units from the landmarks: to find rest, never to animate
    residual_px: float  #: RMS distance of landmarks to the fitted head
    change: NDArray[np.float64] = field(  #: (N, E) large expressions: change of the units from this person at rest
        default_factory=lambda: np.zeros((0, 0))
    )


@dataclass(frozen=True)
class Event:
    """One expression event."""

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str  #: micro, macro, blink, gaze or speech
    units: tuple[str, ...]  #: unit names, strongest first; a leading "-" = against the unit's direction, a relaxation
    peak_px: float  #: size at the apex, px in the image
    peak_std_px: float
    confidence: float  #: 0..1
    emotion: str = ""  #: in the words of who coded it; nothing here recognises one


@dataclass(frozen=True)
class Pin:
    """A point of the head that the user has found in the picture."""

    frame: int  #: of the footage, from 0
    vertex: int  #: of the head
    x: float  #: px
    y: float  #: px


@dataclass(frozen=True)
class Settings:
    """What a user may choose for `reconstruct`."""

    head: str = "generic"
    device: str = "auto"
    quality: str = "full"  #: or draft: of fast footage about 30 frames a second are looked at
    face: str | None = None  #: "N" (N-th largest, from 0) or "x,y" (px, a point on the face); None = the largest
    range: tuple[int, int] | None = None  #: frames [A, B)
    neutral: tuple[int, int] | None = None  #: frames [A, B) known to be neutral
    fov_deg: float | None = None  #: horizontal field of view when known
    exclude: tuple[
        tuple[int, int], ...
    ] = ()  #: frames [A, B) that are not measured and say nothing about rest or identity
    mask: str | None = None  #: grey pictures of what is painted out of the footage: a folder, a video, or one for all
    pins: tuple[Pin, ...] = ()  #: points of the head and where they are in the picture: identity and poses are refitted

    def leaves_out(self, frames: Any) -> Any:
        """Whether a frame is left out, or (N,) which of frames (N,)."""
        out = np.zeros(np.shape(frames), bool)
        for first, stop in self.exclude:
            out |= (np.asarray(frames) >= first) & (np.asarray(frames) < stop)
        return out


@dataclass(frozen=True)
class Take:
    """The result. Raw: filtering, strength and retargeting are repeatable functions of it. NaN where `valid` > BRIDGED."""

    time_s: NDArray[np.float64]  #: (T,)
    valid: NDArray[np.uint8]  #: (T,) MEASURED, BRIDGED, NO_FACE, OCCLUDED, CUT (another shot, or left out by the user)
    shape: NDArray[np.float32]  #: (S,) identity coefficients
    shape_std: NDArray[np.float32]  #: (S,)
    shape_offset: NDArray[
        np.float32
    ]  #: (V, 3) head space m: this person's form beyond the identity modes, part of the Basis
    expression_names: tuple[str, ...]  #: (E)
    expression: NDArray[np.float32]  #: (T, E) 1 = the unit's full strength
    expression_std: NDArray[np.float32]  #: (T, E)
    expression_factor: NDArray[np.float32]  #: (T, E, r) covariance ~ factor @ factor.T, last the swing (deviation.py)
    joint_names: tuple[str, ...]  #: (J)
    pose: NDArray[np.float32]  #: (T, J, 3)
    pose_std: NDArray[np.float32]  #: (T, J, 3)
    translation: NDArray[np.float64]  #: (T, 3) camera space, m
    translation_std: NDArray[np.float32]  #: (T, 3)
    detail_basis: NDArray[np.float32]  #: (D, V, 3) head space m, D <= 16
    detail: NDArray[np.float32]  #: (T, D)
    detail_std: NDArray[np.float32]  #: (T, D)
    depth_std: NDArray[
        np.float32
    ]  #: (T,) m, of all vertices' motion along the line of sight, beyond what the above says
    camera: NDArray[np.float64]  #: K (3, 3)
    size: tuple[int, int]  #: width, height, px
    landmark_frames: NDArray[np.int64]  #: (N,) indices into time_s
    landmarks: NDArray[np.float32]  #: (N, 478, 2) px
    confidence: NDArray[np.float32]  #: (T,)
    seen: NDArray[np.float32]  #: (T, E) share of what shows a unit that nothing hid; below 0.5 it is bridged
    patch: NDArray[np.int32]  #: (V,) the patch of the face that a vertex belongs to; -1 = none that was measured
    covered: NDArray[np.uint8]  #: (T, P) 1 where something hid a patch: its vertices are not measured in that frame
    noise_px: dict[str, float]  #: smallest visible motion (2 sigma) per region
    noise_reason: str  #: what makes it so: noise, compression, size or rate
    template_frames: NDArray[np.int64]  #: frames averaged to the neutral template, indices into time_s
    events: tuple[Event, ...]
    head: dict[str, Any]  #: name, sha256
    source: dict[str, Any]  #: path, sha256, fps of the take, first_frame and frame_step in the footage
    settings: dict[str, Any]
    software: dict[str, Any] = field(default_factory=dict)
    detail_kept: float = 1.0  #: share of the solved detail's energy that detail_basis holds
    schema_version: int = 2

    @property
    def footage_frames(self) -> NDArray[np.int64]:
        """(T,) the frames' numbers in the footage, from 0."""
        first, step = (int(self.source.get(name, usual)) for name, usual in (("first_frame", 0), ("frame_step", 1)))
        return first + step * np.arange(len(self.time_s))
