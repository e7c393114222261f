from __future__ import annotations

from collections import Counter

import pytest

from services.solo.simulator.stream import Stream
from tests.support import jetstream
from tests.support.jetstream import AccountFrame, CommitFrame, Create, Delete
from tests.unit.solo.simulator.conftest import ANCHOR_US

MINUTE_US = 60_000_000


@pytest.fixture(scope="module")
def frames(stream: Stream) -> list[jetstream.Frame]:
    """Twenty minutes of people who come and go."""
    return [jetstream.decode(event.frame) for event in stream.between(ANCHOR_US, ANCHOR_US + 20 * MINUTE_US)]


def test_who_has_left_does_nothing_more_and_had_written_before(frames: list[jetstream.Frame]) -> None:
    left: dict[str, int] = {}
    wrote: Counter[str] = Counter()
    for frame in frames:
        if isinstance(frame, AccountFrame):
            active = frame.account.active or frame.account.status in ("desynchronized", "throttled")
            assert not (active and frame.did in left), "nobody comes back"
            if not active:
                left.setdefault(frame.did, wrote[frame.did])
            continue
        assert frame.did not in left, "nobody goes on after leaving, not even deleting"
        if isinstance(frame, CommitFrame) and isinstance(frame.commit, Create):
            wrote[frame.did] += frame.commit.collection == "app.bsky.feed.post"
    assert sum(left.values()) > 25


def test_all_statuses_of_the_protocol_are_served(frames: list[jetstream.Frame]) -> None:
    said = Counter(frame.account.status for frame in frames if isinstance(frame, AccountFrame))
    assert set(said) == {None, "deleted", "takendown", "deactivated", "suspended", "desynchronized", "throttled"}
    assert said[None] > 0.7 * said.total()


def test_the_ledger_tells_who_is_gone_for_good(stream: Stream, frames: list[jetstream.Frame]) -> None:
    gone = [
        (frame.did, frame.time_us)
        for frame in frames
        if isinstance(frame, AccountFrame) and frame.account.status in ("deleted", "takendown")
    ]
    assert list(stream.ledger.departures(ANCHOR_US, ANCHOR_US + 20 * MINUTE_US)) == gone
    assert gone


def test_posts_of_newcomers_are_deleted_by_nobody(stream: Stream, frames: list[jetstream.Frame]) -> None:
    newcomers = {stream.conversation.population.did(stream.conversation._leavers.writer(s)) for s in range(20 * 60)}
    wrote = Counter(
        type(frame.commit).__name__
        for frame in frames
        if isinstance(frame, CommitFrame) and frame.did in newcomers and not isinstance(frame.commit, Delete)
    )
    assert wrote["Create"] > 100
    assert not any(
        isinstance(frame, CommitFrame) and isinstance(frame.commit, Delete) and frame.did in newcomers
        for frame in frames
    )
