"""A Nostr feed from the simulated relay, through faults and kills, into PostgreSQL: nothing lost, nothing twice."""

from __future__ import annotations

import threading
import time

import pytest

from services.relay.crypto.secret import Secret
from services.relay.drops import classify
from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.sources.nostr import Nostr
from services.relay.sources.registry import Kind
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from services.relay.wires.nostr import WIRE, read_event
from services.solo.simulator import faults
from services.solo.simulator.nostr_server import NostrServer
from services.solo.simulator.nostr_stream import NostrStream
from services.solo.simulator.rhythm import daily
from services.solo.simulator.stream import Stream
from shared.config.settings import Settings
from shared.errors import FeedUnavailable
from shared.store import cursors
from shared.store.database import Database
from tests.support import nostr, texts
from tests.support.feed_unit import GAPS, REASONS, SHOWN, Unit
from tests.support.serving import serving
from tests.support.waiting import until

#: A page may end without a word: then the relay counts as stalled.
STALL_SECONDS = 2


def stream(history_seconds: int = 900, rate: float = 4) -> Stream:
    """``rate`` events a second at whatever time of the day the test runs."""
    anchor_us = time.time_ns() // 1_000 - history_seconds * 1_000_000
    return Stream(5, rate / daily(anchor_us), anchor_us, texts.corpus())


def spec(url: str) -> FeedSpec:
    return FeedSpec("nostr", "nostr", url, 0)


def truth(served: NostrStream, until_us: int) -> tuple[set[str], set[str]]:
    """Addresses of the posts up to then: (to be shown, to be gone)."""
    events = [event for _, event in served.between(served.stream.anchor_us, until_us)]
    gone = {tag[1] for event in events if event.kind == 5 for tag in event.tags if tag[0] == "e"}
    posts = {event.id for event in events if event.kind == 1}
    return {f"nostr:{key}" for key in posts - gone}, {f"nostr:{key}" for key in posts & gone}


