# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own expressions in named units and back, where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from microface.models.head.conversion import RIDGE, own_columns, said, unit_columns


@pytest.fixture
def head(random_head):
    """Six expressions, three of them combinations of the three named ones, on a face of all vertices."""
    mixed = np.array([[1.0, 0.5, 0], [0, 1, -0.3], [0.2, 0, 1]])
    own = np.tensordot(mixed, random_head.expression, 1)
    names = ("expression_000", "expression_001", "expression_002", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
    return replace(
        random_head, expression=np.concatenate([own, random_head.expression]), expression_names=names,
        face_mask=np.ones(len(random_head.template), bool), part_names=("skin", "eye"),
    )  # fmt: skip


MIXED = np.array([[1.0, 0.5, 0], [0, 1, -0.3], [0.2, 0, 1]])


def test_combinations_are_found_both_ways(head):
    own, named = own_columns(head.expression_names), unit_columns(head.expression_names)
    assert own == [0, 1, 2] and named == [3, 4, 5]
    value = np.random.default_rng(1).normal(size=(5, 3))
    there = said(head, value, own, named)
    np.testing.assert_allclose(there.value, value @ MIXED, atol=1e-4)
    back = said(head, there.value, named, own)
    np.testing.assert_allclose(back.value, value, atol=1e-3)
    for each in (there, back):
        assert (each.residual_mm < 1e-3 * each.size_mm).all()


def test_units_of_joints_say_nothing_of_the_skin():
    assert unit_columns(("expression_000", "jawOpen", "eyeLookInLeft", "mouthClose", "mouthPucker", "tongueOut")) == [4]


def test_what_cannot_be_said_is_left(head):
    """One unit said in another: the angle between the two motions tells how much is left."""
    start, to = head.expression[3], head.expression[4]
    cosine = (start * to).sum() / np.linalg.norm(start) / np.linalg.norm(to)
    found = said(head, np.array([[0.7], [0]]), [3], [4])
    size = 0.7 * np.sqrt((start**2).sum() / len(start))
    assert found.size_mm[0] == pytest.approx(1000 * size, rel=1e-9)
    assert found.residual_mm[0] == pytest.approx(1000 * size * np.sqrt(1 - cosine**2), rel=1e-4)
    assert found.value[1, 0] == found.residual_mm[1] == found.size_mm[1] == 0


def test_directions_that_say_the_same_share_it(head):
    twin = replace(head, expression=np.concatenate([head.expression[:5], head.expression[4:5]]))
    found = said(twin, np.ones((1, 1)), [4], [4, 5])
    np.testing.assert_allclose(found.value, 0.5, atol=(RIDGE / 0.01) ** 2 + 1e-6)
