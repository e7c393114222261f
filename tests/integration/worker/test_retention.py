"""What is old leaves, in batches; nothing else does."""

# ruff: noqa: S608 - the ages are constants of this file

from __future__ import annotations

import threading
from importlib.resources import files
from uuid import uuid4

from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.state import DatabaseClock
from services.worker.housekeeping import Housekeeping
from shared.schemas.base import Schema
from shared.store import momentum
from shared.store.database import Command, Database, Statement
from tests.support import wire
from tests.support.runs import ask
from tests.support.wire import SECOND

OLD, YOUNG = "31 days", "29 days"
IS_OLD = "deleted_at IS NULL AND event_time < now() - interval '30 days'"
TABLES = (
    "post",
    "reaction",
    "embedding_pending",
    "post_deletion",
    "topic",
    "topic_minute",
    "topic_post",
    "quarantine",
    "feed_minute",
    "feed_drop",
    "feed_recheck",
    "account_departure",
    "feed_gap",
    "run",
    "unit_report",
)


class Cause(Schema, frozen=True, kw_only=True):
    cause: str


class Rows(Schema, frozen=True, kw_only=True):
    rows: int


def counts(database: Database) -> dict[str, int]:
    return {
        table: database.fetch(Statement(f"SELECT count(*)::integer AS rows FROM {table}", Rows))[0].rows
        for table in TABLES
    }


def fill(database: Database, age: str, posts: int) -> None:
    """One of everything, a tombstone among them, ``age`` old, and ``posts`` posts."""
    at = {"age": age, "topic": f"topic-{age}", "id": uuid4()}
    then = f"now() - interval '{age}'"
    with database.transaction() as transaction:
        for sql in (
            "INSERT INTO feed (id, kind, url) VALUES ('f', 'jetstream', 'wss://x') ON CONFLICT DO NOTHING",
            f"INSERT INTO reaction VALUES (%(id)s, NULL, 1, {then})",
            f"INSERT INTO post_deletion (feed, post, event_time) VALUES ('f', %(id)s, {then})",
            f"INSERT INTO quarantine (id, feed, reason, size, raw, received_at) "
            f"VALUES (%(id)s, 'f', 'x', 1, '', {then})",
            f"INSERT INTO feed_minute (feed, minute) VALUES ('f', {then})",
            f"INSERT INTO feed_drop (id, feed, cause, ended_at) VALUES (%(id)s, 'f', 'network', {then})",
            f"INSERT INTO feed_recheck (feed, cause, host, start_us, opened_us, done_at) "
            f"VALUES ('f', 'gap', 'h', 1, 1, {then})",
            f"INSERT INTO account_departure VALUES (%(id)s::text, 1, true, {then}, {then})",
            f"INSERT INTO feed_gap (feed, start_time, end_time, cause) "
            f"VALUES ('f', {then}, {then} + interval '1 s', 'x')",
            f"""INSERT INTO topic VALUES (%(topic)s, 'l', '{{}}', 'ended', 0, 0, 0, 0, 0, false, {then}, {then}, {then},
                                          '{{}}', 'w')""",
            f"""INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, deleted_at)
                VALUES (%(id)s, 'f', '', 'a', 1, {then}, '', {then})""",
            f"INSERT INTO topic_minute VALUES (%(topic)s, {then}, 1, 1, 1)",
            f"INSERT INTO topic_post VALUES (%(topic)s, %(id)s, {then})",
            f"""INSERT INTO unit_report (unit, instance, component, state, reported_at)
                VALUES ('u', %(age)s, 'c', 'ok', {then})""",
        ):
            transaction.execute(Command(sql), at)
        for _ in range(posts):
            post = {**at, "id": uuid4()}
            transaction.execute(
                Command(
                    f"""INSERT INTO post (id, feed, uri, author, author_hash, event_time, text)
                        VALUES (%(id)s, 'f', %(id)s, 'a', 1, {then}, 't')"""
                ),
                post,
            )
            transaction.execute(Command("INSERT INTO embedding_pending VALUES (%(id)s, 1)"), post)


