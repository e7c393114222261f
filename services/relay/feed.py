"""One feed's three threads (reader, runner, reporter) and what they share."""

from __future__ import annotations

import threading
from typing import Protocol

from services.relay import reader, report, rereader
from services.relay.backoff import Backoff
from services.relay.frames import FrameQueue
from services.relay.pipeline import runner
from services.relay.pipeline.store import Origin
from services.relay.rereading import Desk
from services.relay.sources.registry import Kind
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock, FeedState
from shared.config.settings import Settings
from shared.store import cursors
from shared.store.database import Database


class Publishing(runner.Publishing, report.Publishing, Protocol):
    """What a feed needs of the publish stage."""


def first_feed(settings: Settings) -> FeedSpec | None:
    """The feed the settings name, if they do. Its id is its name, so its cursor survives a change of host."""
    if not settings.feed_url:
        return None
    return FeedSpec(
        settings.feed_name or settings.feed_kind, settings.feed_kind, settings.feed_url, settings.feed_backfill_minutes
    )


def ensure_feed(database: Database, spec: FeedSpec, origin: Origin, start_us: int | None = None) -> cursors.Cursor:
    """The feed's rows, made where missing; where its cursor stands. Raises StoreUnavailable."""
    row = {"feed": spec.id, "kind": spec.kind, "url": spec.url, "backfill_minutes": spec.backfill_minutes}
    begin = {"feed": spec.id, "wire": origin.wire, "host": origin.host, "start_us": start_us}
    with database.transaction() as transaction:
        transaction.execute(cursors.ENSURE_FEED, row)
        transaction.execute(cursors.ENSURE_CURSOR, {**begin, "backfill_minutes": spec.backfill_minutes})
        return transaction.fetch(cursors.READ_CURSOR, {"feed": spec.id})[0]


class FeedUnit:
    """Runs one feed until its ``stop`` is set."""

    def __init__(
        self,
        spec: FeedSpec,
        kind: Kind,
        settings: Settings,
        database: Database,
        embedding: runner.Embedding,
        publishing: Publishing,
        stop: threading.Event,
        backoff: Backoff | None = None,
    ) -> None:
        source = kind.source(spec, settings)
        origin = Origin(spec.id, source.wire, source.host)
        cursor = ensure_feed(database, spec, origin)
        clock = DatabaseClock()
        clock.set(cursor.now_us)
        self.state = FeedState(clock)
        self.queue = FrameQueue(settings.relay_queue_events)
        self._stop, desk = stop, Desk()
        self._reader = reader.Reader(
            spec.id, source, self.queue, self.state, database, stop, backoff, rereads=kind.rereads
        )
        self._runner = runner.Runner(
            runner.Pipeline(database, origin, clock, cursor.position, kind.read, cursor.host),
            self.queue,
            self.state,
            embedding,
            publishing,
            batch_events=settings.relay_batch_events,
            batch_seconds=settings.relay_batch_milliseconds / 1e3,
            stop=stop,
            desk=desk,
        )
        self._reporter = report.FeedReporter(spec.id, self.state, database, publishing, stop)
        work = [("read", self._reader.run), ("store", self._runner.run), ("report", self._reporter.run)]
        if kind.rereads:
            again = rereader.Rereader(spec.id, lambda: kind.source(spec, settings), desk, database, stop)
            work.append(("reread", again.run))
        self._threads = [
            threading.Thread(target=target, name=f"relay-{name}-{spec.id}", daemon=True) for name, target in work
        ]

    def start(self) -> None:
        """Begin reading."""
        for thread in self._threads:
            thread.start()

    def alive(self) -> bool:
        """Whether all threads run; one that died is a defect, and the unit must be restarted."""
        return all(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """After ``stop``: wait until what was read is durable, or the time for it has passed."""
        for thread in self._threads:
            thread.join(timeout=runner.DRAIN_SECONDS + 6.0)
