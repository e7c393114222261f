"""What the relay's integration tests share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from services.relay.backoff import Backoff
from services.relay.feed import FeedUnit, ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin, Outcome
from services.relay.sources.registry import kind_of
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import cursors
from shared.store.database import Database, Statement
from tests.support import wire
from tests.support.scripted_feed import ScriptedFeed, scripted_feed

ORIGIN = Origin("jetstream", "jetstream/1", "feed.example")
SPEC = FeedSpec("jetstream", "jetstream", "wss://feed.example/subscribe", 0)


class TextRow(Schema, frozen=True, kw_only=True):
    text: str


TEXTS = Statement("SELECT text FROM post ORDER BY event_time", TextRow)

Feeder = Callable[..., list[Outcome]]


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """The real pipeline over a database of its own, its cursor before every test event."""
    cursor = ensure_feed(database, SPEC, ORIGIN, start_us=wire.T0 - 60 * wire.SECOND)
    return Pipeline(database, ORIGIN, DatabaseClock(), cursor.position)


@pytest.fixture
def feed(pipeline: Pipeline) -> Feeder:
    """Stores events (or raw frames) as one batch."""

    def send(*events: dict[str, Any] | bytes) -> list[Outcome]:
        raw = [event if isinstance(event, bytes) else wire.encode(event) for event in events]
        return [outcome for _, outcome in pipeline.process([Frame(data, len(data)) for data in raw])]

    return send


class Sink:
    """Stands in for the embed and publish stages and keeps what they are told."""

    def __init__(self) -> None:
        self.woken = 0
        self.gone: list[Any] = []
        self.published: list[Any] = []
        self.feeds: list[Any] = []

    def wake(self) -> None:
        self.woken += 1

    def posts(self, _feed: str, posts: Any) -> None:
        self.published += posts

    def deleted(self, posts: Any) -> None:
        self.gone += posts

    def feed(self, feed: Any) -> None:
        self.feeds.append(feed)


class Running:
    """A feed unit that reads a scripted feed into a database of its own."""

    def __init__(self, database: Database, settings: Settings, url: str) -> None:
        self.database, self.settings, self.url, self.sink = database, settings, url, Sink()
        self.options: dict[str, Any] = {}
        self._stop = threading.Event()
        self.unit: FeedUnit | None = None

    def start(self, **changes: Any) -> FeedUnit:
        settings = msgspec.structs.replace(self.settings, **changes)
        spec = FeedSpec("jetstream", "jetstream", self.url, 0, self.options)
        # Test events lie in the past: the feed begins before the first of them.
        ensure_feed(self.database, spec, ORIGIN, start_us=wire.T0 - 60 * wire.SECOND)
        self._stop = threading.Event()
        self.backoff = Backoff(0.02, 0.05)
        parts = (kind_of(spec), settings, self.database, self.sink, self.sink, self._stop, self.backoff)
        self.unit = FeedUnit(spec, *parts)
        self.unit.start()
        return self.unit

    def stop(self) -> None:
        self._stop.set()
        if self.unit is not None:
            self.unit.join()
            self.unit = None

    def counters(self) -> cursors.Counters:
        found = self.database.fetch_one(cursors.COUNTERS, {"feed": "jetstream"})
        assert found is not None
        return found

    def texts(self) -> list[str]:
        return [row.text for row in self.database.fetch(TEXTS)]


@pytest.fixture
def scripted() -> Iterator[ScriptedFeed]:
    with scripted_feed() as feed:
        yield feed


@pytest.fixture
def running(database: Database, scripted: ScriptedFeed) -> Iterator[Running]:
    settings = Settings(relay_batch_milliseconds=5, relay_stall_seconds=2, feed_backfill_minutes=0)
    running = Running(database, settings, scripted.url)
    yield running
    running.stop()
