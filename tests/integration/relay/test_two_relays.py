"""Several relays on one database: one reads, the others wait for it to end."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import msgspec
import psutil
import pytest

from services.solo.children import service_argv
from shared.config.load import environment_of, foreign_environment
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import cursors
from shared.store.database import Command, Database, Statement
from tests.support import wire
from tests.support.relay import Relay
from tests.support.scripted_feed import ScriptedFeed
from tests.support.waiting import until


class Text(Schema, frozen=True, kw_only=True):
    text: str


TEXTS = Statement("SELECT text FROM post ORDER BY event_time", Text)
WAITS = Statement(
    "SELECT instance AS text FROM unit_report WHERE component = 'relay' AND reason LIKE 'Another relay%%'", Text
)
#: Sessions that want the relays' lock, and that which has it.
ASKING = Statement("SELECT 'it' AS text FROM pg_stat_activity WHERE application_name = 'groundswell-relay-feeds'", Text)
HELD = Statement(
    """SELECT 'it' AS text FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND application_name = 'groundswell-relay-feeds'""",
    Text,
)
#: As if the connection had broken.
CUT = Command(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'groundswell-relay-feeds'"
)


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, scripted: ScriptedFeed) -> Settings:
    return Settings(
        postgres_url=postgres_url,
        valkey_url=valkey_url,
        feed_url=scripted.url,
        feed_name="f",
        embedding_model="none",
        relay_batch_milliseconds=5,
    )


class Story:
    """Posts that happen now, numbered."""

    def __init__(self, feed: ScriptedFeed, database: Database) -> None:
        self._feed, self._database, self._told = feed, database, 0

    def goes_on(self) -> None:
        """Ten more posts, each stored exactly once."""
        now = time.time_ns() // 1_000
        for n in range(self._told, self._told + 10):
            self._feed.emit(wire.post(n, f"p{n}", now + n, f"post {n}"))
        self._told += 10
        until(lambda: len(self._database.fetch(TEXTS)) >= self._told, what=f"{self._told} posts")
        assert [row.text for row in self._database.fetch(TEXTS)] == [f"post {n}" for n in range(self._told)]


def read_by(scripted: ScriptedFeed) -> int:
    """Connections that are open to the feed."""
    assert scripted._server is not None
    port = scripted._server.socket.getsockname()[1]
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and bool(connection.laddr) and connection.laddr.port == port
        for connection in psutil.net_connections("tcp")
    )


def test_a_second_relay_waits_and_goes_on_where_the_first_ends(
    settings: Settings, database: Database, scripted: ScriptedFeed
) -> None:
    story = Story(scripted, database)
    with Relay(settings) as first:
        story.goes_on()
        # when a second one starts, it says that it waits and asks the feed for nothing
        with Relay(settings) as second:
            until(lambda: database.fetch(WAITS), what="a relay that waits")
            story.goes_on()
            assert len(scripted.cursors) == 1
            # when the first ends, the second goes on
            first.stop_event.set()
            scripted.wait_for_connections(2)
            story.goes_on()
            until(lambda: read_by(scripted) == 1, what="one reader")
            assert second.code is None
    # and nothing was counted twice but what was asked for again
    found = database.fetch_one(cursors.COUNTERS, {"feed": "f"})
    assert found is not None
    assert (found.posts, found.events - found.duplicates) == (30, 30)


def test_a_killed_relays_place_is_taken_at_once(settings: Settings, database: Database, scripted: ScriptedFeed) -> None:
    story = Story(scripted, database)
    environment = {**foreign_environment(), **environment_of(settings)}
    first = subprocess.Popen(service_argv("relay"), env=environment, stdout=subprocess.DEVNULL)
    try:
        story.goes_on()
        with Relay(settings):
            until(lambda: database.fetch(WAITS), what="a relay that waits")
            os.kill(first.pid, signal.SIGKILL)
            story.goes_on()
            assert len(scripted.cursors) == 2
    finally:
        first.kill()
        first.wait()


def test_of_two_relays_one_reads_after_a_break_with_postgresql(
    settings: Settings, database: Database, scripted: ScriptedFeed
) -> None:
    story = Story(scripted, database)
    other = msgspec.structs.replace(settings, feed_url="ws://127.0.0.1:9/never")
    with Relay(settings), Relay(settings):
        story.goes_on()
        for _ in range(3):
            database.execute(CUT)
            story.goes_on()
            until(lambda: database.fetch(HELD) and read_by(scripted) == 1, what="one reader")
        # when a third comes with other settings, the feed stays what those who read say
        with Relay(other):
            until(lambda: len(database.fetch(ASKING)) == 3, what="three relays")
            story.goes_on()
    assert database.fetch(Statement("SELECT url AS text FROM feed", Text))[0].text == settings.feed_url