def test_old_rows_leave_in_batches_and_nothing_else(database: Database) -> None:
    # given old and young rows of everything
    fill(database, OLD, posts=7)
    fill(database, YOUNG, posts=2)
    run = ask(database, "topic-old")
    # when a pass with batches of three runs
    removed = Housekeeping(database, 30, "me", threading.Event(), batch=3)()
    # then only the young are left, and what has no age limit
    assert removed["post"] == 7
    left = counts(database)
    assert (left["post"], left["embedding_pending"]) == (3, 2)  # the tombstone that is young stays too
    assert (left["run"], left["unit_report"]) == (1, 0)
    assert {left[table] for table in TABLES[3:12]} == {1}
    assert left["reaction"] == 1
    assert run


def test_vectors_of_old_posts_are_to_leave_the_index(database: Database) -> None:
    fill(database, OLD, posts=4)
    fill(database, YOUNG, posts=2)
    old = database.fetch(Statement(f"SELECT id::text AS cause FROM post WHERE {IS_OLD} ORDER BY id", Cause))
    # given one whose vector was to leave already
    database.execute(Command("INSERT INTO vector_removal VALUES (%(post)s)"), {"post": old[0].cause})
    Housekeeping(database, 30, "me", threading.Event(), batch=3)()
    to_go = database.fetch(Statement("SELECT post::text AS cause FROM vector_removal ORDER BY post", Cause))
    assert (len(to_go), to_go) == (4, old)


def test_zero_days_keeps_everything(database: Database) -> None:
    fill(database, OLD, posts=1)
    before = counts(database)
    assert Housekeeping(database, 0, "me", threading.Event())() == {}
    assert counts(database) == {**before, "unit_report": 0}


def test_only_the_holder_of_the_lease_removes(database: Database) -> None:
    fill(database, OLD, posts=1)
    stop = threading.Event()
    first, second = (Housekeeping(database, 30, name, stop) for name in ("first", "second"))
    assert first()["post"] == 1
    fill(database, "32 days", posts=1)
    assert second() == {}
    database.execute(Command("UPDATE lease SET expires_at = now() - interval '1 s'"))
    assert second()["post"] == 1


def test_old_alerts_leave_with_their_deliveries_and_their_counts(database: Database) -> None:
    for sql in (
        "INSERT INTO watch (id, name, rule, armed_at) VALUES (uuidv7(), 'w', '{}', now())",
        "INSERT INTO destination (name, kind, url) VALUES ('d', 'slack', 'https://x')",
        f"""INSERT INTO alert (id, watch, kind, level, began_at, at, raised_at, minutes, posts, authors, provisional,
                               matched, languages, samples, topics, reason)
            SELECT uuidv7(), id, 'threshold', 0, now(), now(), now() - age, 1, 1, 1, false, '[]',
                   '{{}}', '{{}}', '{{}}', 'r'
              FROM watch, unnest(ARRAY[interval '{OLD}', interval '{YOUNG}']) AS age""",
        "INSERT INTO delivery (alert, destination) SELECT alert.id, destination.id FROM alert, destination",
        f"INSERT INTO delivery (destination, created_at) SELECT id, now() - interval '{OLD}' FROM destination",
        f"INSERT INTO watch_minute SELECT id, now() - interval '{OLD}', 1 FROM watch",
        f"INSERT INTO watch_minute SELECT id, now() - interval '{YOUNG}', 1 FROM watch",
    ):
        database.execute(Command(sql))
    removed = Housekeeping(database, 30, "me", threading.Event(), batch=3)()
    assert (removed["alert"], removed["delivery"], removed["watch_minute"]) == (1, 1, 1)
    for table in ("alert", "delivery", "watch_minute", "watch", "destination"):
        left = database.fetch(Statement(f"SELECT count(*)::integer AS rows FROM {table}", Rows))[0].rows
        assert left == 1, table


