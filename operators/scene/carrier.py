# SPDX-License-Identifier: GPL-3.0-or-later
"""The empty that carries what a character which follows a head is driven by: properties driven by plain arithmetic."""

from __future__ import annotations

import bpy

from .drivers import add_driver, add_variable

Variables = dict[str, tuple[bpy.types.ID, str]]  #: name -> datablock and path
Term = tuple[float, bpy.types.ID, str]  #: coefficient, datablock, path

TERMS = 14  # of a sum in one expression: Blender's hold 255 letters
QUATERNION = "wxyz"
ANGLE = "2*atan2(sqrt(x*x+y*y+z*z),w)"  #: of a unit quaternion


def value_name(number: int) -> str:
    """The property with the value of a control, by its row in the table."""
    return f"control {number}"


def summed(carrier: bpy.types.Object, name: str, terms: list[Term], variables: Variables) -> str:
    """The expression of a sum; what does not fit becomes a property of its own."""
    if len(terms) > TERMS:
        more: Variables = {}
        rest = summed(carrier, f"{name} more", terms[TERMS - 1 :], more)
        terms = [*terms[: TERMS - 1], (1.0, carrier, drive_own(carrier, f"{name} more", more, rest))]
    words = []
    for count, (coefficient, owner, path) in enumerate(terms):
        variables[f"v{count}"] = (owner, path)
        words.append(f"{coefficient:+.6g}*v{count}")
    return "".join(words) or "0"


def drive_own(carrier: bpy.types.Object, name: str, variables: Variables, expression: str, value: float = 0.0) -> str:
    """A driven property of the carrier; gives its path."""
    carrier[name] = value
    path = f'["{name}"]'
    drive(carrier, path, -1, variables, expression)
    return path


def drive(owner: bpy.types.ID, path: str, index: int, variables: Variables, expression: str) -> None:
    """Drive a property by an expression."""
    driver = add_driver(owner, path, index)
    for name, (source, where) in variables.items():
        add_variable(driver, name, source, where)
    driver.expression = expression
