"""Posts become cold after the hot window: what moves, what readers see, and how they find it."""

# ruff: noqa: S608 - conditions are constants of this file

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from services.relay.removal import Remover
from services.worker.housekeeping import Housekeeping
from services.worker.mover import BEHIND_SECONDS, DAY_SECONDS, FAILURES, Mover
from shared.config.settings import Settings
from shared.errors import StoreRejected
from shared.schemas.watch import Threshold, WatchRule, Words
from shared.store import alerts, archive, audit, briefing, feed_rows, ingest, matching, momentum, posts, watch_judging
from shared.store.database import Command, Database, Statement
from tests.support import cold, records
from tests.support.api import served
from tests.support.waiting import until


@pytest.fixture
def story(database: Database) -> list[str]:
    """Posts of twelve days, two a day, in two feeds, in one topic; the earliest first. Nine days will be cold."""
    records.put_feed(database)
    records.put_feed(database, "other")
    records.put_topic(database, "t1", at=cold.ago(database, hours=12))
    made = []
    for index in range(24):
        feed = "bluesky" if index % 3 else "other"
        time = cold.ago(database, days=12, hours=-12 * index, minutes=-30)
        text = f"tea number {index} " + ("with a café" if index % 2 else "und Strom")
        id = records.put_post(
            database,
            f"p{index:02d}",
            feed=feed,
            time=time,
            text=text,
            author=f"did:plc:{index % 5:024d}",
            terms=["tea"],
        )
        cold.react(database, id, likes=index % 4, reposts=index % 3)
        made.append(id)
    database.execute(Command("UPDATE post SET links = '{https://a.example/}', tags = '{tea}' WHERE likes = 2"))
    database.execute(Command("INSERT INTO topic_post SELECT 't1', id, event_time FROM post"))
    database.execute(Command("INSERT INTO embedding_pending SELECT id, seq FROM post"))
    records.put_cursor(database, "bluesky", cold.ago(database, hours=1), posts=24)
    records.put_cursor(database, "other", cold.ago(database, days=8), posts=8)
    return made


def test_a_move_takes_all_that_hangs_on_being_hot_and_nothing_else(database: Database, story: list[str]) -> None:
    before = rows_of(database, "SELECT * FROM every_post ORDER BY id")
    # when
    moved = cold.move_all(database)
    # then what is out of the window is cold, by day, and the record is what it was
    assert moved == 18
    assert (cold.rows(database, "post"), cold.rows(database, "post_archive")) == (24 - moved, moved)
    assert rows_of(database, "SELECT * FROM every_post ORDER BY id") == before
    days = rows_of(
        database, "SELECT DISTINCT tableoid::regclass::text, to_char(event_time, 'YYYYMMDD') FROM post_archive"
    )
    assert {name.removeprefix("post_archive_") for name, _ in days} == {day for _, day in days}
    # and nobody embeds it, and its vector is on its way out of the index
    assert cold.rows(database, "embedding_pending") == 24 - moved
    assert (
        cold.rows(database, "vector_removal JOIN post_archive ON id = post")
        == moved
        == cold.rows(database, "vector_removal")
    )
    # and again there is nothing to do
    assert cold.move_all(database) == 0


def test_readers_do_not_notice(database: Database, story: list[str]) -> None:
    before = all_readings(database, story)
    assert cold.move_all(database) > 0
    after = all_readings(database, story)
    for name, seen in before.items():
        assert after[name] == seen, name
    # and reactions that come later count in both
    for id in (story[0], story[-1]):
        cold.react(database, id, likes=5)
    assert [row.likes for row in database.fetch(posts.SOME, {"ids": [story[0], story[-1]]})] == [5, 5 + 23 % 4]


