"""Accounts that are gone for good: what they had posted goes, all of it, once, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis
from websockets.sync.client import connect

from services.relay import departures as departures_module
from services.relay.departures import LEASE, Departures
from shared.config.settings import Settings
from shared.contracts.channels import LIVE_STREAM
from shared.contracts.ids import author_hash, post_id
from shared.errors import FencedError, StoreUnavailable
from shared.schemas.base import Schema
from shared.store import departures, ingest, leases, momentum
from shared.store.database import Command, Database, Statement
from tests.integration.relay.conftest import Feeder
from tests.support import cold, wire
from tests.support.api import served
from tests.support.relay import Relay
from tests.support.scripted_feed import ScriptedFeed
from tests.support.waiting import until
from tests.support.wire import SECOND, T0


class Row(Schema, frozen=True, kw_only=True):
    text: str


class Count(Schema, frozen=True, kw_only=True):
    rows: int


SHOWN = Statement("SELECT uri AS text FROM post WHERE deleted_at IS NULL ORDER BY uri", Row)
EVERY_SHOWN = Statement("SELECT uri AS text FROM every_post WHERE deleted_at IS NULL ORDER BY uri", Row)
#: Everything that must not be left of a post that is gone.
TRACES = Statement(
    """SELECT (SELECT count(*) FROM post
                WHERE deleted_at IS NOT NULL AND (text, tags, links, terms) <> ('', '{}', '{}', '{}'))
            + (SELECT count(*) FROM embedding_pending e JOIN post p ON p.id = e.post WHERE p.deleted_at IS NOT NULL)
            + (SELECT count(*) FROM post p WHERE p.deleted_at IS NOT NULL
                  AND NOT EXISTS (SELECT FROM vector_removal v WHERE v.post = p.id))
            + (SELECT count(*) FROM topic_post t JOIN post p ON p.id = t.post WHERE p.deleted_at IS NOT NULL)
            + (SELECT count(*) FROM post WHERE deleted_at IS NOT NULL
                  AND 1 <> (SELECT count(*) FROM post_deletion d WHERE d.post = post.id)) AS rows""",
    Count,
)
UNSWEPT = Statement("SELECT author AS text FROM account_departure WHERE gone AND swept_at IS NULL ORDER BY 1", Row)
MINUTES = Statement("SELECT sum(posts)::bigint AS rows FROM feed_minute", Count)
DELETES = Statement("SELECT sum(deletes)::bigint AS rows FROM feed_minute", Count)
WAITS = Statement(
    "SELECT pid AS rows FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", Count
)
EXPIRE = Command("UPDATE lease SET expires_at = now() - interval '1 second' WHERE name = 'departures'")


class World:
    """A database, and relays that remove what the departed had posted."""

    def __init__(self, database: Database, feed: Feeder) -> None:
        self.database, self.feed = database, feed
        self.told: list[UUID] = []

    def departures(self, holder: str = "one", **sizes: int) -> Departures:
        return Departures(self.database, self.told.extend, holder, **{"page": 3, "batch": 2, **sizes})

    def shown(self) -> list[str]:
        return self.all(SHOWN)

    def all(self, statement: Statement[Row]) -> list[str]:
        return [row.text for row in self.database.fetch(statement)]

    def count(self, statement: Statement[Count]) -> int:
        return self.database.fetch(statement)[0].rows


@pytest.fixture
def world(database: Database, feed: Feeder, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(departures_module, "PAUSE_SECONDS", 0.0)
    return World(database, feed)


def story(author: int, posts: int, start_us: int = T0) -> list[dict[str, Any]]:
    return [wire.post(author, f"p{n:03d}", start_us + n * SECOND, f"post {n} #tag") for n in range(posts)]


def uris(author: int, posts: int) -> list[str]:
    return [wire.uri(author, f"p{n:03d}") for n in range(posts)]


@pytest.mark.parametrize("status", ["deleted", "takendown"])
def test_all_they_had_posted_goes_and_nothing_of_others(world: World, status: str) -> None:
    # given two authors, one of whom leaves, in the middle of everybody's posts, with more pages before and after
    world.feed(*story(1, 7), *story(2, 7))
    world.feed(wire.account(1, T0 + 20 * SECOND, status))
    assert world.shown() == [*uris(1, 7), *uris(2, 7)]
    before = world.count(MINUTES)
    # when
    assert world.departures().turn() == 7
    # then they are gone with all that hung on them, those who follow are told, and counts of minutes stand
    assert world.shown() == uris(2, 7)
    assert world.count(TRACES) == 0
    assert sorted(world.told) == sorted(map(post_id, uris(1, 7)))
    gone = world.database.fetch(momentum.DELETIONS_AFTER, {"feed": "jetstream", "after": 0, "limit": 99})
    assert {UUID(deletion.post) for deletion in gone} == set(world.told)
    assert (world.count(MINUTES), world.count(DELETES)) == (before, 0)
    # and that was that
    assert world.all(UNSWEPT) == []
    assert world.departures().turn() == 0


@pytest.mark.parametrize("status", ["deactivated", "suspended", "desynchronized", "throttled"])
def test_who_may_come_back_loses_nothing(world: World, status: str) -> None:
    world.feed(*story(1, 3), wire.account(1, T0 + 20 * SECOND, status))
    assert world.departures().turn() == 0
    assert world.shown() == uris(1, 3)


def test_what_is_posted_after_a_return_stays(world: World) -> None:
    # given an author who left, came back and wrote again; whose return undoes nothing
    world.feed(*story(1, 3))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))
    assert world.departures().turn() == 3
    world.feed(wire.account(1, T0 + 30 * SECOND), wire.post(1, "p900", T0 + 31 * SECOND))
    # when
    assert world.departures().turn() == 0
    # then
    assert world.shown() == [wire.uri(1, "p900")]
    # and leaving once more takes that along
    world.feed(wire.account(1, T0 + 40 * SECOND, "takendown"))
    assert world.departures().turn() == 1
    assert world.shown() == []


def test_a_return_before_the_walk_cancels_the_departure(world: World) -> None:
    world.feed(*story(1, 3))
    world.feed(wire.account(1, T0 + 20 * SECOND, "takendown"))
    world.feed(wire.account(1, T0 + 21 * SECOND))
    assert world.departures().turn() == 0
    assert world.shown() == uris(1, 3)


def test_only_the_newest_word_counts_whatever_order_they_come_in(world: World) -> None:
    world.feed(*story(1, 2), *story(2, 2), *story(3, 2), *story(4, 2))
    # given one whose return is older than the departure, one whose return is newer but came first
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"), wire.account(2, T0 + 21 * SECOND))
    world.feed(wire.account(1, T0 + 19 * SECOND), wire.account(2, T0 + 20 * SECOND, "deleted"))
    # and the same within one batch, and at the same moment
    world.feed(wire.account(3, T0 + 20 * SECOND, "deleted"), wire.account(3, T0 + 19 * SECOND))
    world.feed(wire.account(4, T0 + 20 * SECOND, "deleted"), wire.account(4, T0 + 20 * SECOND))
    world.feed(wire.account(4, T0 + 20 * SECOND))
    # when
    world.departures().turn()
    # then
    assert world.shown() == uris(2, 2)


def test_their_cold_posts_go_too_and_leave_tombstones(world: World) -> None:
    # given two authors, all of whose posts are cold but the newest
    world.feed(*story(1, 7), *story(2, 7))
    assert cold.move_all(world.database) == 14
    world.feed(wire.post(1, "new", T0 + 19 * SECOND))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))
    # when
    assert world.departures().turn() == 8
    # then only the other's are left, and a replay brings nothing back
    assert world.all(EVERY_SHOWN) == uris(2, 7)
    assert world.count(TRACES) == 0
    assert sorted(world.told) == sorted(map(post_id, [*uris(1, 7), wire.uri(1, "new")]))
    gone = world.database.fetch(momentum.DELETIONS_AFTER, {"feed": "jetstream", "after": 0, "limit": 99})
    assert {UUID(deletion.post) for deletion in gone} == set(world.told)
    world.feed(*story(1, 7), *story(2, 7))
    assert world.all(EVERY_SHOWN) == uris(2, 7)
    assert world.all(UNSWEPT) == []


def test_what_comes_late_does_not_come_back(world: World, feed: Feeder) -> None:
    # given a departure whose posts come after it: in the same batch, later, and again
    outcomes = feed(wire.account(1, T0 + 20 * SECOND, "deleted"), *story(1, 2))
    assert sorted(outcomes[0].departed) == sorted(map(post_id, uris(1, 2)))
    assert (outcomes[0].departures, outcomes[0].removed) == (1, [])
    world.departures().turn()
    # when they are read a second time, with one that is new
    [again] = feed(*story(1, 3))
    # then none is shown at any moment, what is new leaves a tombstone, and what was there changes nothing
    assert again.departed == [post_id(uris(1, 3)[2])]
    assert world.shown() == []
    assert world.count(TRACES) == 0
    assert world.all(UNSWEPT) == []
    # even if it is edited late
    feed(wire.post(1, "p001", T0 + 3 * SECOND, "again", operation="update"))
    assert world.shown() == []
    assert world.count(TRACES) == 0


def test_somebody_with_the_same_hash_stays(world: World) -> None:
    world.feed(*story(1, 3), *story(2, 3))
    world.database.execute(Command("UPDATE post SET author_hash = %(hash)s"), {"hash": author_hash(wire.did(1))})
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"), *story(2, 4))
    world.departures().turn()
    assert world.shown() == uris(2, 4)


def test_a_kill_between_batches_and_a_lost_connection_end_in_the_same_state(world: World) -> None:
    world.feed(*story(1, 9))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))

    class Killed(BaseException):
        pass

    def die(_: Sequence[UUID]) -> None:
        raise Killed

    # when a relay dies right after a batch was committed, before anybody was told
    with pytest.raises(Killed):
        Departures(world.database, die, "killed", page=4, batch=2).turn()
    assert len(world.shown()) == 7
    # then nobody else walks until its lease has run out
    assert world.departures().turn() == 0
    world.database.execute(EXPIRE)
    # and when PostgreSQL ends the next one's transaction in the middle
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            world.departures("cut").turn()
        except StoreUnavailable as error:
            failed.append(error)

    with world.database.transaction() as other:
        other.execute(ingest.LOCK)
        thread = threading.Thread(target=attempt)
        thread.start()
        pid = until(lambda: [row.rows for row in world.database.fetch(WAITS)])[0]
        world.database.fetch(Statement("SELECT pg_terminate_backend(%(pid)s)::integer AS rows", Count), {"pid": pid})
        thread.join(timeout=20)
    assert failed
    assert len(world.shown()) == 7
    # then the next one ends it
    world.database.execute(EXPIRE)
    assert world.departures("three").turn() == 7
    assert world.shown() == []
    assert world.count(TRACES) == 0
    assert world.all(UNSWEPT) == []


def test_of_two_relays_one_does_it_and_who_lost_the_lease_writes_nothing_more(world: World) -> None:
    world.feed(*story(1, 6))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))
    second: list[int] = []

    def meanwhile(posts: Sequence[UUID]) -> None:
        world.told.extend(posts)
        if not second:
            # while the first works the second does nothing, until the first is taken for dead
            second.append(world.departures("two").turn())
            world.database.execute(EXPIRE)
            second.append(world.departures("two").turn())

    with pytest.raises(FencedError):
        Departures(world.database, meanwhile, "one", page=6, batch=2).turn()
    assert second == [0, 4]
    assert sorted(world.told) == sorted(map(post_id, uris(1, 6))), "every post was told once"
    assert world.all(UNSWEPT) == []


def test_who_leaves_again_during_a_walk_is_walked_for_again(world: World) -> None:
    world.feed(*story(1, 3), *story(2, 3))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))

    def meanwhile(_: Sequence[UUID]) -> None:
        world.feed(wire.account(1, T0 + 30 * SECOND), wire.post(1, "p900", T0 + 31 * SECOND))
        world.feed(wire.account(1, T0 + 40 * SECOND, "deleted"), wire.account(2, T0 + 40 * SECOND, "deleted"))

    Departures(world.database, meanwhile, "one", page=3, batch=3).turn()
    assert world.all(UNSWEPT) == [wire.did(1), wire.did(2)]
    world.departures().turn()
    assert world.shown() == []
    assert world.all(UNSWEPT) == []


def test_who_came_back_is_forgotten_after_days_and_who_is_gone_is_not(world: World) -> None:
    world.feed(wire.account(1, T0), wire.account(2, T0, "deleted"), wire.account(3, T0, "deleted"))
    world.database.execute(Command("UPDATE account_departure SET noted_at = now() - interval '3 days'"))
    world.feed(wire.account(3, T0 + SECOND), wire.account(4, T0))
    world.departures().turn()
    known = Statement("SELECT author AS text FROM account_departure ORDER BY 1", Row)
    assert world.all(known) == [wire.did(2), wire.did(3), wire.did(4)]


def test_a_long_walk_keeps_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a walk that finds nothing to remove, page after page, and whose lease always needs renewing
    world.feed(*story(2, 9), wire.account(1, T0 + 20 * SECOND, "deleted"))
    monkeypatch.setattr(departures_module, "LEASE_SECONDS", 0)
    walk = world.departures()
    taken: list[Any] = []
    fetch_one = world.database.fetch_one

    def counted(statement: Statement[Any], params: Any = None) -> Any:
        taken.extend([params] if statement is leases.TAKE else [])
        return fetch_one(statement, params)

    monkeypatch.setattr(world.database, "fetch_one", counted)
    # when
    assert walk.turn() == 0
    # then it was renewed at every page, and before what is cold
    assert len(taken) == 6
    assert {take["name"] for take in taken} == {LEASE}


def test_a_walk_reads_no_post(world: World) -> None:
    world.feed(*story(1, 30))
    explain: Statement[dict[str, str]] = Statement(f"EXPLAIN {departures.PAGE.sql}", dict)
    with world.database.transaction() as transaction:
        transaction.execute(Command("SET LOCAL enable_seqscan = off"))  # so few rows are read whole otherwise
        rows = transaction.fetch(explain, {"time": "2030-01-01T00:00:00Z", "id": UUID(int=0), "limit": 10})
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Only Scan using post_event_time" in plan, plan


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures_module, "LOOK_SECONDS", 0.1)


@pytest.mark.usefixtures("quick")
def test_a_defect_does_not_end_it_and_an_orderly_end_leaves_the_work_to_others(world: World) -> None:
    world.feed(*story(1, 5))
    world.feed(wire.account(1, T0 + 20 * SECOND, "deleted"))

    def fail_once(posts: Sequence[UUID]) -> None:
        world.told.extend(posts)
        assert len(world.told) > 2, "the first are forgotten badly"

    running = Departures(world.database, fail_once, "first", page=5, batch=2)
    running.start()
    until(lambda: world.all(UNSWEPT) == [])
    assert world.shown() == []
    running.stop()
    # when it has ended, the next need not wait for its lease
    world.feed(*story(2, 3))
    world.feed(wire.account(2, T0 + 20 * SECOND, "deleted"))
    assert world.departures("second").turn() == 3


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, scripted: ScriptedFeed) -> Settings:
    return Settings(
        postgres_url=postgres_url,
        valkey_url=valkey_url,
        feed_url=scripted.url,
        feed_name="jetstream",
        feed_backfill_minutes=10_000_000,
        relay_batch_milliseconds=5,
        api_port=0,
    )


@pytest.mark.usefixtures("quick")
def test_a_running_relay_takes_them_off_the_screens_out_of_the_index_and_out_of_the_api(
    settings: Settings, scripted: ScriptedFeed
) -> None:
    scripted.emit(*story(1, 3), *story(2, 3))
    with Relay(settings) as relay, served(settings) as api:

        def listed() -> list[str]:
            found = api.http.get("/api/v1/posts").json().get("posts", [])  # not ready yet
            return sorted(post["uri"] for post in found)

        until(lambda: listed() == [*uris(1, 3), *uris(2, 3)])
        until(lambda: len(relay.index.entries) == 6)
        with connect(api.live, proxy=None) as live:
            # when
            scripted.emit(wire.account(1, T0 + 20 * SECOND, "deleted"))
            # then
            until(lambda: listed() == uris(2, 3), 30)
            until(lambda: len(relay.index.entries) == 3)
            heard = until(lambda: _deleted(live.recv(timeout=20)), 30)
        assert set(heard) == {str(post_id(uri)) for uri in uris(1, 3)}
        gone = api.http.get(f"/api/v1/posts/{post_id(uris(1, 3)[0])}")
        assert gone.status_code == 404
        # and what comes late is on no screen for a moment
        scripted.emit(wire.post(1, "p003", T0 + 4 * SECOND), wire.post(2, "p003", T0 + 30 * SECOND))
        until(lambda: listed() == uris(2, 4), 30)
    with redis.Redis.from_url(settings.valkey_url) as client:
        ring = b"".join(entry[b"m"] for _, entry in client.xrange(LIVE_STREAM))
    assert wire.uri(2, "p003").encode() in ring
    assert wire.uri(1, "p003").encode() not in ring


def _deleted(message: str | bytes) -> list[str]:
    found: dict[str, Any] = msgspec.json.decode(message)
    return found["posts"] if found["type"] == "deleted" else []
