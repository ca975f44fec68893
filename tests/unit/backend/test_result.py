# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of an event is that of the skin's motion in the picture."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from microface.backend.deviation import SIZE_SHARE
from microface.backend.motion.window import Window
from microface.backend.result import sized
from microface.backend.types import Event

TIME = np.arange(40) / 20
EVENT = Event(0.5, 1.0, 1.5, "macro", ("mouthSmileLeft",), 1.0, 0.1, 1.0)


def held(stage, strength: np.ndarray) -> SimpleNamespace:
    """What a size is taken from: one unit's strength (T,), no detail, nothing hidden."""
    surface = stage.surface
    units = np.zeros((len(strength), len(surface.causes.unit_names)))
    units[:, surface.causes.unit_names.index("mouthSmileLeft")] = strength
    detail, covered = (
        np.zeros((len(strength), surface.causes.detail_count)),
        np.zeros((len(strength), 1), bool),
    )
    return SimpleNamespace(units=units, detail=detail, covered=covered)


def template(stage, factor: int) -> SimpleNamespace:
    """All skin lies in one patch."""
    patch = np.zeros(len(stage.surface.vertices), int)
    return SimpleNamespace(surface=stage.surface, patch=patch, window=Window(0, 0, 1, 1, factor, 1.0))


@pytest.mark.parametrize("factor", [1, 3])
def test_a_size_is_the_motion_since_the_onset_in_source_pixels(stage, factor: int) -> None:
    """A column of the solve is a unit that moves some skin by a work px."""
    neutral = template(stage, factor)
    full = 1 / stage.surface.causes.unit_scale[stage.surface.causes.unit_names.index("mouthSmileLeft")]
    smile = held(stage, 0.2 + 0.1 * np.interp(TIME, [0.5, 1.0, 1.5], [0, 1, 0]))
    found = sized(EVENT, neutral.surface.causes.unit_names, neutral, smile, TIME)
    assert found.peak_px == pytest.approx(0.1 * full * factor, rel=0.3)
    assert found.peak_std_px == pytest.approx(np.hypot(0.1, SIZE_SHARE) * found.peak_px)


def test_an_event_that_was_under_way_is_as_large_as_what_was_seen_to_end(stage) -> None:
    neutral = template(stage, 1)
    names = neutral.surface.causes.unit_names
    rise = sized(EVENT, names, neutral, held(stage, 0.1 * np.interp(TIME, [0.5, 1.0], [0, 1])), TIME)
    cut = Event(0.0, 0.0, 1.0, "macro", ("mouthSmileLeft",), 1.0, 0.1, 1.0)
    fall = sized(cut, names, neutral, held(stage, 0.1 * np.interp(TIME, [0.0, 1.0], [1, 0])), TIME)
    assert fall.peak_px == pytest.approx(rise.peak_px)
    assert fall.peak_px > 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_an_event_of_the_skin_alone_is_named_by_the_unit_that_it_is_most_alike(stage, sign: int) -> None:
    neutral = template(stage, 1)
    names = neutral.surface.causes.unit_names
    shown = held(stage, sign * 0.1 * np.interp(TIME, [0.5, 1.0, 1.5], [0, 1, 0]))
    found = sized(replace(EVENT, units=("mouthSmileRight 3 x",)), names, neutral, shown, TIME)
    assert found.units == (("mouthSmileLeft",) if sign > 0 else ("-mouthSmileLeft",))
    both = sized(replace(EVENT, units=("mouthSmileRight 3 x", "-browInnerUp")), names, neutral, shown, TIME)
    assert both.units == ("-browInnerUp",)
