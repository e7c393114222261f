"""A feed unit against a scripted server: nothing lost, nothing doubled, whatever the connection does."""

from __future__ import annotations

import json

import pytest

from services.relay.frames import MAX_WAITING_BYTES
from shared.schemas.base import Schema
from shared.store import feeds
from shared.store.database import Command, Statement
from tests.integration.relay.conftest import Running
from tests.support import wire
from tests.support.scripted_feed import Script, ScriptedFeed
from tests.support.waiting import until
from tests.support.wire import SECOND, T0


class Row(Schema, frozen=True, kw_only=True):
    reason: str
    size: int
    raw: bytes


QUARANTINE = Statement("SELECT reason, size, raw FROM quarantine ORDER BY reason", Row)


class GapRow(Schema, frozen=True, kw_only=True):
    start_us: int
    end_us: int
    evidence: str


GAPS = Statement(
    """SELECT (extract(epoch FROM start_time) * 1000000)::bigint AS start_us,
              (extract(epoch FROM end_time) * 1000000)::bigint AS end_us, evidence::text AS evidence FROM feed_gap""",
    GapRow,
)


def story(number: int, start: int = 0) -> list[dict[str, object]]:
    return [wire.post(n % 7, f"p{n}", T0 + n * SECOND, f"post {n}") for n in range(start, start + number)]


def all_stored(running: Running, number: int) -> None:
    until(lambda: running.counters().posts >= number, what=f"{number} posts")
    assert running.texts() == [f"post {n}" for n in range(number)]
    assert running.counters().posts == number


def test_events_are_stored_offered_and_published(running: Running, scripted: ScriptedFeed) -> None:
    running.start()
    scripted.emit(*story(5), wire.like(9, "l", T0, wire.uri(0, "p0")))
    all_stored(running, 5)
    until(lambda: len(running.sink.published) == 5)
    assert running.sink.woken > 0
    assert scripted.queries[0]["wantedCollections"] == [wire.POST, wire.LIKE, wire.REPOST]
    until(lambda: running.counters().likes == 1)


@pytest.mark.parametrize("then", ["drop", 1000, 1001, 1008, "half", "stall"])
def test_reading_goes_on_after_the_connection_ends(running: Running, scripted: ScriptedFeed, then: str | int) -> None:
    # given a connection that ends after four of ten events
    scripted.emit(*story(10))
    scripted.plan(Script(after=4, then=then))
    running.start()
    # then the next one begins five seconds before the last event, and nothing is lost or doubled
    all_stored(running, 10)
    assert scripted.cursors[1] == T0 + (3 - 5) * SECOND
    assert running.counters().duplicates == 4
    assert running.database.fetch(GAPS) == []


def test_what_a_cut_off_frame_held_is_quarantined(running: Running, scripted: ScriptedFeed) -> None:
    scripted.emit(*story(3))
    scripted.plan(Script(after=1, then="half"))
    running.start()
    all_stored(running, 3)
    assert [(row.reason, row.raw) for row in running.database.fetch(QUARANTINE)] == [
        ("truncated", b'{"did":"did:plc:half')
    ]


def test_a_feed_that_forgot_leaves_a_gap_with_the_evidence(running: Running, scripted: ScriptedFeed) -> None:
    scripted.emit(*story(60))
    scripted.plan(Script(after=10, then="drop"), Script(from_us=T0 + 40 * SECOND))
    running.start()
    [gap] = until(lambda: running.database.fetch(GAPS))
    assert (gap.start_us, gap.end_us) == (T0 + 9 * SECOND, T0 + 40 * SECOND)
    evidence = json.loads(gap.evidence)
    assert (evidence["cause"], evidence["code"]) == ("network", 1006)


def test_an_unreachable_feed_is_a_state_and_not_a_crash(running: Running, scripted: ScriptedFeed) -> None:
    scripted.emit(*story(2))
    scripted.plan(*[Script(then="reject")] * 2)
    unit = running.start()
    scripted.wait_for_connections(2)
    all_stored(running, 2)
    assert unit.alive()
    running.stop()
    running.url = "ws://127.0.0.1:1/subscribe"
    unit = running.start()
    view = until(lambda: (seen := unit.state.view()).status == "unreachable" and seen)
    assert "refused" in view.reason.lower()
    assert unit.alive()


