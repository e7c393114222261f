"""The momentum job on the real store: exactly once through kills, one writer, gaps and deletions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.api.momentum import following
from services.api.momentum.jobs import MomentumJob
from services.api.scheduler.leader import FOLLOWER_SECONDS, Scheduler
from services.api.scheduler.lease import Lease
from shared.errors import BrokerUnavailable, FencedError
from shared.schemas.live import TopicsUpdated
from shared.store.database import Command, Database, Statement
from tests.support import cold, records
from tests.support.momentum import Maker
from tests.support.records import BEGAN


class Process:
    """One API process's job and lease."""

    def __init__(self, database: Database, name: str, maker: Maker | None = None) -> None:
        self.published: list[TopicsUpdated] = []
        self.said: list[tuple[str, str | None]] = []
        self.maker = maker or Maker()
        self.lease = Lease(database, "scheduler", name)
        self.job = MomentumJob(
            database,
            self.maker,
            publish=self.publish,
            say=lambda state, reason: self.said.append((state, reason)),
        )
        self.scheduler = Scheduler(self.lease, [self.job])

    def publish(self, message: TopicsUpdated) -> None:
        self.published.append(message)


class Count(msgspec.Struct, frozen=True):
    topic: str
    minute: Any
    posts: int


COUNTS = Statement("SELECT topic, minute, posts FROM topic_minute ORDER BY topic, minute", Count)
TOTALS = Statement("SELECT id AS topic, NULL AS minute, posts_hour AS posts FROM topic ORDER BY id", Count)


def totals(database: Database) -> dict[str, int]:
    return {row.topic: row.posts for row in database.fetch(TOTALS)}


def stream(database: Database, first: int, last: int, *, feed: str = "bluesky", per_minute: int = 3) -> None:
    """Posts of minutes ``first`` to ``last``, all about "tea", and the feed's cursor at the end of them."""
    for minute in range(first, last):
        for number in range(per_minute):
            time = BEGAN + timedelta(minutes=minute, seconds=number)
            records.put_post(database, f"{feed}-{minute}-{number}", feed=feed, time=time, terms=["tea"])
    records.put_cursor(database, feed, BEGAN + timedelta(minutes=last))


@pytest.fixture(autouse=True)
def feed(database: Database) -> None:
    records.put_feed(database)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BATCH_POSTS", 4)


def test_closed_minutes_become_topics_and_a_message(database: Database) -> None:
    process = Process(database, "a")
    stream(database, 0, 3)
    assert process.scheduler.turn() > 0
    assert [(row.topic, row.posts) for row in database.fetch(COUNTS)] == [("tea", 3)] * 3
    (message,) = process.published
    assert message.as_of == BEGAN + timedelta(minutes=3)
    assert message.topics[0].spark[-3:] == [None, 3, 3]  # reading began within the first minute
    process.scheduler.turn()
    assert len(process.published) == 1
    assert process.said[-1] == ("ok", None)


@pytest.mark.usefixtures("small_batches")
def test_posts_that_became_cold_are_read_where_they_lie(database: Database) -> None:
    # given posts that leave the hot window before anybody has read them, and between two readings
    stream(database, 0, 3)
    assert cold.move_all(database) == 9
    process = Process(database, "a")
    assert process.scheduler.turn() > 0
    stream(database, 3, 6)
    assert cold.move_all(database) == 9
    stream(database, 6, 7)
    process.scheduler.turn()
    # then none was missed
    assert [(row.topic, row.posts) for row in database.fetch(COUNTS)] == [("tea", 3)] * 7
    # and a rebuild finds all of the last day of the feed's own time
    process.lease.release()
    for table in ("momentum_state", "topic"):
        database.execute(Command(f"DELETE FROM {table}"))  # noqa: S608 - constants
    Process(database, "b").scheduler.turn()
    assert [(row.topic, row.posts) for row in database.fetch(COUNTS)] == [("tea", 3)] * 7


