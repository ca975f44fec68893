# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear map from a head to a rig's controls, where the truth is known: the same head with its units as controls."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from microface.backend.heads import portrait_tracker
from microface.backend.retarget import link
from microface.backend.retarget.mapping import proposed
from microface.backend.retarget.region import control_regions
from microface.backend.retarget.rig import Rig
from microface.backend.retarget.source import at_rest
from microface.backend.retarget.transfer import Laid, lay
from microface.backend.types import Take
from microface.models.head.model import HeadModel

UNITS = ("browInnerUp", "mouthSmileLeft", "eyeBlinkRight", "noseSneerLeft", "mouthPucker")
REGIONS = ("brows", "mouth", "eyes", "nose", "mouth")
JAW = 0.05  # rad at value 1


@pytest.fixture(scope="module")
def take(generic_head: HeadModel, acting: Callable[..., Take]) -> Take:
    """A person at rest with one detail key, which moves as a unit does."""
    still = np.zeros((5, len(generic_head.expression_names)))
    smile = generic_head.expression[generic_head.expression_names.index("mouthSmileLeft")]
    return replace(acting(generic_head, still), detail_basis=smile[None].astype(np.float32))


@pytest.fixture(scope="module")
def rig(generic_head: HeadModel) -> Rig:
    """Units of the head as keys 0..1, two bones that open the jaw and look, and a key for each side of the jaw."""
    head = generic_head
    units = head.expression[[head.expression_names.index(name) for name in UNITS]]
    names, moved = link.sources_of(head, np.zeros((0, *head.template.shape)))
    turns = {name: moved[names.index(name)] for name in ("jaw 0", "jaw 1", "eye_left 1")}
    basis = np.concatenate([units, [JAW * turns["jaw 0"], JAW * turns["jaw 1"], -JAW * turns["jaw 1"]]])
    basis = np.concatenate([basis, turns["eye_left 1"][None]])
    count = len(basis)
    return Rig(
        head.template, head.faces, (*UNITS, "open", "to left", "to right", "eyeLookOutLeft"), ("key",) * count,
        np.zeros(count), np.ones(count), basis.astype(np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def laid(generic_head: HeadModel, take: Take, rig: Rig, built: None) -> Laid:
    return lay(at_rest(take, generic_head), rig, portrait_tracker())


def test_sources_arrive_on_the_controls_that_are_the_same(
    generic_head: HeadModel, take: Take, rig: Rig, laid: Laid
) -> None:
    table = proposed(rig, np.ones(len(rig.names), bool))
    found = link.by_surface(laid, rig, at_rest(take, generic_head), take, table)
    of = {name: found.matrix[found.sources.index(name)] for name in found.sources}
    for number, unit in enumerate(UNITS):
        assert of[unit][number] == pytest.approx(1, abs=0.05)
        assert np.abs(np.delete(of[unit], number)).max() < 0.05
    assert of["detail 01"][1] == pytest.approx(1, abs=0.05)  # it moves as the smile does
    assert of["jaw 0"][5] == pytest.approx(1 / JAW, rel=0.05)
    assert of["jaw 1"][[6, 7]] == pytest.approx([1 / JAW, -1 / JAW], rel=0.05)  # keys that go one way: each its own
    assert of["eye_left 1"][8] == pytest.approx(1 / 0.61, abs=1e-9)  # as ARKit's weights count it
    assert np.count_nonzero(found.matrix[:, 8]) == 1


def test_what_is_not_to_be_used_follows_nothing(generic_head: HeadModel, take: Take, rig: Rig, laid: Laid) -> None:
    table = proposed(rig, np.arange(len(rig.names)) != 1)
    found = link.by_surface(laid, rig, at_rest(take, generic_head), take, table)
    assert not found.matrix[:, 1].any()
    assert found.matrix[:, 0].any()


def test_names_alone_give_their_weights(take: Take, rig: Rig) -> None:
    found = link.by_names(take, proposed(rig, np.ones(len(rig.names), bool)))
    column = rig.names.index("mouthSmileLeft")
    assert {found.sources[row] for row in np.flatnonzero(found.matrix[:, column])} == {"mouthSmileLeft"}
    assert found.matrix[found.sources.index("eye_left 1"), 8] == pytest.approx(1 / 0.61)
    assert not found.matrix[:, 5].any()  # "open" says nothing


def test_regions_are_told_by_name_or_by_the_skin_that_moves(
    generic_head: HeadModel, take: Take, rig: Rig, laid: Laid
) -> None:
    person = at_rest(take, generic_head)
    named = proposed(rig, np.ones(len(rig.names), bool))
    assert control_regions(person, laid.match, laid.basis, named)[:5] == REGIONS
    nameless = replace(rig, names=tuple(f"Key {k}" for k in range(len(rig.names))))
    blind = proposed(nameless, np.ones(len(rig.names), bool))
    assert control_regions(person, laid.match, laid.basis, blind)[:6] == (*REGIONS, "jaw")
    still = np.zeros_like(laid.basis)
    assert set(control_regions(person, laid.match, still, blind)) == {""}
