"""One feed's three threads (reader, runner, reporter) and what they share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

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
from shared.contracts.shards import Shard
from shared.errors import GroundswellError
from shared.schemas.feed import Managed
from shared.store import cursors, feed_rows
from shared.store.database import Database, Transaction
from shared.telemetry import logs

#: After ``stop``, how long threads may take to end before they are left alone.
END_SECONDS = runner.DRAIN_SECONDS + 6.0


class Publishing(runner.Publishing, report.Publishing, Protocol):
    """What a feed needs of the publish stage."""


def first_feed(settings: Settings) -> FeedSpec | None:
    """The feed the settings name, if they do. Its id is its name, so its cursor survives a change of host.

    Of several relays each has its part of it, as a feed of its own.
    """
    if not settings.feed_url:
        return None
    name = settings.feed_name or settings.feed_kind
    options = msgspec.json.decode(settings.feed_options, type=dict[str, Any]) if settings.feed_options else {}
    place = place_of(settings)
    if place.count > 1:
        name, options = f"{name}-{place.index}-of-{place.count}", {**options, "shard": str(place)}
    return FeedSpec(name, settings.feed_kind, settings.feed_url, settings.feed_backfill_minutes, options)


def place_of(settings: Settings) -> Shard:
    """Which of how many relays this one is."""
    return Shard(settings.relay_shard, settings.relay_shards)


def ensure_feed(
    database: Database, spec: FeedSpec, origin: Origin, start_us: int | None = None, managed: Managed = "operator"
) -> cursors.Cursor:
    """The feed's rows, made where missing; where its cursor stands. Raises StoreUnavailable."""
    with database.transaction() as transaction:
        put_row(transaction, spec, managed)
        return _ensure_cursor(transaction, spec, origin, start_us)


def put_row(transaction: Transaction, spec: FeedSpec, managed: Managed) -> None:
    """The feed's row, as somebody other than the operator describes it."""
    row = {"feed": spec.id, "kind": spec.kind, "url": spec.url, "backfill_minutes": spec.backfill_minutes}
    options = msgspec.json.encode(spec.options).decode()
    transaction.execute(feed_rows.ENSURE, row | {"managed": managed, "options": options})


def _ensure_cursor(
    transaction: Transaction, spec: FeedSpec, origin: Origin, start_us: int | None = None
) -> cursors.Cursor:
    begin = {"feed": spec.id, "wire": origin.wire, "host": origin.host, "start_us": start_us}
    transaction.execute(cursors.ENSURE_CURSOR, {**begin, "backfill_minutes": spec.backfill_minutes})
    return transaction.fetch(cursors.READ_CURSOR, {"feed": spec.id})[0]


class FeedUnit:
    """Runs one feed, whose row there is, until its ``stop`` is set.

    ``turn`` is held while a batch is stored. A thread that fails ends the unit with ``failure``.
    """

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
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        source = kind.source(spec, settings)
        origin = Origin(spec.id, source.wire, source.host)
        with database.transaction() as transaction:
            cursor = _ensure_cursor(transaction, spec, origin)
        clock = DatabaseClock()
        clock.set(cursor.now_us)
        self.failure: str | None = None
        self.state = FeedState(clock, spec.id, cursor.position if cursor.events else None)
        self.queue = FrameQueue(
            spec.queue_events or settings.relay_queue_events, spec.queue_bytes or settings.relay_queue_bytes
        )
        self._feed, self._stop, desk = spec.id, stop, Desk()
        self._reader = reader.Reader(
            spec.id, source, self.queue, self.state, database, stop, backoff, rereads=kind.rereads
        )
        self._runner = runner.Runner(
            runner.Pipeline(database, origin, clock, cursor.position, kind.read, turn, cursor.host, spec.shard),
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
            threading.Thread(target=self._guard, args=(name, run), name=f"relay-{name}-{spec.id}", daemon=True)
            for name, run in work
        ]

    def start(self) -> None:
        """Begin reading."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin to end: what is queued is still stored, for a moment."""
        self._stop.set()

    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def ended(self) -> bool:
        """Whether no thread runs."""
        return not any(thread.is_alive() for thread in self._threads)

    def join(self, timeout: float = END_SECONDS) -> None:
        """After ``stop``: wait until what was read is durable, or ``timeout`` has passed for a thread."""
        for thread in self._threads:
            thread.join(timeout=timeout)

    def _guard(self, name: str, work: Callable[[], None]) -> None:
        """A thread that ends unasked takes the others along: half a feed would lose or stand still."""
        try:
            work()
        except Exception as error:
            self.failure = self.failure or explain(error)
            logs.get(__name__).error("feed_thread_failed", feed=self._feed, thread=name, exc_info=True)
        self._stop.set()


def explain(error: Exception) -> str:
    """One line for people: our own errors say what is wrong, others are a defect with a name."""
    if isinstance(error, GroundswellError):
        return str(error)
    line = str(error).partition("\n")[0][:200]
    return f"An internal error: {type(error).__name__}{f' ({line})' if line else ''}."
