# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the backend. The class lives in `models` because `backend` may import `models`, never the reverse."""

from ..models.errors import MicrofaceError


class Cancelled(Exception):
    """The user asked to stop. Not an error: exit status 130."""


__all__ = ["Cancelled", "MicrofaceError"]
