# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception a user ever sees."""


class MicrofaceError(Exception):
    """What happened, where, and what to do about it.

    Args:
        code: short machine-readable word, e.g. ``"no_face"``.
        text: one sentence: what happened and where.
        remedy: one sentence: what the user can do.
    """

    def __init__(self, code: str, text: str, remedy: str) -> None:
        super().__init__(f"{text} {remedy}")
        self.code = code
        self.text = text
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["MicrofaceError"], tuple[str, str, str]]:
        return type(self), (self.code, self.text, self.remedy)