@pytest.mark.usefixtures("small_batches")
def test_a_kill_at_any_point_continues_exactly(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # given processes that are killed at every third place where they talk to the store
    calls = deadly = 0
    for method in ("fetch", "fetch_one", "execute", "transaction"):
        genuine = getattr(Database, method)

        def mortal(self: Database, *args: Any, _genuine: Any = genuine, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == deadly:
                raise KeyboardInterrupt
            return _genuine(self, *args, **kwargs)

        monkeypatch.setattr(Database, method, mortal)
    killed = 0
    for step in range(12):
        deadly = 0
        stream(database, step, step + 1)
        for place in range(1, 30, 3):
            calls, deadly = 0, place
            try:
                Process(database, "same holder").scheduler.turn()
            except KeyboardInterrupt:
                killed += 1
    assert killed > 50
    # when one more comes and is left alone
    deadly = 0
    while Process(database, "same holder").scheduler.turn() == 0:
        pass
    # then every post was counted once, in its own minute
    assert [row.posts for row in database.fetch(COUNTS)] == [3] * 12
    assert totals(database) == {"tea": 36}


def test_only_the_holder_of_the_lease_writes(database: Database) -> None:
    first, second = Process(database, "a"), Process(database, "b")
    stream(database, 0, 2)
    first.scheduler.turn()
    assert second.scheduler.turn() == FOLLOWER_SECONDS
    assert second.maker.made == []
    # when the lease runs out while the first is busy, and the second takes it
    stream(database, 2, 4)
    first.lease.take()
    database.execute(Command("UPDATE lease SET expires_at = now() - interval '1 second'"))
    second.scheduler.turn()
    assert totals(database) == {"tea": 12}
    # then the first finds out before it writes anything
    stream(database, 4, 5)
    with pytest.raises(FencedError):
        first.job.run(first.lease)
    assert totals(database) == {"tea": 12}
    second.scheduler.turn()
    assert totals(database) == {"tea": 15}


def test_a_leader_that_lost_and_regained_the_lease_reads_the_record_anew(database: Database) -> None:
    first, second = Process(database, "a"), Process(database, "b")
    expire = Command("UPDATE lease SET expires_at = now() - interval '1 second'")
    for turn, process in enumerate((first, second, first)):
        stream(database, turn, turn + 1)
        database.execute(expire)
        process.scheduler.turn()
    assert totals(database) == {"tea": 9}
    assert len(first.maker.made) == 2


def test_a_lease_given_back_is_free_at_once(database: Database) -> None:
    first, second = Process(database, "a"), Process(database, "b")
    assert first.lease.take()
    assert not second.lease.take()
    first.lease.release()
    assert second.lease.take()


def test_a_silent_feed_does_not_hold_the_others(database: Database) -> None:
    records.put_feed(database, "other")
    stream(database, 0, 5)
    records.put_cursor(database, "other", BEGAN + timedelta(minutes=2))
    process = Process(database, "a")
    process.scheduler.turn()
    assert totals(database) == {"tea": 6}
    records.put_cursor(database, "other", BEGAN + timedelta(minutes=2), age_seconds=61)
    process.scheduler.turn()
    assert totals(database) == {"tea": 15}


@pytest.mark.parametrize(
    "why",
    [
        "UPDATE feed SET enabled = false WHERE id = 'second'",
        "INSERT INTO feed_report (feed, status) VALUES ('second', 'ended')",
    ],
)
def test_a_feed_that_is_paused_or_has_ended_holds_nobody_back_and_is_read_to_its_end(
    database: Database, why: str
) -> None:
    records.put_feed(database, "second", status=None)
    stream(database, 0, 5)
    stream(database, 0, 2, feed="second")
    process = Process(database, "a")
    process.scheduler.turn()
    # while it may bring more, the minutes after its last event stay open
    assert totals(database) == {"tea": 12}
    assert len(database.fetch(COUNTS)) == 2
    database.execute(Command(why))
    process.scheduler.turn()
    assert [row.posts for row in database.fetch(COUNTS)] == [6, 6, 3, 3, 3]
    # and back again, what it brings now is counted
    database.execute(Command("UPDATE feed SET enabled = true"))
    database.execute(Command("DELETE FROM feed_report WHERE feed = 'second'"))
    stream(database, 5, 7)
    stream(database, 5, 7, feed="second")
    process.scheduler.turn()
    assert [row.posts for row in database.fetch(COUNTS)][5:] == [6, 6]


def test_a_feed_that_was_removed_and_added_again_is_read_from_its_beginning(database: Database) -> None:
    process = Process(database, "a")
    records.put_feed(database, "second")
    stream(database, 0, 2)
    stream(database, 0, 2, feed="second")
    process.scheduler.turn()
    database.execute(Command("DELETE FROM feed WHERE id = 'second'"))
    stream(database, 2, 4)
    process.scheduler.turn()
    records.put_feed(database, "second")
    stream(database, 4, 6)
    stream(database, 4, 6, feed="second")
    process.scheduler.turn()
    assert [row.posts for row in database.fetch(COUNTS)] == [6, 6, 3, 3, 6, 6]


def test_deleted_posts_do_not_count_and_leave_their_topics(database: Database) -> None:
    stream(database, 0, 1)
    records.delete_post(database, "bluesky-0-0")
    process = Process(database, "a")
    process.scheduler.turn()
    assert totals(database) == {"tea": 2}
    records.delete_post(database, "bluesky-0-1")
    stream(database, 1, 2)
    process.scheduler.turn()
    left = database.fetch(Statement("SELECT post::text AS topic, NULL AS minute, 0 AS posts FROM topic_post", Count))
    assert records.id_of("bluesky-0-1") not in {row.topic for row in left}


def test_gaps_are_shown_to_the_engine_once(database: Database) -> None:
    records.put_gap(database, datetime.now(UTC) - timedelta(hours=1), 3)
    stream(database, 0, 1)
    process = Process(database, "a")
    process.scheduler.turn()
    process.scheduler.turn()
    assert len(process.maker.made[0].state.gaps) == 1


def test_a_snapshot_of_other_parameters_is_rebuilt_from_stored_posts(database: Database) -> None:
    stream(database, 0, 3)
    Process(database, "a").scheduler.turn()
    other = Process(database, "a", Maker("two"))
    other.scheduler.turn()
    assert totals(database) == {"tea": 9}
    assert other.maker.made[-1].state.config == "two"


def test_a_topic_the_engine_dropped_has_ended(database: Database) -> None:
    records.put_topic(database, "left over")
    stream(database, 0, 1)
    Process(database, "a").scheduler.turn()
    ended = database.fetch(
        Statement("SELECT id AS topic, NULL AS minute, 0 AS posts FROM topic WHERE status='ended'", Count)
    )
    assert [row.topic for row in ended] == ["left over"]


def test_without_valkey_topics_are_stored_all_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(database, "a")

    def refuse(_: TopicsUpdated) -> None:
        raise BrokerUnavailable("Valkey is away.")

    monkeypatch.setattr(process.job, "_publish", refuse)
    stream(database, 0, 1)
    process.scheduler.turn()
    assert totals(database) == {"tea": 3}


def test_a_job_that_fails_begins_again_from_the_record(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(database, "a")
    stream(database, 0, 1)
    process.scheduler.turn()
    engine = process.maker.made[0]
    monkeypatch.setattr(engine, "advance", lambda _: 1 / 0)
    stream(database, 1, 2)
    assert process.scheduler.turn() > 0
    process.scheduler.turn()
    assert totals(database) == {"tea": 6}
