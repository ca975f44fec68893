# SPDX-License-Identifier: GPL-3.0-or-later
"""Performances whose every cause is known, seen by a camera."""

from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.motion.rigid import RigidMotion
from microface.backend.solve.columns import Columns
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Played:
    """What was played, (T) frames, and what a perfect measurement of it would be."""

    fps: float
    expression: np.ndarray  #: (T, E)
    jaw: np.ndarray  #: (T,) rad
    turn: np.ndarray  #: (T, 3) axis-angle of the root
    translation: np.ndarray  #: (T, 3)
    coarse: RigidMotion
    motion: np.ndarray  #: (T, 2n) px on top of `coarse`
    points: np.ndarray  #: (T, M, 3) m


@pytest.fixture(scope="session")
def columns(stage) -> Columns:
    return Columns(stage.surface, stage.field)


@pytest.fixture(scope="session")
def play(stage):
    """play(frames, fps, {unit: (peak, apex s, width s)}, jaw, sway, known): a head that sways and twitches.

    `known` is the share of the head's motion that the coarse motion holds already.
    """

    def make(frames, fps, pulses, jaw=(0.0, 0.0, 1.0), sway=1.0, known=0.0) -> Played:
        reference = stage.surface.reference
        names = reference.head.expression_names
        time = np.arange(frames) / fps
        pulse = lambda peak, apex, width: peak * np.exp(-(((time - apex) / width) ** 2) / 2)  # noqa: E731
        expression = np.zeros((frames, len(names)))
        for name, shape in pulses.items():
            expression[:, names.index(name)] = pulse(*shape)
        opened = pulse(*jaw)
        wave = lambda *rate: np.stack([np.sin(r * time + n) - np.sin(n) for n, r in enumerate(rate)], 1)  # noqa: E731
        turn = reference.pose + sway * wave(2.0, 3.0, 1.0) * [0.02, 0.03, 0.01]
        translation = reference.translation + sway * wave(1.5, 2.0, 1.0) * [0.002, 0.001, 0.003]
        poses = np.zeros((frames, len(reference.head.joint_names), 3))
        poses[:, 0], poses[:, reference.head.joint_names.index("jaw"), 0] = turn, opened
        points = np.stack(
            [stage.points(stage.vertices(*each)) for each in zip(expression, poses, translation, strict=True)]
        )
        coarse = rigid_of(stage, reference.pose + known * (turn - reference.pose),
                          reference.translation + known * (translation - reference.translation))  # fmt: skip
        motion = stage.sheet_motion(points, coarse.views(stage.surface.points, reference.camera))
        return Played(fps, expression, opened, turn, translation, coarse, motion, points)

    return make


def rigid_of(stage, turn, translation) -> RigidMotion:
    """Camera-space motion of poses (T, 3), (T, 3) against the reference, by Procrustes on the head's own vertices."""
    reference = stage.surface.reference
    none, pose = np.zeros(len(reference.head.expression)), np.zeros((len(reference.head.joint_names), 3))
    rest = reference.vertices()
    turns, shifts = [], []
    for one, place in zip(turn, translation, strict=True):
        pose[0] = one
        moved = stage.vertices(none, pose, place)
        turns.append(Rotation.align_vectors(moved - moved.mean(0), rest - rest.mean(0))[0].as_matrix())
        shifts.append(moved.mean(0) - turns[-1] @ rest.mean(0))
    return RigidMotion(np.array(turns), np.array(shifts))
