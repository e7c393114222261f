"""Several relays that share the authors: together they store and embed the whole, once."""

from __future__ import annotations

import time

import msgspec
import pytest

from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from services.solo.simulator.server import wall_clock_us
from services.solo.simulator.stream import Stream
from shared.config.settings import Settings
from shared.contracts.ids import author_hash
from shared.contracts.shards import Shard
from shared.errors import ConfigurationError
from shared.schemas.base import Schema
from shared.store import feed_rows
from shared.store.capacity import check_capacity
from shared.store.database import Command, Database, Statement
from tests.support import texts, truth, wire
from tests.support.relay import Relay
from tests.support.scripted_feed import ScriptedFeed
from tests.support.waiting import until


class Row(Schema, frozen=True, kw_only=True):
    feed: str
    author: str


POSTS = Statement("SELECT feed, author FROM post ORDER BY feed, author", Row)
WAITING = Statement("SELECT post::text AS feed, '' AS author FROM embedding_pending", Row)
WAITERS = Statement(
    """SELECT instance AS feed, '' AS author FROM unit_report
        WHERE component = 'relay' AND reason LIKE 'Another relay%%'""",
    Row,
)
#: As if one feed had brought everything.
TOGETHER = Command("UPDATE post SET feed = 'sim-0-of-3'")


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, scripted: ScriptedFeed) -> Settings:
    return Settings(
        postgres_url=postgres_url,
        valkey_url=valkey_url,
        feed_url=scripted.url,
        feed_name="f",
        relay_pool_size=3,
        relay_batch_milliseconds=5,
    )


def at(settings: Settings, index: int, count: int) -> Settings:
    return msgspec.structs.replace(settings, relay_shard=index, relay_shards=count)


def emit(feed: ScriptedFeed, numbers: range) -> None:
    now = time.time_ns() // 1_000
    feed.emit(*(wire.post(n, f"p{n}", now + n, f"post {n}") for n in numbers))


def test_the_union_of_the_parts_is_the_whole_without_doubles(database: Database) -> None:
    """Posts, deletions, likes and their undoing, accounts that leave: read by three, judged as one."""
    stream = Stream(11, 200, wall_clock_us() - 30_000_000, texts.corpus())
    events = [event for second in range(25) for event in stream.events(second)]
    for index in range(3):
        spec = FeedSpec(f"sim-{index}-of-3", "jetstream", "wss://feed.example", 0, {"shard": f"{index}/3"})
        origin = Origin(spec.id, "jetstream/1", "feed.example")
        cursor = ensure_feed(database, spec, origin, start_us=stream.anchor_us)
        clock = DatabaseClock()
        clock.set(cursor.now_us)
        pipeline = Pipeline(database, origin, clock, cursor.position, shard=spec.shard)
        for start in range(0, len(events), 700):
            pipeline.process([Frame(event.frame, len(event.frame)) for event in events[start : start + 700]])
    rows = database.fetch(POSTS)
    for row in rows:
        assert row.feed == f"sim-{author_hash(row.author) % 3}-of-3"
    shares = [sum(row.feed == f"sim-{index}-of-3" for row in rows) / len(rows) for index in range(3)]
    assert all(share > 0.15 for share in shares), shares
    database.execute(TOGETHER)
    assert truth.compare(database, stream, stream.anchor_us, "sim-0-of-3").none


def test_relays_at_different_places_read_at_once_and_a_third_waits(
    settings: Settings, database: Database, scripted: ScriptedFeed
) -> None:
    with Relay(at(settings, 0, 2)) as first, Relay(at(settings, 1, 2)) as second:
        scripted.wait_for_connections(2)
        # when another comes to a place that is taken, it waits
        with Relay(at(settings, 1, 2)) as third:
            until(lambda: database.fetch(WAITERS), what="a relay that waits")
            emit(scripted, range(40))
            until(lambda: len(database.fetch(POSTS)) == 40, what="40 posts")
            # and its place is free, it goes on, while the other place noticed nothing
            second.stop_event.set()
            scripted.wait_for_connections(3)
            emit(scripted, range(40, 60))
            until(lambda: len(database.fetch(POSTS)) == 60, what="60 posts")
            until(lambda: not database.fetch(WAITING), what="vectors of all")
            made = [{entry.author for entry in relay.index.entries.values()} for relay in (first, second, third)]
    for author in made[0]:
        assert Shard(0, 2).has(author), "each embeds its own part"
    for author in made[1] | made[2]:
        assert Shard(1, 2).has(author)
    assert made[0] | made[1] | made[2] == {author_hash(wire.did(n)) for n in range(60)}
    assert {row.feed for row in database.fetch(POSTS)} == {"f-0-of-2", "f-1-of-2"}


def test_parts_begin_where_the_whole_was_read_and_the_whole_is_paused(
    settings: Settings, database: Database, scripted: ScriptedFeed
) -> None:
    """Nothing that came while nobody read is lost, though new feeds begin with no backfill."""
    settings = msgspec.structs.replace(settings, feed_backfill_minutes=0, embedding_model="none")
    with Relay(settings):
        scripted.wait_for_connections(1)
        emit(scripted, range(20))
        until(lambda: len(database.fetch(POSTS)) == 20, what="20 posts")
    emit(scripted, range(20, 40))
    with Relay(at(settings, 0, 2)), Relay(at(settings, 1, 2)):
        until(lambda: len(database.fetch(POSTS)) == 40, what="40 posts")
        # when they are divided anew, the parts of the parts go on too
    emit(scripted, range(40, 60))
    with Relay(at(settings, 0, 3)), Relay(at(settings, 1, 3)), Relay(at(settings, 2, 3)):
        until(lambda: len(database.fetch(POSTS)) == 60, what="60 posts")
    on = {row.id for row in database.fetch(feed_rows.ALL) if row.enabled}
    assert on == {"f-0-of-3", "f-1-of-3", "f-2-of-3"}


def test_the_connections_of_all_relays_are_counted(database: Database) -> None:
    check_capacity(database, Settings(relay_shards=2))
    with pytest.raises(ConfigurationError, match="GROUNDSWELL_RELAY_POOL_SIZE"):
        check_capacity(database, Settings(relay_shards=64))