def all_readings(database: Database, ids: list[str]) -> dict[str, list[Any]]:
    """What every kind of reader gets."""
    start, end = cold.ago(database, days=30), cold.ago(database, days=-1)
    middle = database.fetch(posts.ONE, {"id": ids[7]})[0]
    rule = WatchRule(words=Words(any=["café", "strom"]), threshold=Threshold(posts=5))
    where = matching.condition(rule, None)
    bounds = {"start": start, "end": end, "window": 60, "least": 1, "topic": "t1", "others": ["t1"], "among": ["t1"]}
    within = matching.within_topic(where, "t1")
    briefed = {"topic": "t1", "limit": 50, "chosen": ids[:3]}
    statements: dict[str, tuple[Statement[Any], dict[str, Any]]] = {
        "latest": (posts.LATEST, {"limit": 50}),
        "before": (posts.LATEST_BEFORE, {"limit": 50, "time": middle.time, "id": ids[7]}),
        "feed": (posts.LATEST_OF_FEED, {"limit": 50, "feed": "other"}),
        "one": (posts.ONE, {"id": ids[0]}),
        "some": (posts.SOME, {"ids": ids}),
        "moves": (matching.moves(where), where.params | bounds),
        "samples": (matching.samples(where), where.params | bounds),
        "words": (matching.words(where), where.params | bounds),
        "languages": (matching.languages(where), where.params | bounds),
        "topics": (matching.topics(where), where.params | bounds),
        "overlap": (matching.overlap(within), within.params | bounds),
        "shares": (matching.shares(where), where.params | bounds),
        "live topics": (watch_judging.live_topics(where), where.params | bounds),
        "past topics": (watch_judging.past_topics(where), where.params | bounds),
        "kept": (briefing.KEPT, briefed),
        "voices": (briefing.VOICES, briefed),
        "spoken": (briefing.LANGUAGES, briefed),
        "links": (briefing.LINKS, briefed),
        "earliest": (briefing.EARLIEST, briefed),
        "candidates": (briefing.CANDIDATES, briefed),
        "alert": (alerts.SAMPLES, {"posts": ids}),
        "followed": (momentum.POSTS_AFTER, {"feed": "bluesky", "after": 0, "limit": 9}),
        "followed on": (momentum.POSTS_AFTER, {"feed": "bluesky", "after": 9, "limit": 90}),
        "rebuilt": (momentum.REBUILD_FROM, {"feed": "bluesky"}),
        "rebuilt of old": (momentum.REBUILD_FROM, {"feed": "other"}),
        "keys": (audit.POST_KEYS, {"feed": "bluesky"}),
        "totals": (audit.TOTALS, {}),
        "posts of a feed": (feed_rows.COUNT_POSTS, {"feed": "other", "most": 100}),
    }
    found = {name: database.fetch(*asked) for name, asked in statements.items()}
    assert all(rows for name, rows in found.items()), [name for name, rows in found.items() if not rows]
    found["keys"].sort(key=str)
    found["alert"].sort(key=str)
    return found


def test_pages_of_posts_go_on_into_the_archive(
    database: Database, story: list[str], postgres_url: str, valkey_url: str
) -> None:
    cold.move_all(database)
    with served(Settings(postgres_url=postgres_url, valkey_url=valkey_url)) as api:
        until(lambda: api.http.get("/api/v1/posts").status_code == 200)
        seen, before = [], None
        while True:
            page = api.http.get("/api/v1/posts", params={"limit": 5} | ({"before": before} if before else {})).json()
            seen += [post["id"] for post in page["posts"]]
            if (before := page["next"]) is None:
                break
        assert seen == story[::-1]
        assert api.http.get(f"/api/v1/posts/{story[0]}").json()["text"] == "tea number 0 und Strom"
        assert api.http.get("/api/v1/health").json()["figures"]["hot_from"] is not None