def test_attempts_are_spaced_until_there_is_progress(running: Running, scripted: ScriptedFeed) -> None:
    # given a feed that refuses, and then ends a connection that gave nothing: that is no progress
    scripted.plan(*[Script(then="reject")] * 3, Script(after=0, then="drop"), Script(after=3, then="drop"))
    running.start()
    scripted.wait_for_connections(5)
    assert running.backoff.attempts == 4
    # when a connection stored something before it ended, then the spacing begins anew
    scripted.emit(*story(3))
    scripted.wait_for_connections(6)
    assert running.backoff.attempts == 1


def test_the_feeds_state_is_reported_to_the_record_and_the_live_stream(
    running: Running, scripted: ScriptedFeed
) -> None:
    scripted.emit(*story(3))
    running.start()
    all_stored(running, 3)
    # the test's events lie in the past, so the feed is behind and says how far
    feed = until(lambda: [feed for feed in running.sink.feeds if feed.posts == 3 and feed.status == "catching_up"])[0]
    assert "behind" in feed.reason
    assert feed.last_event_time.timestamp() * SECOND == T0 + 2 * SECOND
    stored = running.database.fetch_one(feeds.ONE, {"feed": "jetstream"})
    assert stored is not None
    assert stored.status == "catching_up"


def test_a_restarted_relay_goes_on_from_the_stored_cursor(running: Running, scripted: ScriptedFeed) -> None:
    scripted.emit(*story(5))
    running.start()
    all_stored(running, 5)
    running.stop()
    scripted.emit(*story(5, start=5))
    running.start()
    all_stored(running, 10)
    assert scripted.cursors[-1] == T0 + (4 - 5) * SECOND


def test_every_kind_of_bad_frame_is_quarantined_and_the_stream_goes_on(
    running: Running, scripted: ScriptedFeed
) -> None:
    good = story(4)
    scripted.emit(good[0])
    scripted.emit_raw(T0, "{half a json")
    scripted.emit_raw(T0, b"\x28\xb5\x2f\xfd binary")
    scripted.emit(good[1])
    scripted.emit_raw(T0, '{"did":"did:plc:x","time_us":"soon","kind":"commit"}')
    scripted.emit_raw(T0, '{"pad":"' + "x" * 3_000_000 + '"}')
    scripted.emit(*good[2:])
    running.start(relay_max_frame_bytes=100_000)
    all_stored(running, 4)
    found = {row.reason: row for row in running.database.fetch(QUARANTINE)}
    assert set(found) == {"binary", "not_json", "oversize", "wrong_type"}
    assert found["oversize"].size == 3_000_010
    assert found["oversize"].raw == b'{"pad":"' + b"x" * (65_536 - 8)
    assert found["not_json"].raw == b"{half a json"
    assert running.counters().quarantined == 4
    # one connection carried all of it
    assert len(scripted.cursors) == 1


def test_a_full_queue_holds_the_feed_back_and_says_so(running: Running, scripted: ScriptedFeed) -> None:
    # given a store that is locked by someone else
    scripted.emit(*[wire.post(1, f"p{n}", T0 + n, "x" * 2_000) for n in range(8_000)])
    with running.database.transaction() as other:
        other.execute(LOCK)
        unit = running.start(relay_queue_events=100)
        # then the queue fills, reading stops and the state says why
        until(lambda: unit.state.view().status in ("catching_up", "stalled"))
        until(lambda: len(unit.queue) == 100)
        assert unit.queue.waiting_bytes < MAX_WAITING_BYTES
        sent = until(lambda: scripted.sent if len(unit.queue) == 100 else 0)
        assert sent < 8_000
    # and when the store is free again everything is stored
    until(lambda: running.counters().posts == 8_000, 60)
    assert unit.alive()


LOCK = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-ingest'))")
