"""Queue, backoff, drops, state and address: the relay's parts without I/O."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.relay.backoff import Backoff
from services.relay.drops import Ending, classify
from services.relay.frames import Frame, FrameQueue
from services.relay.reader import Holds
from services.relay.sources.jetstream_address import V1
from services.relay.sources.registry import kind_of
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock, FeedState
from shared.errors import ConfigurationError


def frame(size: int = 10) -> Frame:
    return Frame(b"x" * size, size)


def test_a_full_queue_takes_nothing_more_until_frames_leave() -> None:
    queue = FrameQueue(3)
    assert [queue.put(frame(), 0) for _ in range(4)] == [True, True, True, False]
    assert len(queue.take(2, 0, 0)) == 2
    assert queue.put(frame(), 0)


def test_the_queue_is_bounded_in_bytes_too() -> None:
    queue = FrameQueue(1_000, max_bytes=25)
    assert [queue.put(frame(10), 0) for _ in range(4)] == [True, True, True, False]
    queue.take(1, 0, 0)
    assert queue.waiting_bytes == 20


def test_frames_are_durable_only_when_said_so() -> None:
    queue = FrameQueue(3)
    assert queue.wait_until_durable(0)
    queue.put(frame(), 0)
    assert not queue.wait_until_durable(0)
    queue.take(9, 0, 0)
    assert not queue.wait_until_durable(0)
    queue.done()
    assert queue.wait_until_durable(0)


def test_taking_waits_for_the_first_frame_and_ends_when_the_batch_is_full() -> None:
    queue = FrameQueue(100)
    assert queue.take(5, 0, 0) == []
    thread = threading.Thread(target=lambda: [queue.put(frame(), 1) for _ in range(5)])
    thread.start()
    taken = []
    while len(taken) < 5:
        taken += queue.take(5, 1.0, 5.0)
    thread.join()
    assert len(taken) == 5


def test_what_is_taken_knows_since_when_its_first_frame_waited() -> None:
    queue = FrameQueue(100)
    moments = [time.monotonic()]
    for _ in range(3):
        queue.put(frame(), 1)
        moments.append(time.monotonic())
    queue.take(2, 0, 1)
    assert moments[0] <= queue.taken_since <= moments[1]
    queue.take(2, 0, 1)
    assert moments[2] <= queue.taken_since <= moments[3]


def test_backoff_doubles_to_its_ceiling_and_is_reset_by_progress() -> None:
    backoff = Backoff(1.0, 10.0, draw=lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(5)] == [1, 2, 4, 8, 10]
    backoff.reset()
    assert backoff.next_seconds() == 1
    assert Backoff(1.0, 10.0, draw=lambda: 0.0).next_seconds() == 0


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        (Ending(code=1008, detail="invalid options"), "kicked"),
        (Ending(code=1009), "kicked"),
        (Ending(code=1001), "restart"),
        (Ending(code=1000, detail="bye"), "restart"),
        (Ending(code=1012), "restart"),
        (Ending(code=1013, detail="try again later"), "restart"),
        (Ending(code=1011), "restart"),
        (Ending(code=1005), "restart"),
        (Ending(code=1007), "kicked"),
        (Ending(lag_seconds=11), "kicked"),
        (Ending(lag_seconds=9, idle_seconds=30), "network"),
        (Ending(code=1006, lag_seconds=1), "network"),
        (Ending(code=1001, lag_seconds=600), "restart"),
        (Ending(stalled=True, idle_seconds=45, lag_seconds=600), "stall"),
        (Ending(held_seconds=6), "kicked"),
        (Ending(held_seconds=1, detail="reset"), "network"),
        (Ending(stalled=True, idle_seconds=45), "stall"),
        (Ending(refused=True, detail="refused"), "refused"),
    ],
)
def test_why_a_connection_ended(ending: Ending, cause: str) -> None:
    drop = classify(ending)
    assert drop.cause == cause
    assert drop.evidence["code"] == (1006 if ending.code is None else ending.code)
    assert drop.reason.endswith(".")


def test_a_drop_keeps_the_evidence_for_its_cause() -> None:
    ending = Ending(
        code=1013, detail="later", held_seconds=0.26, idle_seconds=7.04, lag_seconds=12.34, host="feed.example:443"
    )
    assert classify(ending).evidence == {
        "cause": "restart",
        "code": 1013,
        "detail": "later",
        "held_seconds": 0.3,
        "idle_seconds": 7.0,
        "lag_seconds": 12.3,
        "host": "feed.example:443",
    }


def test_lag_is_how_late_an_event_was_stored_and_not_how_quiet_the_feed_is() -> None:
    clock = DatabaseClock()
    now = time.time_ns() // 1_000
    clock.set(now)
    state = FeedState(clock)
    state.stored(1, now - 40_000_000)
    assert 40 <= state.behind_seconds < 60
    state.stored(1, now)
    clock.set(now + 600_000_000)
    assert state.behind_seconds < 20
    state.stored(5, None)
    assert state.behind_seconds < 20


def test_the_address_asked_for_keeps_the_operators_parameters() -> None:
    url = V1.query("wss://feed.example/subscribe?cursor=1&extra=a+b&wantedCollections=x&requireHello=true", 123, None)
    query = parse_qs(urlsplit(url).query)
    assert query["cursor"] == ["123"]
    assert query["extra"] == ["a b"]
    assert query["wantedCollections"] == ["app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"]
    assert "compress" not in query
    assert "requireHello" not in query


def test_a_feed_kind_nobody_speaks_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="jetstream"):
        kind_of(FeedSpec("birds", "carrier-pigeon", "ws://x", 0))


def test_the_state_tells_the_store_from_the_feed_and_the_lag_from_both() -> None:
    clock = DatabaseClock()
    now = time.time_ns() // 1_000
    clock.set(now)
    state = FeedState(clock)
    assert state.view().status == "starting"
    state.connected()
    state.stored(10, now)
    assert (state.view().status, state.view().rate) == ("live", 1.0)
    clock.set(now + 600_000_000)
    assert (state.view().status, state.view().reason) == ("catching_up", "10 minutes behind.")
    state.held(True)
    assert "reading waits" in str(state.view().reason)
    state.disconnected("The feed sent nothing for 45 s.", stalled=True)
    assert state.view().status == "stalled"
    state.disconnected("gone", stalled=False)
    assert (state.view().status, state.view().reason) == ("unreachable", "gone")
    state.store_away("connection refused")
    view: Any = state.view()
    assert view.status == "stalled"
    assert "PostgreSQL" in view.reason


def test_only_a_recent_hold_says_why_a_connection_ended() -> None:
    now = 100.0
    holds = Holds(lambda: now)
    assert holds.longest_seconds() == 0.0
    holds.add(9.0)
    now += 20
    holds.add(2.0)
    holds.add(3.0)
    # while the long one is recent it counts, then the longest after it
    assert holds.longest_seconds() == 9.0
    now += 11
    assert holds.longest_seconds() == 3.0
    now += 20
    assert holds.longest_seconds() == 0.0
