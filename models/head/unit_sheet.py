# SPDX-License-Identifier: GPL-3.0-or-later
"""The 52 named units of several heads beside one another, to be looked at: docs/units.jpg, and the verb `heads picture`.

Every cell shows one unit at full strength on each head, in the order given, turned a little so that motion in depth is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import FLIP, JOINT_NAMES, HeadModel
from .portrait import portrait
from .rotation import rotation_matrix
from .units import UNIT_NAMES

Picture = NDArray[np.uint8]

DISTANCE = 1.2  # m, of the eyes
SCALE = 1600  # px per m there
WIDTH = 190  # px of a picture
BAR, GAP = 20, 6  # px of a title, between pictures
COLUMNS = 4
TURN = np.radians(20)
FRONT = 0.03  # m before the eyes: what the face turns about
STILL = 1e-5  # m
#: Units above the mouth, by the beginnings of their names; and height above the eyes and size of their pictures, m.
UPPER = ("brow", "cheekSquint", "eye", "nose")
UPPER_VIEW, LOWER_VIEW = (0.04, 0.1), (-0.015, 0.125)
#: A mouth closes only as far as the jaw is open, and the tongue comes out of an open one.
WITH = {"mouthClose": ("mouthClose", "jawOpen"), "tongueOut": ("tongueOut", "jawOpen")}


def unit_sheet(heads: Sequence[HeadModel], told: Callable[[float], None] | None = None) -> Picture:
    """All units, (H, W, 3) uint8 RGB.

    Args:
        heads: with named units; one without some of them is shown at rest there.
        told: called with the share that is done.
    """
    upper = [name for name in UNIT_NAMES if name.startswith(UPPER)]
    lower = [name for name in UNIT_NAMES if name not in upper]
    cells: list[Picture] = []
    blocks: list[Picture] = []
    for names, view in ((upper, UPPER_VIEW), (lower, LOWER_VIEW)):
        for name in ("", *names):
            cells.append(_cell(heads, name, view))
            if told:
                told(len(cells) / (len(UNIT_NAMES) + 2))
        blocks.append(_rows(cells[-len(names) - 1 :]))
    return np.concatenate(blocks)


def _rows(cells: list[Picture]) -> Picture:
    """The cells in rows, the last one filled up."""
    cells = cells + [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    return np.concatenate([np.concatenate(cells[k : k + COLUMNS], 1) for k in range(0, len(cells), COLUMNS)])


def _cell(heads: Sequence[HeadModel], name: str, view: tuple[float, float]) -> Picture:
    """One unit on all heads under its title; no name is the face at rest."""
    parts = WITH.get(name, (name,))
    pictures = [_picture(head, parts, view) for head in heads]
    whole = np.pad(np.concatenate(pictures, 1), ((BAR, GAP), (0, 2 * GAP), (0, 0)))
    for k, head in enumerate(heads):
        title = "" if k else " + ".join(parts) or "at rest"
        still = name and not np.abs(_moved(head, [name])).max() > STILL
        place = (k * (WIDTH + GAP) + 2, BAR - 6)
        text = f"{title}  (has none)".strip() if still else title
        cv2.putText(whole, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return whole


def _moved(head: HeadModel, names: Sequence[str]) -> NDArray[np.float64]:
    """(V, 3) m: the motion of units together."""
    own = [head.expression_names.index(name) for name in names if name in head.expression_names]
    return np.asarray(head.expression[own].sum(0))


def _picture(head: HeadModel, names: Sequence[str], view: tuple[float, float]) -> Picture:
    """The head with units at full strength, its eyes on the camera's axis."""
    above, size = view
    eyes = head.joint_template[[JOINT_NAMES.index("eye_left"), JOINT_NAMES.index("eye_right")]].mean(0)
    turn = rotation_matrix(np.array([0, TURN, 0]))
    vertices = (head.template + _moved(head, names) - eyes - [0, 0, FRONT]) @ turn.T @ FLIP + [0, 0, DISTANCE]
    focal = SCALE * DISTANCE
    camera = np.array([[focal, 0, WIDTH / 2], [0, focal, SCALE * above], [0, 0, 1]])
    drawn = portrait(head, vertices, camera, (WIDTH, round(SCALE * size)))
    return np.pad(drawn, ((0, 0), (0, GAP), (0, 0)))