@pytest.mark.parametrize(
    ("query", "wanted", "never"),
    [
        ("words @@ to_tsquery('groundswell', 'strom')", "_words_idx", None),
        ("id = ANY('{aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa}'::uuid[])", "_pkey", None),
        ("author_hash = 5", "_author_hash_idx", None),
        ("feed = 'other' AND seq > 3", "_feed_seq_idx", None),
        ("deleted_at IS NULL ORDER BY event_time DESC, id DESC LIMIT 3", "_event_time_id_idx", "Sort"),
        (
            "deleted_at IS NULL AND (event_time, id) < (now(), 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa') "
            "ORDER BY event_time DESC, id DESC LIMIT 3",
            "_event_time_id_idx",
            "Sort",
        ),
    ],
)
def test_conditions_reach_the_indexes_of_the_archive(
    database: Database, story: list[str], postgres_url: str, query: str, wanted: str, never: str | None
) -> None:
    cold.move_all(database)
    plan = explained(postgres_url, f"SELECT id, text FROM every_post WHERE {query}")
    scans = [line for line in plan if "post_archive_2" in line]
    assert scans
    assert all(wanted in line or "Bitmap Heap Scan" in line for line in scans), plan
    assert never is None or not any(line.strip().removeprefix("->").strip() == never for line in plan), plan


def test_a_stretch_of_time_is_looked_for_in_its_days_alone(
    database: Database, story: list[str], postgres_url: str
) -> None:
    cold.move_all(database)
    day = cold.ago(database, days=6).replace(hour=0, minute=0, second=0, microsecond=0)
    stretch = f"event_time >= '{day.isoformat()}' AND event_time < '{(day + timedelta(hours=5)).isoformat()}'"
    plan = explained(postgres_url, f"SELECT id FROM every_post WHERE {stretch}")
    assert {
        part for line in plan for part in line.split() if part.startswith("post_archive_2") and "idx" not in part
    } == {f"post_archive_{day:%Y%m%d}"}, plan


def test_likes_are_counted_only_where_they_are_asked_for(
    database: Database, story: list[str], postgres_url: str
) -> None:
    cold.move_all(database)
    assert any("reaction" in line for line in explained(postgres_url, "SELECT likes FROM every_post"))
    assert not any("reaction" in line for line in explained(postgres_url, "SELECT text FROM every_post"))


def explained(url: str, sql: str) -> list[str]:
    with psycopg.connect(url) as connection:
        connection.execute("SET enable_seqscan = off")
        return [row[0] for row in connection.execute(f"EXPLAIN (COSTS OFF) {sql}")]


