"""What is old leaves, in batches; nothing else does."""

# ruff: noqa: S608 - the ages are constants of this file

from __future__ import annotations

import threading
from uuid import uuid4

from services.worker.housekeeping import Housekeeping
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.support.runs import ask

OLD, YOUNG = "31 days", "29 days"
TABLES = (
    "post",
    "reaction",
    "post_vector",
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
            f"INSERT INTO post_vector VALUES (%(id)s, 'm', 'f', {then}, '{{}}', array_fill(1, ARRAY[384])::halfvec)",
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
    assert {table: left[table] for table in ("run", "feed_gap", "unit_report")} == {
        "run": 1,
        "feed_gap": 2,
        "unit_report": 0,
    }
    assert {left[table] for table in TABLES[4:13]} == {1}
    assert (left["reaction"], left["post_vector"]) == (1, 1)
    assert run


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
