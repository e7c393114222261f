"""The relay: reads feeds into the record until it is told to stop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from services.relay.backoff import Backoff
from services.relay.departures import Departures
from services.relay.feed import FeedUnit, place_of
from services.relay.feeds import Feeds
from services.relay.lineup import Lineup
from services.relay.pending import StoreModelRows, StorePending
from services.relay.pipeline.embed import EmbedStage
from services.relay.pipeline.publish import PublishStage
from services.relay.removal import Remover
from services.relay.slot import Open
from services.relay.sources.registry import kind_of
from services.relay.spec import FeedSpec
from shared.config.settings import Settings
from shared.contracts.feeds import check_options
from shared.embedding.embedder import Embedder
from shared.errors import SchemaNotReady, StoreRejected, StoreUnavailable
from shared.store.database import Database
from shared.store.hold import Hold
from shared.store.migrate import check_schema
from shared.store.ring import LivePublisher
from shared.store.unit_reports import teller
from shared.telemetry import logs
from shared.telemetry.health import Readiness, Reporter
from shared.telemetry.metrics import serve
from shared.vectors.index import VectorIndex

#: The main thread wakes up so often: a signal is only handled between two waits.
WATCH_SECONDS = 0.5
#: Connections that no batch of posts may take.
SHORT_CONNECTIONS = 2


class Parts(msgspec.Struct, frozen=True):
    """What the relay is given rather than makes: tests and the combined mode choose their own."""

    embedder: Callable[[Settings, str | None], Embedder]
    index: Callable[[Settings, Database], VectorIndex]


# Both are imported where they are used: they bring large libraries that a relay without meaning,
# and its tests, never load.
def _embedder(settings: Settings, model: str | None) -> Embedder:
    """The model with the id ``model``; ``None``: the one in the settings."""
    from shared.embedding.chain import load_by_id, load_embedder

    folder = Path(settings.data_dir) / "cache"
    return load_embedder(settings, folder) if model is None else load_by_id(settings, folder, model)


def _index(settings: Settings, database: Database) -> VectorIndex:
    from shared.vectors.make import open_index

    return open_index(settings, database)


STANDARD = Parts(_embedder, _index)


def run(settings: Settings, stop: threading.Event, parts: Parts = STANDARD) -> int:
    """Run until ``stop``; the exit code. Waits for PostgreSQL and its schema as long as it takes."""
    readiness = Readiness()
    serve(settings.metrics_host, settings.relay_metrics_port, readiness.why_not)
    database = Database(settings, name="relay", size=settings.relay_pool_size, cuts=True)
    database.open()
    publisher = LivePublisher(settings.valkey_url)
    try:
        if not _wait_for_schema(database, stop):
            return 0
        return _run(settings, stop, parts, database, publisher, readiness)
    finally:
        publisher.close()
        database.close()


def _run(
    settings: Settings,
    stop: threading.Event,
    parts: Parts,
    database: Database,
    publisher: LivePublisher,
    readiness: Readiness,
) -> int:
    reporter = Reporter("relay", teller(database))
    publishing = PublishStage(publisher, lambda state, reason: reporter.set("valkey", state, reason))
    index = parts.index(settings, database)
    embedding = EmbedStage(
        Lineup(
            StoreModelRows(database),
            index,
            lambda model: parts.embedder(settings, model),
            steers=settings.relay_shard == 0,
        ),
        index,
        StorePending(database, place_of(settings)),
        settings.embedding_batch_posts,
        reporter.set,
        lambda: feeds.leading,
    )
    remover = Remover(database, embedding.wake)

    def gone(posts: Sequence[UUID]) -> None:
        embedding.wake()
        publishing.deleted(posts)

    departures = Departures(database, gone, f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}")
    opener = _opener(settings, database, embedding, publishing)
    place = place_of(settings)
    hold = Hold(settings, "relay-feeds" if place.count == 1 else f"relay-feeds-{place.index}-of-{place.count}")
    feeds = Feeds(
        *(settings, database, opener, publishing, remover, hold),
        lambda state, why: reporter.set("relay", state, why),
    )
    for part in (reporter, publishing, embedding, remover, departures, feeds):
        part.start()
    readiness.follow(reporter)
    while not stop.wait(WATCH_SECONDS):
        pass
    logs.get(__name__).info("relay_stopping")
    # Meanwhile the feeds drain; what they still store waits in the record for its vectors.
    for ending in (embedding, feeds, remover, departures, publishing, reporter):
        ending.stop()
    return 0


def _opener(settings: Settings, database: Database, embedding: EmbedStage, publishing: PublishStage) -> Open:
    """Makes units that share stages and connections.

    All feeds together store in so many transactions at a time that two connections stay free for what
    is short: cursors, reports, the rows of the feeds.
    """
    turn = threading.BoundedSemaphore(max(settings.relay_pool_size - SHORT_CONNECTIONS, 1))

    def open_unit(spec: FeedSpec, stop: threading.Event) -> FeedUnit:
        kind = kind_of(spec)
        check_options(spec.kind, spec.options)
        return FeedUnit(spec, kind, settings, database, embedding, publishing, stop, turn=turn)

    return open_unit


def _wait_for_schema(database: Database, stop: threading.Event) -> bool:
    """Until the schema is at our revision; False when told to stop first. Says each reason once."""
    backoff, said = Backoff(0.2, 5.0), ""
    while not stop.is_set():
        try:
            check_schema(database)
            return True
        except (SchemaNotReady, StoreUnavailable, StoreRejected) as error:
            if str(error) != said:
                said = str(error)
                logs.get(__name__).warning("relay_waits_for_schema", error=said)
        stop.wait(backoff.next_seconds())
    return False
