# SPDX-License-Identifier: GPL-3.0-or-later
"""The heads that can be read: what each is called, under which licence it comes, what to cite, where to get it.

Coefficients of one edition mean nothing in another, not even between FLAME 2020 and FLAME 2023 Open, whose vertices and
triangles correspond: their directions differ by up to 21 mm.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edition:
    """One published head."""

    name: str
    licence: str
    citation: str
    home: str  #: where the user gets it


_FLAME_PAPER = (
    "Li, Bolkart, Black, Li, Romero: Learning a model of facial shape and expression from 4D scans. "
    "ACM Transactions on Graphics 36(6), 2017."
)
_FLAME_HOME = "https://flame.is.tue.mpg.de"
_ACADEMIC = "FLAME Academic Model License: not for commercial use, not to be passed on"

FLAME_OPEN = Edition(
    "FLAME 2023 Open", "CC-BY-4.0: free with attribution; no pornographic, defamatory or misleading use",
    f"FLAME 2023 Open, Max Planck Institute for Intelligent Systems. {_FLAME_PAPER}", _FLAME_HOME,
)  # fmt: skip
FLAME_2023 = Edition("FLAME 2023", _ACADEMIC, _FLAME_PAPER, _FLAME_HOME)
FLAME_2023_NO_JAW = Edition("FLAME 2023 without jaw rotation", _ACADEMIC, _FLAME_PAPER, _FLAME_HOME)
FLAME_2020 = Edition("FLAME 2020", _ACADEMIC, _FLAME_PAPER, _FLAME_HOME)
#: Neither the file nor its name says which: the stricter licence is assumed.
FLAME = Edition("FLAME (edition unknown)", _ACADEMIC, _FLAME_PAPER, _FLAME_HOME)
GNM = Edition(
    "GNM Head", "Apache-2.0: Copyright Google LLC",
    "GNM: Generative aNthropometric Model. Google, arXiv 2607.23687, 2026.", "https://github.com/google/GNM",
)  # fmt: skip
ICT = Edition(
    "ICT-FaceKit Light", "MIT: Copyright USC Institute for Creative Technologies",
    "Li, Bladin, Zhao, Chinara, Ingraham, Xiang, Ren, Prasad, Kishore, Xing, Li: Learning Formation of Physically-Based "
    "Face Attributes. CVPR, 2020.", "https://github.com/ICT-VGL/ICT-FaceKit",
)  # fmt: skip
EDITIONS = (FLAME_OPEN, FLAME_2023, FLAME_2023_NO_JAW, FLAME_2020, GNM, ICT)
