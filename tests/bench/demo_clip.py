# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip whose true motion is known, of a face and a motion that are none of ours: what the demo reconstructs.

The picture is scikit-image's portrait of Eileen Collins (NASA, public domain). Every pixel of it is a point of one smooth
surface: MediaPipe's canonical face laid on MediaPipe's own landmarks, dented at random by some millimetres, continued into
the background. A smile with raised brows moves the surface by smooth bumps that know nothing of our head's units, the head
drifts and turns, and the picture follows exactly: through the inverse of the projected motion, from one cubic spline of the
portrait, so nothing is ever torn or resampled twice.

make(out) writes clip.mp4, truth.npz and meta.json in `out`; `score.py` describes them. Distances are metres.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from microface.tests.bench.clips.encoder import write_video
from microface.tests.bench.clips.landmarks import CHEEKS, OPENINGS, OVAL
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
LANDMARKS = ROOT / "tests" / "unit" / "backend" / "tracking" / "astronaut_landmarks.json"
CANONICAL = ROOT / "models" / "data" / "face_mesh.json"
FOCAL = 2.2  # of the picture's shorter side
DENT = 0.008  # m, depth by which the face differs from the canonical one, at most

#: landmark -> (direction: x right, y down, z forward; reach in face widths): a smile, with the brows going up
BUMPS = {
    61: ((-0.8, -0.7, 0.35), 0.09),  # lip corners: out, up and back
    291: ((0.85, -0.6, 0.35), 0.1),
    205: ((-0.3, -0.55, -0.5), 0.12),  # cheeks: up and forward
    425: ((0.25, -0.6, -0.5), 0.11),
    105: ((0.1, -0.75, 0.0), 0.065),  # brows: up, and the eyes stay
    334: ((0.0, -0.6, 0.0), 0.07),
}


@dataclass(frozen=True)
class Plan:
    """What the clip shows; also its meta.json."""

    width: int = 456
    height: int = 456
    frames: int = 96
    fps: float = 200
    onset: int = 24  #: frame; the motion is the fastest between onset and apex
    apex: int = 36
    offset: int = 66
    amp_px: float = 1.5  #: the largest motion, in the picture
    face_px: float = 240.0
    drift_px: float = 2.0
    turn_deg: float = 1.0
    noise: float = 1.5  #: grey levels
    flicker: float = 0.004  #: of the brightness
    crf: int = 12
    seed: int = 7
    photo: str = "skimage.data.astronaut"

    def course(self) -> Floats:
        """(T,) how much of the motion each frame shows: raised cosines, faster up than down."""
        t = np.arange(self.frames)
        rise, fall = (t - self.onset) / (self.apex - self.onset), (self.offset - t) / (self.offset - self.apex)
        return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(rise, fall), 0, 1))


