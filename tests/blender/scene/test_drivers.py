# SPDX-License-Identifier: GPL-3.0-or-later
"""A driven value arrives as it is, however small, and elements of a turn are those of its matrix."""

import bpy
import numpy as np
import pytest
from mathutils import Quaternion
from microface.operators.scene.drivers import ELEMENTS, SHOWN, add_driver, add_variable, element, turned_less_itself

TURN = Quaternion((0.2, -0.5, 1.0), 0.7)


@pytest.mark.parametrize("value", [0.0, 1e-7, 5e-5, -9.9e-5, 1.00005, 0.99995, 3.5])
def test_a_driven_value_arrives_as_it_is(value):
    """From 5.0 on, with the keys Blender gives a driver, all but the last would be 0 or 1."""
    source, driven = (bpy.data.objects.new(name, None) for name in ("source", "driven"))
    for thing in (source, driven):
        bpy.context.scene.collection.objects.link(thing)
    source["value"] = value
    driver = add_driver(driven, "location", 2)
    add_variable(driver, "v", source, '["value"]')
    driver.expression = "v"
    shown = driven.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert shown.location[2] == pytest.approx(value, rel=1e-6, abs=1e-12)


def test_elements_are_those_of_the_matrix():
    """Also of a quaternion that interpolation has made shorter."""
    matrix, values = np.array(TURN.to_matrix()), dict(zip("wxyz", 0.9 * np.array(TURN), strict=True))
    found = [eval(element(number, SHOWN), {}, values) for number in range(len(ELEMENTS))]
    np.testing.assert_allclose(np.reshape(found, (3, 3)), matrix - np.eye(3), atol=1e-6)
    vector = np.array([0.3, -0.2, 0.7])
    values |= dict(zip("abc", vector, strict=True))
    moved = [eval(turned_less_itself(row, "abc", SHOWN), {}, values) for row in range(3)]
    np.testing.assert_allclose(moved, matrix @ vector - vector, atol=1e-6)
