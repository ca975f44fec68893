# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks found in pictures of a head come back to the place on the head that was drawn there."""

import numpy as np
from microface.models.head.embedding import embed

DARK = 40  # only the pupils are drawn as dark as that


def _pupils(picture):
    """An honest little tracker: the centres of the two dark spots, as iris landmarks; nothing else."""
    points = np.full((478, 2), -50.0)
    y, x = np.nonzero(picture.max(2) < DARK)
    right = x < 256  # the subject's right eye is on the left of the picture
    if not right.any() or right.all():
        return None
    points[468] = x[right].mean(), y[right].mean()
    points[473] = x[~right].mean(), y[~right].mean()
    return points


def test_iris_landmarks_go_to_the_pupils(generic):
    index, triangle, weight = embed(generic, _pupils)
    assert index.tolist() == [468, 473]
    found = np.einsum("nk,nkc->nc", weight, generic.template[generic.faces[triangle]])
    names = np.array(generic.part_names)[generic.face_part]
    pupil = generic.template[np.unique(generic.faces[names == "pupil"])]
    for place, side in zip(found, (-1, 1), strict=True):
        assert np.linalg.norm(place - pupil[pupil[:, 0] * side > 0].mean(0)) < 1e-3


def test_without_a_face_there_are_no_landmarks(generic):
    index, triangle, weight = embed(generic, lambda picture: None)
    assert len(index) == len(triangle) == len(weight) == 0
