"""Feeds as rows: the running relay follows them, each feed by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import pytest

from services.relay.reader import Reader
from services.relay.sources.jetstream import Jetstream
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.schemas.feed import Feed, FeedDrop
from shared.store import cursors, drops, feed_rows, feeds
from shared.store.database import Command, Database, Statement
from tests.support import records, wire
from tests.support.relay import Relay
from tests.support.scripted_feed import Script, ScriptedFeed, scripted_feed
from tests.support.waiting import until
from tests.support.wire import SECOND


class UriRow(Schema, frozen=True, kw_only=True):
    uri: str


class CountRow(Schema, frozen=True, kw_only=True):
    rows: int


URIS = Statement("SELECT uri FROM post WHERE feed = %(feed)s ORDER BY uri", UriRow)
#: The relay has closed the feed.
CLOSED = Statement("SELECT 1 AS rows FROM feed_report WHERE feed = %(feed)s AND status = 'paused'", CountRow)
#: Everything that must go with a feed.
LEFT = Statement(
    """SELECT (SELECT count(*) FROM post) + (SELECT count(*) FROM feed) + (SELECT count(*) FROM feed_cursor)
            + (SELECT count(*) FROM feed_drop) + (SELECT count(*) FROM feed_gap) + (SELECT count(*) FROM feed_minute)
            + (SELECT count(*) FROM feed_report) + (SELECT count(*) FROM post_deletion)
            + (SELECT count(*) FROM embedding_pending) + (SELECT count(*) FROM reaction) AS rows""",
    CountRow,
)


class World:
    """A database, a running relay, and rows changed as the API changes them."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self.base_us = int(time.time()) * SECOND - 1_800 * SECOND

    def add(self, feed: str, url: str, **more: Any) -> None:
        row = {
            "id": feed,
            "kind": "jetstream",
            "url": url,
            "backfill_minutes": 60,
            "options": "{}",
            "queue_events": None,
            "queue_bytes": None,
            "enabled": True,
        }
        assert self.database.execute(feed_rows.ADD, row | more)

    def change(self, feed: str, assignment: str) -> None:
        sql = f"UPDATE feed SET {assignment} WHERE id = %(feed)s"  # noqa: S608 - the test's own words
        self.database.execute(Command(sql), {"feed": feed})

    def story(self, author: int, start: int, end: int) -> list[dict[str, Any]]:
        return [wire.post(author, f"p{n:05d}", self.base_us + n * SECOND // 10, f"post {n}") for n in range(start, end)]

    def stored(self, feed: str) -> list[str]:
        return [row.uri for row in self.database.fetch(URIS, {"feed": feed})]

    def has(self, feed: str, author: int, number: int) -> None:
        """Waits until exactly the posts 0 to ``number`` of ``author`` are stored."""
        wanted = [wire.uri(author, f"p{n:05d}") for n in range(number)]
        until(lambda: len(self.stored(feed)) >= number, 60, f"{number} posts of {feed}")
        assert self.stored(feed) == wanted

    def feed(self, feed: str) -> Feed:
        found = self.database.fetch_one(feeds.ONE, {"feed": feed})
        assert found is not None
        return found

    def drops(self, feed: str) -> list[FeedDrop]:
        return self.database.fetch(drops.OF_FEED, {"feed": feed, "before": None, "limit": 50})

    def events(self, feed: str) -> int:
        found = self.database.fetch_one(cursors.COUNTERS, {"feed": feed})
        return found.events if found else 0


@pytest.fixture
def world(database: Database, postgres_url: str, valkey_url: str) -> World:
    return World(database, Settings(postgres_url=postgres_url, valkey_url=valkey_url, relay_batch_milliseconds=5))


@pytest.fixture
def two() -> Iterator[tuple[ScriptedFeed, ScriptedFeed]]:
    with ExitStack() as stack:
        yield stack.enter_context(scripted_feed()), stack.enter_context(scripted_feed())


@contextmanager
def relay(world: World, **changes: Any) -> Iterator[Relay]:
    with Relay(msgspec.structs.replace(world.settings, **changes)) as running:
        yield running
        assert running.code is None, "the relay must outlive whatever happens to a feed"


def test_feeds_are_added_paused_resumed_changed_and_removed_without_a_restart(
    world: World, two: tuple[ScriptedFeed, ScriptedFeed]
) -> None:
    first, second = two
    first.emit(*world.story(1, 0, 50))
    second.emit(*world.story(2, 0, 30))
    with relay(world, feed_url=first.url, feed_name="first"):
        world.has("first", 1, 50)
        assert world.feed("first").managed == "settings"
        # added
        world.add("second", second.url)
        world.has("second", 2, 30)
        # paused: its connection ends, what comes meanwhile waits at the feed
        world.change("second", "enabled = false")
        until(lambda: world.database.fetch(CLOSED, {"feed": "second"}))
        assert world.feed("second").status == "paused"
        second.emit(*world.story(2, 30, 60))
        first.emit(*world.story(1, 50, 60))
        world.has("first", 1, 60)
        assert len(world.stored("second")) == 30
        # resumed: from where it was
        world.change("second", "enabled = true")
        world.has("second", 2, 60)
        # changed: opened anew at the other address
        with scripted_feed() as moved:
            moved.emit(*world.story(2, 0, 80))
            world.change("second", f"url = '{moved.url}'")
            world.has("second", 2, 80)
            # removed: everything of it goes, nothing of the other
            world.database.execute(feed_rows.MARK_FOR_REMOVAL, {"feed": "second"})
            until(lambda: world.database.fetch_one(feeds.ONE, {"feed": "second"}) is None)
        assert world.stored("second") == []
        world.has("first", 1, 60)
        # and all the time the first had its one connection
        assert len(first.cursors) == 1


def test_a_removal_takes_all_that_hangs_on_the_feed_and_survives_a_restart(
    world: World, scripted: ScriptedFeed
) -> None:
    scripted.emit(
        *world.story(1, 0, 40),
        wire.like(9, "l", world.base_us + 9 * SECOND, wire.uri(1, "p00001")),
        wire.delete(1, "p00000", world.base_us + 10 * SECOND),
    )
    world.add("gone", scripted.url)
    with relay(world):
        until(lambda: world.events("gone") == 42)
    # given that nobody runs when it is asked for, and something interrupts it half-way
    world.database.execute(feed_rows.MARK_FOR_REMOVAL, {"feed": "gone"})
    removed = world.database.fetch(feed_rows.REMOVE_POSTS, {"feed": "gone", "limit": 15})
    assert len(removed) == 15
    to_go = world.database.fetch(Statement("SELECT post AS id FROM vector_removal", feed_rows.GonePost))
    assert {row.id for row in to_go} >= {row.id for row in removed}
    assert world.feed("gone").status == "removing"
    with relay(world):
        until(lambda: world.database.fetch(LEFT)[0].rows == 0)


def test_posts_are_only_removed_from_a_feed_marked_for_it(world: World) -> None:
    records.put_feed(world.database, "kept")
    records.put_post(world.database, "p1", feed="kept")
    assert world.database.fetch(feed_rows.REMOVE_POSTS, {"feed": "kept", "limit": 10}) == []
    assert world.database.execute(feed_rows.REMOVE, {"feed": "kept"}) == 0


def test_one_feeds_failure_is_shown_on_it_and_the_others_go_on(
    world: World, scripted: ScriptedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a feed of no known kind, one with an option that nobody reads, one whose source has a defect
    broken = {"on": True}
    frames = Jetstream.frames

    def defective(self: Jetstream, stop: Any) -> Any:
        if broken["on"] and "/broken" in self._hosts.url:
            raise TypeError("a defect")
        return frames(self, stop)

    monkeypatch.setattr(Jetstream, "frames", defective)
    scripted.emit(*world.story(1, 0, 20))
    world.add("good", scripted.url)
    world.add("pigeon", "ws://127.0.0.1:1", kind="pigeon")
    world.add("option", "ws://127.0.0.1:1", options='{"colour": "red"}')
    world.add("defect", scripted.url.replace("/subscribe", "/broken"))
    with relay(world):
        world.has("good", 1, 20)
        for feed, why in (("pigeon", "pigeon"), ("option", "`colour`"), ("defect", "TypeError (a defect)")):
            found = until(lambda feed=feed: (seen := world.feed(feed)).status == "failed" and seen)
            assert why in found.reason
            assert "tried again in" in found.reason
        # when what was wrong is mended, then it is read, and the good one never noticed
        broken["on"] = False
        world.change("option", f"options = '{{}}', url = '{scripted.url}'")
        until(lambda: world.feed("option").status != "failed" and world.feed("defect").status != "failed")
        until(lambda: world.events("defect") == 20)
        scripted.emit(*world.story(1, 20, 30))
        until(lambda: world.events("good") == 30)


def test_a_thread_that_dies_takes_its_feed_along_and_it_comes_back(
    world: World, two: tuple[ScriptedFeed, ScriptedFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    first.emit(*world.story(1, 0, 10))
    second.emit(*world.story(2, 0, 10))
    world.add("first", first.url)
    world.add("second", second.url)
    resume = Reader._resume
    failed = []

    def once(self: Reader, *given: Any) -> Any:
        if self._feed == "second" and not failed:
            failed.append(True)
            raise RuntimeError("a defect in the reader")
        return resume(self, *given)

    monkeypatch.setattr(Reader, "_resume", once)
    with relay(world):
        world.has("first", 1, 10)
        world.has("second", 2, 10)
        assert failed
        assert len(first.cursors) == 1


def test_no_more_feeds_than_may_be_are_read_and_the_settings_feed_comes_first(
    world: World, two: tuple[ScriptedFeed, ScriptedFeed]
) -> None:
    first, second = two
    first.emit(*world.story(1, 0, 5))
    second.emit(*world.story(2, 0, 5))
    world.add("early", second.url)
    with relay(world, feed_url=first.url, feed_name="first", relay_max_feeds=1):
        world.has("first", 1, 5)
        until(lambda: world.feed("early").status == "failed" and "At most 1" in str(world.feed("early").reason))
        world.change("first", "enabled = false")
        world.has("early", 2, 5)


def test_what_the_settings_name_no_more_is_paused_and_the_operators(world: World, scripted: ScriptedFeed) -> None:
    scripted.emit(*world.story(1, 0, 5))
    with relay(world, feed_url=scripted.url, feed_name="old"):
        world.has("old", 1, 5)
    with relay(world, feed_url=scripted.url, feed_name="new"):
        until(lambda: world.events("new") == 5)
        assert (world.feed("old").status, world.feed("old").managed) == ("paused", "operator")
    # a pause by the operator outlives a restart
    world.change("new", "enabled = false")
    with relay(world, feed_url=scripted.url, feed_name="new"):
        until(lambda: len(world.stored("old")) == 5)
        assert world.feed("new").status == "paused"


def test_a_recording_is_nobodys_to_open(world: World, scripted: ScriptedFeed) -> None:
    records.put_feed(world.database, "file-x", status="ended")
    world.change("file-x", f"kind = 'jetstream', managed = 'replay', url = '{scripted.url}'")
    world.add("other", scripted.url)
    with relay(world):
        scripted.wait_for_connections(1)
        until(lambda: world.feed("other").status != "starting")
        assert len(scripted.cursors) == 1
        assert world.feed("file-x").status == "ended"


def test_a_feed_that_has_no_more_is_opened_once_and_says_so(
    world: World, scripted: ScriptedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Jetstream.ending
    monkeypatch.setattr(
        Jetstream, "ending", lambda self, held: msgspec.structs.replace(ending(self, held), finished=True)
    )
    scripted.emit(*world.story(1, 0, 5))
    scripted.plan(Script(after=5, then=1000))
    world.add("a", scripted.url)
    with relay(world):
        world.has("a", 1, 5)
        ended = until(lambda: (seen := world.feed("a")).status == "ended" and seen)
        assert ended.reason == "The recording has been read to its end."
        assert len(scripted.cursors) == 1
        assert world.drops("a") == []
    # what has ended does not become unreachable when the relay is gone
    world.database.execute(Command("UPDATE feed_report SET reported_at = now() - interval '1 hour'"))
    assert world.feed("a").status == "ended"


def test_interruptions_are_recorded_with_their_evidence(world: World, scripted: ScriptedFeed) -> None:
    scripted.emit(*world.story(1, 0, 20))
    scripted.plan(
        Script(after=5, then=1008), Script(then="reject"), Script(then="reject"), Script(after=3, then="drop")
    )
    world.add("a", scripted.url)
    with relay(world):
        world.has("a", 1, 20)
        lost, kicked = until(lambda: len(found := world.drops("a")) == 2 and found[0].reconnected_at and found)
    assert (kicked.cause, kicked.code, kicked.detail, kicked.attempts) == ("kicked", 1008, "scripted", 2)
    # lost without a word while far behind: probably dropped for being slow
    assert (lost.cause, lost.code, lost.attempts) == ("kicked", 1006, 0)
    assert kicked.connected_at < kicked.ended_at < kicked.reconnected_at
    # stored by then: the five events of the connection before
    assert round(lost.event_time.timestamp() * SECOND) == world.base_us + 4 * SECOND // 10
    assert kicked.idle_seconds is not None


def test_interruptions_are_bounded(world: World) -> None:
    records.put_feed(world.database, "a")
    row = {"feed": "a", "cause": "network", "code": None, "detail": "", "evidence": "{}", "attempts": 0}
    row |= {"position": None, "connected_us": None, "reconnected_us": None}
    with world.database.transaction() as transaction:
        for number in range(drops.KEPT + 20):
            identity = f"00000000-0000-4000-8000-{number:012d}"
            transaction.execute(drops.PUT, row | {"id": identity, "ended_us": world.base_us + number})
        assert transaction.execute(drops.TRIM, {"feed": "a"}) == 20
        assert transaction.execute(drops.TRIM, {"feed": "a"}) == 0
