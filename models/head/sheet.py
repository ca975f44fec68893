# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture that shows what a head can do: docs/generic_head.png. For the eye; what can be measured is tested."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import FLIP, HeadModel
from .portrait import portrait
from .rotation import rotation_matrix

Expression = dict[str, float]

WIDTH, HEIGHT = 320, 400  # px of a cell
COLUMNS = 5
DISTANCE = 1.2  # m
FOCAL = 1480.0  # px


def both(**strengths: float) -> Expression:
    """A unit on both sides."""
    return {f"{name}{side}": value for name, value in strengths.items() for side in ("Left", "Right")}


#: title -> (yaw in degrees, units, joints)
CELLS: dict[str, tuple[float, Expression, dict[str, tuple[float, float, float]]]] = {
    "neutral": (0, {}, {}),
    "three quarters": (45, {}, {}),
    "side": (90, {}, {}),
    "jaw open": (0, {}, {"jaw": (0.3, 0, 0)}),
    "jaw open, side": (65, {}, {"jaw": (0.3, 0, 0)}),
    "smile": (0, both(mouthSmile=0.7, cheekSquint=0.5), {}),
    "surprise": (0, both(browOuterUp=1, eyeWide=0.7) | {"browInnerUp": 1}, {"jaw": (0.16, 0, 0)}),
    "anger": (0, both(browDown=1, eyeSquint=0.6, mouthPress=0.7, noseSneer=0.4), {}),
    "disgust": (0, both(noseSneer=1, mouthUpperUp=0.8, browDown=0.4, cheekSquint=0.4), {}),
    "sadness": (0, both(mouthFrown=1) | {"browInnerUp": 1, "mouthShrugLower": 0.4}, {}),
    "fear": (0, both(eyeWide=1, mouthStretch=0.8, browOuterUp=0.5) | {"browInnerUp": 1}, {"jaw": (0.06, 0, 0)}),
    "teeth": (0, both(mouthUpperUp=1, mouthLowerDown=1), {}),
    "blink": (0, both(eyeBlink=1), {}),
    "wink": (0, {"eyeBlinkLeft": 1, "mouthSmileLeft": 0.5}, {}),
    "eyes turned": (0, {}, {"eye_left": (0.1, 0.5, 0), "eye_right": (0.1, 0.5, 0)}),
}


def contact_sheet(head: HeadModel) -> NDArray[np.uint8]:
    """All cells, (H, W, 3) uint8 RGB."""
    cells = [_cell(head, title, *content) for title, content in CELLS.items()]
    rows = [np.concatenate(cells[k : k + COLUMNS], 1) for k in range(0, len(cells), COLUMNS)]
    return np.concatenate(rows)


def _cell(
    head: HeadModel, title: str, yaw: float, units: Expression, joints: dict[str, tuple[float, float, float]]
) -> NDArray[np.uint8]:
    expression = np.array([units.get(name, 0.0) for name in head.expression_names])
    pose = np.array([joints.get(name, (0.0, 0.0, 0.0)) for name in head.joint_names])
    rest = head.template + np.tensordot(expression, head.expression, 1)
    posed = head.pose(rest, head.joint_template, pose)
    middle = (posed.min(0) + posed.max(0)) / 2
    turn = rotation_matrix(np.array([0, np.radians(yaw), 0]))
    camera = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    picture = portrait(head, (posed - middle) @ turn.T @ FLIP + [0, 0, DISTANCE], camera, (WIDTH, HEIGHT))
    cv2.putText(picture, title, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
