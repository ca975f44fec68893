# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that overlap: units that cross no more than they may."""

from dataclasses import replace

import numpy as np
import pytest
from microface.models.head.crossing import crossing_pairs
from microface.models.head.embedding import INNER_LIPS
from microface.models.head.mouth import STRENGTHS, Mouth
from microface.models.head.overlap import parted

DEPTH = 2e-4  # m that the lips overlap at rest


def _lips(generic, seed):
    """Two wavy sheets one above the other, 40 by 16 mm, that overlap by DEPTH along the middle; the upper one looks down.
    Its landmarks are those of the inner lips; its one unit slides the upper sheet, wave over wave."""
    rng = np.random.default_rng(seed)
    across, deep = np.meshgrid(np.linspace(-0.02, 0.02, 16), np.linspace(-0.008, 0.008, 8), indexing="ij")
    number = np.arange(across.size).reshape(across.shape)
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    sheets = []
    for side in (1, -1):
        place = np.stack([across, across, deep], -1).reshape(-1, 3) + 3e-4 * rng.standard_normal((across.size, 3))
        place[:, 1] = side * (100 * place[:, 2] ** 2 - DEPTH / 2) + 1e-4 * np.sin(800 * place[:, 0])
        sheets.append(place)
    template = np.concatenate(sheets)
    faces = np.concatenate([triangles, triangles[:, ::-1] + across.size]).astype(np.int32)
    unit = np.zeros((1, len(template), 3))
    unit[0, : across.size] = [0.003, 0, 0.001]
    return replace(
        generic, template=template, faces=faces, polygons=np.c_[faces, np.full(len(faces), -1)].astype(np.int32),
        part=np.zeros(len(faces), np.int8), part_names=("skin",), expression=unit, expression_names=("jawLeft",),
        landmark_index=np.sort(np.array(INNER_LIPS, np.int32)), landmark_weight=np.full((20, 3), 1 / 3),
        landmark_triangle=np.linspace(0, len(faces) - 1, 20).astype(np.int32),
    )  # fmt: skip


def _most(head, unit):
    return np.array([len(crossing_pairs(head.template + s * unit, head.faces)) for s in (0, *STRENGTHS)])


@pytest.mark.parametrize("seed", [2, 4])
def test_no_strength_crosses_more_than_on_the_other_head(generic, seed):
    """The other head's lips do not slide; these would cross more than at rest at a fifth of all strengths and more."""
    head = _lips(generic, seed)
    source = replace(head, expression=0 * head.expression)
    before = _most(head, head.expression[0])
    assert before[0] > 40 and (before[1:] > before[0]).mean() > 0.2
    (unit,) = parted(head, source, head.expression)
    after = _most(head, unit)
    assert (after[1:] <= before[0]).all()
    change = np.linalg.norm(unit - head.expression[0], axis=1)
    assert 0 < change.max() < 2e-3 and np.median(change) < 1e-4


def test_what_crosses_no_more_stays_as_it_is(generic):
    head = _lips(generic, 3)
    np.testing.assert_array_equal(parted(head, head, head.expression), head.expression)
    still = 0 * head.expression
    np.testing.assert_array_equal(parted(head, head, still), still)


def test_a_mouth_without_lips_or_overlap_stays_as_it_is(generic):
    head = _lips(generic, 3)
    source = replace(head, expression=0 * head.expression)
    bare = replace(
        head, landmark_index=head.landmark_index[:0], landmark_triangle=head.landmark_triangle[:0],
        landmark_weight=head.landmark_weight[:0],
    )  # fmt: skip
    assert len(Mouth.of(bare).faces) == 0
    np.testing.assert_array_equal(parted(bare, source, head.expression), head.expression)
    apart = head.template + np.where(np.arange(len(head.template)) < len(head.template) // 2, 0.001, 0)[:, None] * [
        0,
        1,
        0,
    ]
    np.testing.assert_array_equal(parted(replace(head, template=apart), source, head.expression), head.expression)


def test_the_mouth_is_what_lies_about_the_inner_lips(generic):
    mouth = Mouth.of(generic)
    middle = generic.template[mouth.faces].mean(1)
    lips = generic.landmark_points(generic.template)[np.isin(generic.landmark_index, INNER_LIPS)]
    assert (middle > lips.min(0) - 0.0151).all() and (middle < lips.max(0) + 0.0151).all()
    assert mouth.resting == len(crossing_pairs(generic.template, mouth.faces)) > 0
