# SPDX-License-Identifier: GPL-3.0-or-later
"""Order, errors and how far ahead the crew works."""

import threading
import time
from collections.abc import Iterator

import pytest
from microface.backend.crew import in_order


def test_results_come_in_order_though_later_ones_are_done_first() -> None:
    def work(job: int) -> int:
        time.sleep(0.02 if job % 2 == 0 else 0)
        return job * job

    assert list(in_order(work, range(20))) == [k * k for k in range(20)]


def test_two_jobs_are_worked_on_at_once() -> None:
    both = threading.Barrier(2, timeout=20)  # broken if only one ever comes
    assert list(in_order(lambda job: both.wait() >= 0, range(4))) == [True] * 4


def test_only_a_few_jobs_are_drawn_ahead() -> None:
    drawn: list[int] = []

    def jobs() -> Iterator[int]:
        for k in range(50):
            drawn.append(k)
            yield k

    results = in_order(lambda job: job, jobs(), hands=2)
    assert next(results) == 0
    assert len(drawn) == 3
    results.close()  # type: ignore[attr-defined]
    assert len(drawn) == 3


def test_an_error_reaches_the_caller_in_its_turn() -> None:
    def work(job: int) -> int:
        if job == 3:
            raise ValueError("the third")
        return job

    results = in_order(work, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(results)