def rows_of(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.transaction() as transaction:
        return transaction._connection.execute(sql).fetchall()


def test_only_the_holder_of_the_lease_moves(database: Database, story: list[str]) -> None:
    first, second = cold.mover(database, "first"), cold.mover(database, "second")
    assert first() > 0
    records.put_post(database, "late", time=cold.ago(database, days=5))
    assert second() == 0
    database.execute(Command("UPDATE lease SET expires_at = now() - interval '1 s'"))
    assert second() == 1


def test_what_another_mover_has_in_hand_is_passed_over(database: Database, story: list[str]) -> None:
    taken = Command("SELECT id FROM post WHERE id = ANY(%(ids)s::uuid[]) FOR UPDATE")
    with database.transaction() as other:
        other.execute(taken, {"ids": story[:3]})
        # it looks at the days of the oldest four; by the time of day a fifth may share the last of them
        assert cold.mover(database, batch=4).move().posts in (1, 2)
        assert cold.move_all(database) > 3
        assert (
            cold.rows(database, "post_archive WHERE id = ANY(ARRAY(SELECT id FROM post ORDER BY event_time LIMIT 3))")
            == 0
        )
    assert cold.move_all(database) == 3


def test_a_move_waits_until_ingestion_has_committed(database: Database, story: list[str]) -> None:
    moved: list[int] = []
    with database.transaction() as batch:
        batch.execute(ingest.LOCK)
        thread = threading.Thread(target=lambda: moved.append(cold.mover(database).move().posts))
        thread.start()
        waits = "pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
        until(lambda: cold.rows(database, waits) == 1)
        assert moved == []
    thread.join(20)
    assert moved[0] > 0


def test_the_retention_reaches_the_archive_and_drops_its_days(database: Database, story: list[str]) -> None:
    moved = cold.move_all(database)
    old = cold.rows(database, "every_post WHERE event_time < now() - interval '6 days'")
    days = cold.rows(database, "pg_partition_tree('post_archive') WHERE isleaf")
    # when somebody reads the archive all the while
    with database.transaction() as reader:
        reader.fetch(archive.SIZE)
        reader.execute(Command("SELECT count(*) FROM every_post"))
        removed = Housekeeping(database, 6, "me", threading.Event(), batch=2)()
    # then posts are gone to the minute, with their keys, and days wait for the reader to end
    assert removed["post_archive"] == old > 0
    assert cold.rows(database, "every_post WHERE event_time < now() - interval '6 days'") == 0
    assert cold.rows(database, "post_archive_key") == cold.rows(database, "post_archive") == moved - old
    assert cold.rows(database, "pg_partition_tree('post_archive') WHERE isleaf") == days
    Housekeeping(database, 6, "me", threading.Event())()
    assert cold.rows(database, "pg_partition_tree('post_archive') WHERE isleaf") < days
    # and what is past the retention is not moved first
    records.put_post(database, "ancient", time=cold.ago(database, days=20))
    assert cold.mover(database, keep_days=6).move().posts == 0


def test_a_removed_feed_takes_its_cold_posts_along(database: Database, story: list[str]) -> None:
    cold.move_all(database)
    database.execute(feed_rows.MARK_FOR_REMOVAL, {"feed": "other"})
    Remover(database, lambda: None, batch=3)._remove("other")
    left = {post for index, post in enumerate(story) if index % 3}
    assert {row[0] for row in rows_of(database, "SELECT id::text FROM every_post")} == left
    assert {row[0] for row in rows_of(database, "SELECT post::text FROM topic_post")} == left
    assert cold.rows(database, "post_archive_key") == cold.rows(database, "post_archive")
    assert cold.rows(database, "feed") == 1
    assert cold.rows(database, "reaction WHERE subject NOT IN (SELECT id FROM every_post)") == 0


def test_health_speaks_of_a_mover_that_is_behind_or_fails(
    database: Database, story: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str | None]] = []
    say: Callable[..., None] = lambda *word: said.append(word)  # noqa: E731
    one = Mover(database, 3 * DAY_SECONDS, 0, "me", threading.Event(), say, batch=2)
    one._report()
    assert said[-1][0] == "degraded"
    assert said[-1][1] == "Posts up to 12.0 days old still wait to be archived."
    one()
    assert said[-1] == ("ok", None)
    # posts a little past the window are no news
    records.put_post(database, "late", time=cold.ago(database, days=3, seconds=BEHIND_SECONDS / 2))
    one._report()
    assert said[-1] == ("ok", None)
    database.execute(Command("ALTER TABLE post_archive ADD CHECK (seq < 0) NOT VALID"))
    for attempt in range(FAILURES):
        assert said[-1][0] == "ok", attempt
        with pytest.raises(StoreRejected):
            one()
    assert said[-1][0] == "degraded"
    assert said[-1][1] is not None
    assert said[-1][1].startswith("Old posts are not moved to the archive")
    assert cold.rows(database, "post WHERE uri LIKE '%late'") == 1


def test_zero_days_keep_all_hot(database: Database, story: list[str]) -> None:
    assert Mover(database, 0.0, 0, "me", threading.Event(), lambda *_: None)() == 0
    assert cold.rows(database, "post") == 24


def test_a_post_that_is_somehow_in_both_stays_as_it_is_in_the_archive(database: Database, story: list[str]) -> None:
    # given what no unit does: a row written by hand over one that is cold
    cold.move_all(database)
    records.put_post(database, "p00", feed="other", time=cold.ago(database, days=8), text="another")
    moved = cold.mover(database).move()
    assert (moved.posts, moved.known) == (1, 1)
    assert rows_of(database, f"SELECT text FROM every_post WHERE id = '{story[0]}'") == [("tea number 0 und Strom",)]
