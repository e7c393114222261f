"""Posts on both sides of the hot window's edge, and a mover that works at once."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from services.worker.mover import DAY_SECONDS, Mover
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement

HOT_DAYS = 3


class _Now(Schema, frozen=True, kw_only=True):
    now: datetime


class _Number(Schema, frozen=True, kw_only=True):
    rows: int


def ago(database: Database, **since: float) -> datetime:
    """So long before the database's now."""
    return database.fetch(Statement("SELECT now() AS now", _Now))[0].now - timedelta(**since)


def mover(database: Database, holder: str = "me", *, keep_days: int = 0, batch: int = 500) -> Mover:
    return Mover(database, HOT_DAYS * DAY_SECONDS, keep_days, holder, threading.Event(), lambda *_: None, batch=batch)


def move_all(database: Database) -> int:
    """Make cold what is out of the hot window; posts moved."""
    total, one = 0, mover(database)
    while moved := one.move().posts:
        total += moved
    return total


def rows(database: Database, table: str) -> int:
    return database.fetch(Statement(f"SELECT count(*) AS rows FROM {table}", _Number))[0].rows  # noqa: S608 - a test's


def react(database: Database, post: str, *, likes: int, reposts: int = 0) -> None:
    """Reactions as ingestion leaves them: rows, and counters where the post is hot."""
    made = {"post": post, "likes": likes, "reposts": reposts}
    database.execute(
        Command(
            """INSERT INTO reaction (id, subject, kind, event_time)
               SELECT gen_random_uuid(), %(post)s, CASE WHEN n <= %(likes)s THEN 1 ELSE 2 END, now()
                 FROM generate_series(1, %(likes)s + %(reposts)s) AS n"""
        ),
        made,
    )
    database.execute(
        Command("UPDATE post SET likes = likes + %(likes)s, reposts = reposts + %(reposts)s WHERE id = %(post)s"), made
    )