def test_a_gap_stays_while_it_may_be_read_again(database: Database) -> None:
    # given four old gaps: one that waits for a second reading, one inside a reading without end on
    # another feed, one whose reading is done, and one nobody reads again
    database.execute(
        Command("INSERT INTO feed (id, kind, url) VALUES ('f', 'jetstream', 'x'), ('g', 'jetstream', 'x')")
    )
    for feed, hour, again in (("f", 1, "due"), ("g", 1, "open"), ("f", 5, "done"), ("f", 9, "")):
        start = f"(date_trunc('hour', now()) - interval '{OLD}' + interval '{hour} hours')"
        database.execute(
            Command(
                f"""INSERT INTO feed_gap (feed, start_time, end_time, cause)
                    VALUES ('{feed}', {start}, {start} + interval '1 hour', '{again}')"""
            )
        )
        if not again:
            continue
        start_us = f"(extract(epoch FROM {start}) * 1000000)::bigint"
        end = "NULL" if again == "open" else f"{start_us} + 3600000000"
        done = "now()" if again == "done" else "NULL"
        database.execute(
            Command(
                f"""INSERT INTO feed_recheck (feed, cause, host, start_us, end_us, opened_us, done_at)
                    VALUES ('{feed}', 'gap', 'h', {start_us}, {end}, {start_us}, {done})"""
            )
        )
    # when
    removed = Housekeeping(database, 30, "me", threading.Event(), batch=3)()
    # then
    assert removed["feed_gap"] == 2
    left = database.fetch(Statement("SELECT cause FROM feed_gap ORDER BY cause", Cause))
    assert [gap.cause for gap in left] == ["due", "open"]
    # when both were read again, they leave too
    database.execute(Command("UPDATE feed_recheck SET done_at = now()"))
    assert Housekeeping(database, 30, "me", threading.Event(), batch=3)()["feed_gap"] == 2


def test_a_tombstone_outlives_every_replay_and_no_more(database: Database) -> None:
    # given deletions of posts that were never read, and of one that was, three and eight days old
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('f', 'jetstream', 'wss://x')"))
    database.execute(
        Command(
            """INSERT INTO feed_cursor (feed, wire, host, position, event_time)
               VALUES ('f', 'jetstream/1', 'h', 0, now())"""
        )
    )
    clock = DatabaseClock()
    pipeline = Pipeline(database, Origin("f", "jetstream/1", "h"), clock, 0)
    days = {age: clock.now_us() - age * 86_400 * SECOND for age in (3, 8)}
    frames = [wire.post(1, "read", days[8]), wire.delete(1, "read", days[8])]
    frames += [wire.delete(1, f"unseen{age}", days[age]) for age in days]
    for frame in frames:
        data = wire.encode(frame)
        pipeline.process([Frame(data, len(data))])
    # then momentum is told of the one it may have counted
    follow = {"feed": "f", "after": 0, "limit": 10}
    assert len(database.fetch(momentum.DELETIONS_AFTER, follow)) == 1
    # when a retention of one day passes
    removed = Housekeeping(database, 1, "me", threading.Event())()
    # then the old are gone, and the young still keep their posts out
    assert removed["post_deletion"] == 2
    late = wire.encode(wire.post(1, "unseen3", days[3], "deleted long ago"))
    pipeline.process([Frame(late, len(late))])
    posts = Statement("SELECT uri AS cause FROM post WHERE text <> '' OR deleted_at IS NOT NULL", Cause)
    assert [row.cause for row in database.fetch(posts)] == [wire.uri(1, "unseen3")]


def test_tombstones_from_before_the_migration_are_found(database: Database) -> None:
    # given a tombstone that nothing lists
    fill(database, OLD, posts=0)
    database.execute(Command("DELETE FROM post_deletion"))
    # when the migration's statement runs
    sql = files("shared.store.migrations").joinpath("0008_tombstones.sql").read_text()
    database.execute(Command(sql[sql.index("INSERT INTO") :]))
    # then
    assert Housekeeping(database, 30, "me", threading.Event())()["post_deletion"] == 1
    assert counts(database)["post"] == 0


def test_calls_of_language_models_stay_for_more_than_a_year(database: Database) -> None:
    database.execute(
        Command(
            """INSERT INTO llm_call (request, month, agent, priority, kind, tier, model, reason, state, bound_nano_usd,
                                     max_tokens, error, created_at, ended_at)
               SELECT uuidv7(), '2026-01', name, 'pipeline', 'simple', 't', 'm', '', state, 1, 1, 'x',
                      now() - make_interval(days => days), CASE state WHEN 'released' THEN now() END
                 FROM (VALUES ('old', 401, 'released'), ('young', 399, 'released'), ('open', 401, 'reserved'))
                      AS made (name, days, state)"""
        )
    )
    removed = Housekeeping(database, 30, "me", threading.Event())()
    assert removed == {"llm_call": 1}
    left = database.fetch(Statement("SELECT agent AS cause FROM llm_call ORDER BY agent", Cause))
    assert [row.cause for row in left] == ["open", "young"]
