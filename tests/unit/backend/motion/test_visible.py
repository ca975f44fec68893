# SPDX-License-Identifier: GPL-3.0-or-later
"""Single pixels that show something else, told from noise and from motion that is a little off."""

import numpy as np
from microface.backend.motion.field import Template
from microface.backend.motion.visible import SLACK, STRANGE, strange

PIXELS, NOISE, SLOPE = 4000, 0.5, 12.0
RANDOM = np.random.default_rng(3)


def template() -> Template:
    points, slope = RANDOM.uniform(0, 100, (PIXELS, 2)), np.zeros((PIXELS, 2))
    slope[PIXELS // 2 :, 0] = SLOPE
    return Template(points, np.zeros(PIXELS), slope, np.ones((PIXELS, 1)), np.ones(PIXELS))


def test_strange_is_what_noise_and_a_small_error_of_motion_do_not_explain() -> None:
    residual = RANDOM.normal(0, NOISE, PIXELS)
    flat, steep = np.arange(100), PIXELS // 2 + np.arange(100)
    residual[flat] = 1.3 * STRANGE * NOISE
    residual[steep[:50]] = 0.9 * STRANGE * SLACK * SLOPE
    residual[steep[50:]] = -1.2 * STRANGE * SLACK * SLOPE
    found = strange(template(), residual, np.ones(PIXELS, bool))
    assert np.flatnonzero(found).tolist() == [*flat, *steep[50:]]


def test_the_noise_is_that_of_what_is_seen() -> None:
    residual = np.r_[RANDOM.normal(0, NOISE, PIXELS // 2), RANDOM.normal(0, 60.0, PIXELS // 2)]
    seen = np.arange(PIXELS) < PIXELS // 2
    assert strange(template(), residual, seen)[seen].sum() == 0
    assert strange(template(), residual, seen)[~seen].mean() > 0.6
    assert strange(template(), residual, ~seen)[~seen].mean() < 0.01
