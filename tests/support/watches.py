"""Watches for tests: rows of posts, a job that judges, and what it raised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from services.api.scheduler.leader import Scheduler
from services.api.scheduler.lease import Lease
from services.api.watches.jobs import WatchJob
from services.api.watches.meaning import Meanings
from shared.contracts.ids import author_hash, post_id
from shared.schemas.live import AlertRaised
from shared.schemas.watch import WatchRule
from shared.store import watches as store
from shared.store.database import Command, Database, Statement
from shared.vectors.memory import MemoryIndex
from tests.support.fake_meaning import FakeEmbedder

BEGAN = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

_POSTS = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, tags)
       SELECT id, %(feed)s, uri, author, hash, time, text, ARRAY[language], tags::text[]
         FROM unnest(%(ids)s::uuid[], %(uris)s::text[], %(authors)s::text[], %(hashes)s::bigint[],
                     %(times)s::timestamptz[], %(texts)s::text[], %(languages)s::text[], %(tags)s::text[])
              AS new (id, uri, author, hash, time, text, language, tags)"""
)
_MINUTES = Command(
    """INSERT INTO feed_minute (feed, minute, posts)
       SELECT %(feed)s, date_trunc('minute', time), count(*) FROM unnest(%(times)s::timestamptz[]) AS time GROUP BY 2
       ON CONFLICT (feed, minute) DO UPDATE SET posts = feed_minute.posts + excluded.posts"""
)


class Words(msgspec.Struct, frozen=True):
    """A post to store, at ``minute`` (and its fraction) after BEGAN."""

    minute: float
    text: str
    author: str = "did:plc:a"
    language: str = "en"
    tags: tuple[str, ...] = ()

    @property
    def time(self) -> datetime:
        return BEGAN + self.minute * MINUTE


def put(database: Database, posts: Sequence[Words], *, feed: str = "bluesky", first: int = 0) -> list[UUID]:
    """Store ``posts`` as the relay does; their ids. ``first`` numbers them."""
    uris = [f"at://did:plc:{'a' * 24}/app.bsky.feed.post/{feed}{first + n}" for n in range(len(posts))]
    ids = [post_id(uri) for uri in uris]
    times = [post.time for post in posts]
    with database.transaction() as transaction:
        transaction.execute(
            _POSTS,
            {
                "feed": feed,
                "ids": ids,
                "uris": uris,
                "authors": [post.author for post in posts],
                "hashes": [author_hash(post.author) for post in posts],
                "times": times,
                "texts": [post.text for post in posts],
                "languages": [post.language for post in posts],
                "tags": ["{" + ",".join(f'"{tag}"' for tag in post.tags) + "}" for post in posts],
            },
        )
        transaction.execute(_MINUTES, {"feed": feed, "times": times})
    return ids


def save(database: Database, rule: WatchRule, *, name: str = "tea", destinations: Sequence[str] = ()) -> str:
    """A saved watch that is armed from BEGAN on; its id."""
    row = {"name": name, "rule": msgspec.json.encode(rule).decode(), "destinations": list(destinations)}
    made = database.fetch(store.CREATE, row)[0].id
    database.execute(Command("UPDATE watch SET armed_at = %(at)s WHERE id = %(id)s"), {"at": BEGAN, "id": made})
    return made


class SettledEmbedder(FakeEmbedder):
    """Vectors by the first word, so that texts that begin alike mean the same."""

    settled = True

    def current(self) -> SettledEmbedder:
        return self

    def embed(self, texts: Sequence[str], kind: Any) -> Any:
        return super().embed([text.split()[0] for text in texts], kind)


class Judging:
    """One API process's job and lease; what it published."""

    def __init__(self, database: Database, name: str = "a") -> None:
        self.embedder, self.index = SettledEmbedder(), MemoryIndex()
        self.meanings = Meanings(self.embedder, self.index)
        self.published: list[AlertRaised] = []
        self.said: list[tuple[str, str | None]] = []
        self.lease = Lease(database, "watches", name)
        self.job = WatchJob(
            database,
            self.meanings,
            lateness_seconds=0,
            public_url="https://g.example",
            publish=self.published.append,
            say=lambda state, reason: self.said.append((state, reason)),
            rest=0.0,
        )
        self.scheduler = Scheduler(self.lease, [self.job])

    def catch_up(self) -> None:
        """Turns until nothing waits."""
        assert self.lease.take()
        for _ in range(1000):
            if not self.job.run(self.lease):
                return
        raise AssertionError("it never catches up")


class AlertSeen(msgspec.Struct, frozen=True):
    id: str
    level: int
    began_at: datetime
    at: datetime
    posts: int
    authors: int
    usual: float | None
    kind: str
    reason: str


_ALERTS = Statement(
    "SELECT id::text, level, began_at, at, posts, authors, usual, kind, reason FROM alert ORDER BY seq", AlertSeen
)


def alerts(database: Database) -> list[AlertSeen]:
    return database.fetch(_ALERTS)


def minute_after(time: datetime) -> float:
    """Minutes between BEGAN and ``time``."""
    return (time - BEGAN) / MINUTE


def unit(seed: int) -> Any:
    vector = np.random.default_rng(seed).normal(size=384).astype(np.float32)
    return vector / np.linalg.norm(vector)
