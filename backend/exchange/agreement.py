# SPDX-License-Identifier: GPL-3.0-or-later
"""How far what was found agrees with what a person coded.

An event is found when its overlap with an annotation, intersection over union of their intervals, is at least one half,
as in the Micro-Expression Grand Challenge; each counts once. Pairs are chosen so that as many as possible are found,
and among those with the largest overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..types import Event
from .annotation import Annotation

LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Agreement:
    """Figures of one clip. Errors are found minus coded, of the pairs; NaN where there is nothing to count."""

    found: int
    missed: int
    false: int
    overlap: float  #: mean intersection over union of the pairs
    onset_error_s: float  #: mean absolute
    apex_error_s: float  #: mean absolute, of the annotations that have an apex
    apex_bias_s: float  #: mean
    offset_error_s: float

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(2 * self.found + self.missed + self.false, 1)


def overlaps(events: Sequence[Event], annotations: Sequence[Annotation]) -> NDArray[np.float64]:
    """Intersection over union (events, annotations); 1 for two equal moments."""
    a = np.array([(one.onset_s, one.offset_s) for one in events]).reshape(-1, 1, 2)
    b = np.array([(one.onset_s, one.offset_s) for one in annotations]).reshape(1, -1, 2)
    shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    union = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
    return np.asarray(np.where(union > 0, np.maximum(shared, 0) / np.maximum(union, 1e-12), shared == 0), np.float64)


def pairs(events: Sequence[Event], annotations: Sequence[Annotation]) -> list[tuple[int, int, float]]:
    """(event, annotation, overlap) of all that agree."""
    overlap = overlaps(events, annotations)
    gain = np.where(overlap >= LEAST_OVERLAP, 1 + overlap / (1 + len(events)), 0)
    chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return [(int(i), int(j), float(overlap[i, j])) for i, j in chosen if overlap[i, j] >= LEAST_OVERLAP]


def agreement(events: Sequence[Event], annotations: Sequence[Annotation]) -> Agreement:
    """Compare the events of a take with annotations of the same footage."""
    together = pairs(events, annotations)
    both = [(events[i], annotations[j]) for i, j, _ in together]
    apex = np.array([event.apex_s - coded.apex_s for event, coded in both])
    apex = apex[np.isfinite(apex)]
    return Agreement(
        found=len(together), missed=len(annotations) - len(together), false=len(events) - len(together),
        overlap=_mean([overlap for _, _, overlap in together]),
        onset_error_s=_mean([abs(event.onset_s - coded.onset_s) for event, coded in both]),
        apex_error_s=_mean(np.abs(apex)), apex_bias_s=_mean(apex),
        offset_error_s=_mean([abs(event.offset_s - coded.offset_s) for event, coded in both]),
    )  # fmt: skip


def _mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