class Portrait:
    """The first frame: a picture and the surface it shows, both on the pixel grid."""

    def __init__(self, plan: Plan) -> None:
        landmarks = np.array(json.loads(LANDMARKS.read_text(encoding="utf-8"))["landmarks"])[:468, :2]
        scale = plan.face_px / np.linalg.norm(np.subtract(*landmarks[list(CHEEKS)]))
        centre = np.array([plan.width - 1, plan.height - 1]) / 2
        middle = (landmarks.min(0) + landmarks.max(0)) / 2
        self.plan = plan
        self.landmarks = (landmarks - middle) * scale + centre
        self.to_photo = 1 / scale, middle - centre / scale
        self.camera = np.array([[FOCAL * plan.height, 0, centre[0]], [0, FOCAL * plan.height, centre[1]], [0, 0, 1]])

    @cached_property
    def grid(self) -> Floats:
        """(2, H, W) x and y of every pixel."""
        return np.stack(np.meshgrid(np.arange(self.plan.width), np.arange(self.plan.height))).astype(float)

    @cached_property
    def picture(self) -> Floats:
        """(3, H, W) grey levels: the enlarged portrait, with pores where it has none."""
        step, start = self.to_photo
        place = (self.grid * step + start[:, None, None])[::-1]
        enlarged = np.stack(
            [map_coordinates(c, place, order=3) for c in np.moveaxis(skimage.data.astronaut(), 2, 0) * 1.0]
        )
        noise = np.random.default_rng(self.plan.seed).standard_normal((2, self.plan.height, self.plan.width))
        pores = sum(
            s / np.std(s) for s in (gaussian_filter(n, sigma) for n, sigma in zip(noise, (1.0, 2.2), strict=True))
        )
        return np.clip(enlarged * (1 + 0.022 * pores), 2, 253)

    @cached_property
    def surface(self) -> Floats:
        """(3, H, W) camera space m: the point seen at every pixel."""
        canonical = np.array(json.loads(CANONICAL.read_text(encoding="utf-8"))["vertices"]) * [0.01, -0.01, -0.01]
        _, turn, shift = cv2.solvePnP(canonical, self.landmarks, self.camera, None)
        depth = canonical @ cv2.Rodrigues(turn)[0][2] + shift[2, 0]
        rng = np.random.default_rng(self.plan.seed + 1)
        dent = gaussian_filter(rng.standard_normal((self.plan.height, self.plan.width)), 0.15 * self.plan.face_px)
        ring = self._ring()
        places, depths = np.r_[self.landmarks, ring], np.r_[depth, np.full(len(ring), depth.max() + 0.04)]
        coarse = self.grid[:, ::8, ::8].reshape(2, -1).T
        sheet = RBFInterpolator(places, depths, smoothing=3.0)(coarse).reshape(self.grid[0, ::8, ::8].shape)
        z = map_coordinates(sheet, self.grid[::-1] / 8, order=3, mode="nearest") + DENT * dent / np.abs(dent).max()
        return np.stack([*((self.grid - self.camera[:2, 2, None, None]) / self.camera[0, 0] * z), z])

    def _ring(self) -> Floats:
        """Places in the background, around the head."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        middle, reach = self.landmarks.mean(0), self.plan.face_px
        return np.concatenate([middle + reach * r * np.stack([np.cos(angle), np.sin(angle)], 1) for r in (1.0, 1.4)])

    @cached_property
    def bumps(self) -> Floats:
        """(3, H, W) m: the motion at the apex; it moves the most moved pixel by `amp_px`."""
        total = np.zeros_like(self.surface)
        for landmark, (direction, reach) in BUMPS.items():
            away = self.grid - self.landmarks[landmark][:, None, None]
            weight = np.exp(-0.5 * (away**2).sum(0) / (reach * self.plan.face_px) ** 2)
            total += weight * np.array(direction)[:, None, None]
        moved = np.linalg.norm(self.project(self.surface + 1e-4 * total) - self.grid, axis=0)
        return total * 1e-4 * self.plan.amp_px / moved.max() if moved.max() else total

    @cached_property
    def follows(self) -> Floats:
        """(H, W) how far each pixel follows the head: 1 on and around the face, 0 at the border, smooth between."""
        mask = self.face.astype(np.uint8)
        away = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5) / self.plan.face_px
        border = np.minimum(self.grid, self.grid[:, ::-1, ::-1]).min(0) / self.plan.face_px
        share = np.clip((border - 0.02) / np.maximum(border - 0.02 + away - 0.08, 1e-9), 0, 1)
        return gaussian_filter(np.where(away < 0.08, 1.0, share), 0.03 * self.plan.face_px)

    @cached_property
    def face(self) -> NDArray[np.bool_]:
        """(H, W) inside the outline of the face."""
        return self._inside([OVAL])

    @cached_property
    def skin(self) -> NDArray[np.bool_]:
        """(H, W) the face without eyes and mouth."""
        return self.face & ~self._inside(OPENINGS)

    def _inside(self, outlines: Sequence[list[int]]) -> NDArray[np.bool_]:
        mask = np.zeros((self.plan.height, self.plan.width), np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [np.round(self.landmarks[outline]).astype(np.int32)], 1)
        return mask > 0

    def project(self, points: Floats) -> Floats:
        """(3, ...) camera space -> (2, ...) px."""
        return points[:2] / points[2] * self.camera[0, 0] + self.camera[:2, 2].reshape(2, *[1] * (points.ndim - 1))


@dataclass(frozen=True)
class Performance:
    """The moved surface, frame by frame; the first frame is the portrait itself."""

    portrait: Portrait

    def points(self, frame: int) -> Floats:
        """(3, H, W) camera space m: where every point of the portrait is."""
        plan, surface = self.portrait.plan, self.portrait.surface
        moved = surface + plan.course()[frame] * self.portrait.bumps
        centre = surface[:, self.portrait.face].mean(1)
        turn, shift = self._pose(frame, centre[2])
        return np.tensordot(turn, moved - centre[:, None, None], 1) + (centre + shift)[:, None, None]

    def picture(self, frame: int) -> Floats:
        """(3, H, W) grey levels without noise: every pixel looks up where in the portrait it comes from."""
        portrait = self.portrait
        motion = (portrait.project(self.points(frame)) - portrait.grid) * portrait.follows
        smooth = [spline_filter(part) for part in motion]
        source = portrait.grid - motion
        for _ in range(3):  # a contraction: the motion changes by some percent of a pixel per pixel
            there = [map_coordinates(part, source[::-1], order=3, prefilter=False, mode="nearest") for part in smooth]
            source = portrait.grid - np.stack(there)
        return np.stack(
            [map_coordinates(c, source[::-1], order=3, prefilter=False, mode="nearest") for c in self._splines]
        )

    @cached_property
    def _splines(self) -> list[Floats]:
        return [spline_filter(channel) for channel in self.portrait.picture]

    def _pose(self, frame: int, depth: float) -> tuple[Floats, Floats]:
        """Rotation (3, 3) and shift (3,) m: slow sways that begin at rest."""
        plan = self.portrait.plan
        sway = lambda rate, phase: np.sin(rate * frame / 96 * 2 * np.pi + phase) - np.sin(phase)  # noqa: E731
        pixel = depth / self.portrait.camera[0, 0]
        shift = np.array([sway(0.31, 0.4), 0.7 * sway(0.43, 2.0), sway(0.27, 1.0)]) * plan.drift_px * pixel
        turn = np.radians(plan.turn_deg) * np.array(
            [0.4 * sway(0.37, 1.2), 0.8 * sway(0.3, 0.2), 0.3 * sway(0.47, 0.0)]
        )
        return Rotation.from_rotvec(turn).as_matrix(), shift


def make(out: Path, **changes: Any) -> Path:
    """Write the clip and its truth.

    Args:
        out: a folder; it is made.
        **changes: of `Plan`.

    Returns:
        The path of clip.mp4.
    """
    plan = Plan(**changes)
    performance = Performance(Portrait(plan))
    out.mkdir(parents=True, exist_ok=True)
    write_video(out / "clip.mp4", recorded(performance), plan.fps, plan.crf)
    x, y = truth_pixels(performance.portrait)
    vertices = [performance.points(frame)[:, y, x].T for frame in range(plan.frames)]
    truth = {"vertices": np.array(vertices, np.float32), "K": performance.portrait.camera, "profile": plan.course()}
    np.savez_compressed(out / "truth.npz", **truth)
    (out / "meta.json").write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")  # last: the clip is whole
    return out / "clip.mp4"


def recorded(performance: Performance) -> Iterator[NDArray[np.uint8]]:
    """What a camera makes of it: flicker of the light and noise of the sensor."""
    plan = performance.portrait.plan
    rng = np.random.default_rng(plan.seed + 2)
    for frame in range(plan.frames):
        light = 1 + plan.flicker * np.sin(2 * np.pi * 0.47 * frame)  # 100 Hz mains at about 200 fps
        picture = np.moveaxis(performance.picture(frame) * light, 0, 2)
        picture += rng.normal(0, plan.noise, picture.shape)
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8)


def truth_pixels(portrait: Portrait) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """x and y of some 2,000 pixels spread over the skin of the face."""
    step = round(np.sqrt(portrait.skin.sum() / 2000))
    y, x = np.nonzero(portrait.skin[::step, ::step])
    return x * step, y * step
