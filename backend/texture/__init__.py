# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin's colour from the footage, as a picture in the head's UVs."""

from .skin import skin_texture

__all__ = ["skin_texture"]
