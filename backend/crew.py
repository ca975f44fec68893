# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on a stream with more than one core, in order and in constant memory.

Threads are enough: what takes the time lets go of Python's lock (decoding, filters, sampling, algebra, the nets).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

HANDS = 2

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(work: Callable[[Job], Result], jobs: Iterable[Job], hands: int = HANDS) -> Iterator[Result]:
    """Yield work(job) of every job in order; at most `hands` jobs are ahead of the one that is waited for.

    Jobs are drawn in the caller's thread while the hands work.
    """
    with ThreadPoolExecutor(hands, "microface") as crew:
        begun: deque[Future[Result]] = deque()
        for job in jobs:
            begun.append(crew.submit(work, job))
            if len(begun) > hands:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