def check(unit: Unit, served: NostrStream, until_us: int) -> None:
    shown, gone = truth(served, until_us)
    stored = unit.all(SHOWN)
    assert len(shown) > 100
    assert gone
    assert len(stored) == len(set(stored))
    later, gone_later = truth(served, time.time_ns() // 1_000)
    assert shown - set(stored) - gone_later == set(), "posts lost"
    assert set(stored) - later - gone_later == set(), "posts nobody wrote"
    assert set(stored) & gone == set(), "posts that were deleted"


@pytest.mark.parametrize(
    "spec_of_faults",
    [
        "",
        "duplicate:20,badid:40,badsig:60,notice:100,garbage:150,half:90,wrongtype:120,binary:300,oversize:900",
        "drop:400,noeose:40,closed:15",
    ],
)
def test_the_stored_posts_are_those_the_relay_holds(database: Database, spec_of_faults: str) -> None:
    told = NostrServer(stream(), faults=faults.parse(spec_of_faults), cap=60)
    settings = Settings(relay_batch_milliseconds=5, relay_stall_seconds=STALL_SECONDS)
    with serving(told):
        unit = Unit(database, spec(told.url), settings, told.stream.stream.anchor_us)
        with unit:
            target = time.time_ns() // 1_000
            until(lambda: unit.counters().position > target, 60)
        assert unit.all(GAPS) == []
        check(unit, told.stream, target)
    reasons = set(unit.all(REASONS))
    if "badid" in spec_of_faults:
        assert {"bad_id", "bad_signature", "not_json", "wrong_type", "binary", "oversize"} <= reasons
    else:
        assert reasons == set()


def test_a_unit_ended_and_begun_again_goes_on(database: Database) -> None:
    told = NostrServer(stream(), cap=40)
    with serving(told):
        unit = Unit(database, spec(told.url), Settings(relay_batch_milliseconds=5), told.stream.stream.anchor_us)
        for _ in range(3):
            before = unit.counters().events
            with unit:
                until(lambda before=before: unit.counters().events > before)
        with unit:
            target = time.time_ns() // 1_000
            until(lambda: unit.counters().position > target, 60)
        check(unit, told.stream, target)


@pytest.mark.parametrize("kill_after", [1, 38, 400])
def test_a_kill_between_pages_loses_nothing(database: Database, kill_after: int) -> None:
    # given a relay with more in a window than a page holds, and a reader killed after some frames are stored
    told = NostrServer(stream(900, rate=2), cap=37)
    begin_us = told.stream.stream.anchor_us
    ensure_feed(database, spec("ws://x"), Origin("nostr", WIRE, "x"), start_us=begin_us)

    def read(most: int | None) -> int:
        cursor = database.fetch(cursors.READ_CURSOR, {"feed": "nostr"})[0]
        clock = DatabaseClock()
        clock.set(cursor.now_us)
        pipeline = Pipeline(database, Origin("nostr", WIRE, "x"), clock, cursor.position, read_event)
        source = Nostr(told.url, max_frame_bytes=1 << 20, stall_seconds=5)
        source.open(cursor)
        target, seen, batch = time.time_ns() // 1_000, 0, list[Frame]()
        for frame in source.frames(threading.Event()):
            if frame is None:
                continue
            seen += 1
            batch.append(frame)
            if seen == most or len(batch) == 50 or frame.mark_us is not None:
                pipeline.process(batch)
                batch = []
            if seen == most or pipeline.position > target:
                break
        source.close()
        return pipeline.position

    with serving(told):
        killed_at = read(kill_after)
        # then the cursor claims nothing that is not stored
        shown, _ = truth(told.stream, killed_at)
        unit = Unit(database, spec(told.url), Settings(), begin_us)
        assert shown <= set(unit.all(SHOWN))
        read(None)
        check(unit, told.stream, time.time_ns() // 1_000 - 5_000_000)


def test_a_relay_that_keeps_refusing_a_stretch_leaves_a_gap_with_its_words(database: Database) -> None:
    told = NostrServer(stream(120, rate=12), faults=faults.parse("closed:1"))
    with serving(told):
        unit = Unit(database, spec(told.url), Settings(relay_batch_milliseconds=5), told.stream.stream.anchor_us)
        with unit:
            until(lambda: unit.all(GAPS))
        assert set(unit.all(GAPS)) == {"refused"}


def test_a_proof_is_given_where_it_is_asked_for_and_a_wrong_one_is_told(database: Database) -> None:
    told = NostrServer(stream(60, rate=12), challenge="who is there?")
    with serving(told):

        def nostr_of(url: str) -> Kind:
            source = Nostr(url, max_frame_bytes=1 << 20, stall_seconds=5, key=nostr.secret(1))
            return Kind(lambda _spec, _settings: source, read_event)

        kind = nostr_of(told.url)
        unit = Unit(database, spec(told.url), Settings(), told.stream.stream.anchor_us, kind)
        with unit:
            target = time.time_ns() // 1_000
            until(lambda: unit.counters().position > target)

        told.welcomes = False
        source = Nostr(told.url, max_frame_bytes=1 << 20, stall_seconds=5, key=Secret(b"\x01" * 32))
        source.open(database.fetch(cursors.READ_CURSOR, {"feed": "nostr"})[0])
        assert [frame for frame in source.frames(threading.Event()) if frame is not None] == []
        source.close()
        drop = classify(source.ending(0))
        assert drop.cause == "refused"
        assert "does not accept our key: restricted: not on the list" in drop.reason


def test_a_relay_that_is_not_there_is_unavailable(database: Database) -> None:
    source = Nostr("ws://127.0.0.1:9", max_frame_bytes=1_000, stall_seconds=5)
    ensure_feed(database, spec("ws://x"), Origin("nostr", WIRE, "x"), start_us=0)
    with pytest.raises(FeedUnavailable):
        source.open(database.fetch(cursors.READ_CURSOR, {"feed": "nostr"})[0])
    assert classify(source.ending(0)).cause == "refused"
