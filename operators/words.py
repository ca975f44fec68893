# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies name options of the command line; in a panel they name what the panel shows."""

import re

#: Pattern -> words, the more exact first.
WORDS = (
    (r"--range (\d+):(\d+)", r"the frame range \1 to \2"),
    (r"as in --face (\S+\w)", r"as in \1"),
    (r"--face x,y", "a pixel like 320,240 in Face"),
    (r"--face", "Face"),
    (r"--neutral A:B", "Neutral Frames"),
    (r"--range( A:B)?", "Frame Range"),
    (r"--head and a FLAME file", "a FLAME head"),
    (r"by --head", "as Head"),
    (r" \(--head\)", ""),
    (r" \(--existing add\|replace\)", ""),
    (r"--fps", "Frame Rate"),
    (r"--device auto or cpu", "Best or Processor in the preferences"),
    (r"Added heads: ", "Heads in the preferences: "),
    (r"heads remove ", "in the preferences, "),
)


def in_panel(remedy: str) -> str:
    """The remedy in the words of the panel."""
    for pattern, words in WORDS:
        remedy = re.sub(pattern, words, remedy)
    return remedy
