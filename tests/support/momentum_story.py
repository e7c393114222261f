"""A short stream with a story, put into the store minute by minute, and the real momentum job that follows it.

``python -m tests.support.momentum_story POSTGRES_URL POINT TIME`` follows it from where the last process was, and is
ended by SIGKILL the ``TIME``-th time it comes to ``POINT`` (at none of ``POINTS``: lives to the end).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from services.api.entry import Maker
from services.api.momentum import jobs
from services.api.momentum.engine import Engine
from services.api.momentum.jobs import MomentumJob
from services.api.scheduler.lease import Lease
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.store import momentum as store
from shared.store.database import Command, Database, Statement, Transaction
from tests.support import records
from tests.support.records import BEGAN

MINUTES = 40
#: In the order of one write: the snapshot is made, topics are written, what the engine was told or its snapshot is,
#: and it is committed; "told" and "kept" are before a commit.
POINTS = ("packed", "written", "told", "told committed", "kept", "kept committed")


class Line(msgspec.Struct, frozen=True):
    line: str


class Number(msgspec.Struct, frozen=True):
    number: int


STORED = Statement(
    """SELECT row_to_json(t)::text AS line FROM topic t UNION ALL
       SELECT row_to_json(m)::text FROM topic_minute m UNION ALL
       SELECT row_to_json(p)::text FROM topic_post p ORDER BY line""",
    Line,
)
_PUT = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, terms, fingerprint)
       SELECT id, 'bluesky', id::text, id::text, hash, time, 'x', string_to_array(terms, ' '), hash
         FROM unnest(%(ids)s::uuid[], %(hashes)s::bigint[], %(times)s::timestamptz[], %(terms)s::text[])
              AS new (id, hash, time, terms)"""
)
_DELETE = Command(
    """WITH gone AS (UPDATE post SET deleted_at = now(), text = '', terms = '{}' WHERE id = ANY (%(ids)s::uuid[])
                     RETURNING id, feed, event_time)
       INSERT INTO post_deletion (feed, post, event_time) SELECT feed, id, event_time FROM gone"""
)
_PUT_SO_FAR = Statement("SELECT count(DISTINCT date_trunc('minute', event_time))::integer AS number FROM post", Number)


def put_minute(database: Database, minute: int) -> None:
    """Forty posts on everyday words; from minute 26 on, ten of them tell of a bridge. A post of the minute before
    and one of four minutes before are deleted: one still counts for nothing, the other for its story."""
    rows: dict[str, list[Any]] = {"ids": [], "hashes": [], "times": [], "terms": []}
    for number in range(40):
        story = " harbour bridge" if minute >= 26 and number % 4 == 0 else ""
        rows["ids"].append(post_id(f"{minute}-{number}"))
        rows["hashes"].append((minute * 40 + number) * 0x9E3779B97F4A7C15 % 2**63)
        rows["times"].append(BEGAN + timedelta(minutes=minute, seconds=number))
        rows["terms"].append(f"word{(minute * 7 + number) % 60}{story}")
    database.execute(_PUT, rows)
    database.execute(_DELETE, {"ids": [post_id(f"{minute - 1}-4"), post_id(f"{minute - 4}-0")]})
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=minute + 1))


def process(database: Database) -> MomentumJob:
    return MomentumJob(database, Maker(Settings()), publish=lambda _: None, say=lambda *_: None)


def follow(database: Database, *, until: int = MINUTES, killed_every: int = 1000) -> None:
    """Put the stream's minutes to ``until`` and follow them, by processes that each live for so many."""
    lease = Lease(database, "scheduler", "holder")
    assert lease.take()
    job = process(database)
    while job.run(lease):
        pass
    for minute in range(database.fetch(_PUT_SO_FAR)[0].number, until):
        put_minute(database, minute)
        while job.run(lease):
            pass
        if minute % killed_every == killed_every - 1:
            job = process(database)


def die_at(point: str, time: int) -> None:
    """End this process the ``time``-th time the job comes to ``point``."""
    seen: dict[str, int] = {}
    last = ""

    def reached(place: str) -> None:
        seen[place] = seen.get(place, 0) + 1
        if (place, seen[place]) == (point, time):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(home: Any, name: str, say: Callable[..., None]) -> None:
        genuine = getattr(home, name)

        def method(*args: Any, **options: Any) -> Any:
            value = genuine(*args, **options)
            say(*args)
            return value

        setattr(home, name, method)

    def executed(_: Transaction, command: Command, *rest: object) -> None:
        nonlocal last
        if command in (store.SAVE, store.SAVE_TOLD):
            last = "kept" if command is store.SAVE else "told"
            reached(last)

    after(Engine, "snapshot", lambda *_: reached("packed"))
    after(jobs, "write_ticks", lambda *_: reached("written"))
    after(Transaction, "execute", executed)
    after(MomentumJob, "_tell", lambda *_: reached(f"{last} committed"))


def main() -> None:
    url, point, time = sys.argv[1:]
    die_at(point, int(time))
    database = Database(Settings(postgres_url=url), name="test", size=2)
    database.open()
    follow(database)
    database.close()


if __name__ == "__main__":
    main()
