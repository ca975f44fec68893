# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of real footage whose frames were looked at one by one: still faces show none, blinks are named and no expressions."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from microface.backend.pipeline import reconstruct
from microface.backend.types import Event, Settings

pytestmark = pytest.mark.long

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Seen:
    """What a person sees in a video, by frames [a, b).

    Attributes:
        still: nothing but lids and eyes moves.
        blinks: the lids close and open.
        lowered: lids and eyes go down and stay there for longer, or go half way.
        talks: the mouth does.
    """

    still: Spans = ()
    blinks: Spans = ()
    lowered: Spans = ()
    talks: Spans = ()


VIDEOS = {
    # neutral, then a smile to the end
    "single_face.mp4": Seen(still=((0, 16),), blinks=((24, 31),)),
    "face_noface.mov": Seen(still=((0, 16),), blinks=((24, 31),)),
    # "bin blue at f 2 now", "lay blue at x 4 now", "lay red with p 9 again": three seconds each
    "bbaf2n.mpg": Seen(still=((0, 9), (62, 75)), blinks=((41, 48), (49, 63)), talks=((9, 62),)),
    "lbax4n.mpg": Seen(still=((61, 75),), blinks=((26, 33),), talks=((0, 58),)),
    "lrwp9a.mpg": Seen(still=((0, 5), (58, 64)), lowered=((33, 44), (64, 75)), talks=((5, 58),)),
    # weeps behind a hand, smiles, laughs: never still
    "WolfgangLanger_Pexels.mp4": Seen(blinks=((286, 291),)),
}


@pytest.fixture(scope="module", params=VIDEOS)
def watched(request: pytest.FixtureRequest, shared: Path, built: None) -> tuple[Seen, list[float], tuple[Event, ...]]:
    """What is seen, the frames' times and the events that are told."""
    take = reconstruct(shared / "data" / "video" / request.param, Settings(device="cpu"), lambda stage, share: None)
    return VIDEOS[request.param], take.time_s.tolist(), take.events


def test_events_are_what_is_seen(watched: tuple[Seen, list[float], tuple[Event, ...]]) -> None:
    seen, time_s, events = watched
    shown = [event for event in events if event.kind in ("micro", "macro")]
    for span in seen.still:
        assert [event for event in shown if _within(event, span, time_s)] == [], f"in the still frames {span}"
    for span in seen.talks:
        short = [event for event in shown if event.kind == "micro" and _within(event, span, time_s)]
        assert [event for event in short if event.units[0].removeprefix("-").startswith(("mouth", "jaw"))] == []
    for span in (*seen.blinks, *seen.lowered):
        eyes = [event for event in shown if event.kind == "micro" and _within(event, span, time_s) and _of_eyes(event)]
        assert eyes == [], f"lids that close in frames {span} are no micro-expression"
    for span in seen.blinks:
        assert any(event.kind == "blink" and _within(event, span, time_s) for event in events), f"blink {span}"


def _within(event: Event, span: tuple[int, int], time_s: list[float]) -> bool:
    """Whether an event is at its height in frames [a, b)."""
    return time_s[span[0]] <= event.apex_s <= time_s[span[1] - 1]


def _of_eyes(event: Event) -> bool:
    return any(unit.removeprefix("-").startswith(("eye", "brow")) for unit in event.units)
