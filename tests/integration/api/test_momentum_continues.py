"""The real engine under the job: kills between passes change nothing of what is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from services.api.entry import Maker
from services.api.momentum.jobs import MomentumJob
from services.api.scheduler.lease import Lease
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.store.database import Command, Database, Statement
from tests.support import records
from tests.support.engines import Postgres
from tests.support.records import BEGAN

MINUTES = 36


class Line(msgspec.Struct, frozen=True):
    line: str


STORED = Statement(
    """SELECT row_to_json(t)::text AS line FROM topic t UNION ALL
       SELECT row_to_json(m)::text FROM topic_minute m UNION ALL
       SELECT row_to_json(p)::text FROM topic_post p ORDER BY line""",
    Line,
)
PUT = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, terms, fingerprint)
       SELECT id, 'bluesky', id::text, id::text, hash, time, 'x', string_to_array(terms, ' '), hash
         FROM unnest(%(ids)s::uuid[], %(hashes)s::bigint[], %(times)s::timestamptz[], %(terms)s::text[])
              AS new (id, hash, time, terms)"""
)


def put_minute(database: Database, minute: int) -> None:
    """Forty posts on everyday words; from minute 26 on, ten of them tell of a bridge."""
    rows: dict[str, list[Any]] = {"ids": [], "hashes": [], "times": [], "terms": []}
    for number in range(40):
        story = " harbour bridge" if minute >= 26 and number % 4 == 0 else ""
        rows["ids"].append(post_id(f"{minute}-{number}"))
        rows["hashes"].append((minute * 40 + number) * 0x9E3779B97F4A7C15 % 2**63)
        rows["times"].append(BEGAN + timedelta(minutes=minute, seconds=number))
        rows["terms"].append(f"word{(minute * 7 + number) % 60}{story}")
    database.execute(PUT, rows)
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=minute + 1))


def process(database: Database) -> MomentumJob:
    return MomentumJob(database, Maker(Settings()), publish=lambda _: None, say=lambda *_: None)


def follow(url: str, *, killed_every: int) -> list[str]:
    """What is stored after following the stream by processes that each live for so many passes."""
    database = Database(Settings(postgres_url=url), name="test", size=2)
    database.open()
    records.put_feed(database)
    lease = Lease(database, "scheduler", "holder")
    assert lease.take()
    job = process(database)
    for minute in range(MINUTES):
        put_minute(database, minute)
        while job.run(lease):
            pass
        if minute % killed_every == killed_every - 1:
            job = process(database)
    stored = [row.line for row in database.fetch(STORED)]
    database.close()
    return stored


def test_killed_processes_store_what_one_that_lived_would_have(postgres: Postgres) -> None:
    with postgres.fresh() as one, postgres.fresh() as other:
        lived = follow(one, killed_every=1000)
        died = follow(other, killed_every=3)
    assert any('"bridge"' in line for line in lived)
    assert died == lived
