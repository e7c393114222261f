"""Compares the record with what the simulator served: posts, deletions, likes and reposts, exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from services.solo.simulator.ledger import Reaction
from services.solo.simulator.stream import Stream
from shared.contracts.ids import post_id
from shared.schemas.base import Schema
from shared.store.database import Database, Statement


class StoredPost(Schema, frozen=True, kw_only=True):
    id: UUID
    uri: str
    deleted: bool
    text: str
    likes: int
    reposts: int


class SweptAccount(Schema, frozen=True, kw_only=True):
    author: str


class Position(Schema, frozen=True, kw_only=True):
    position: int
    quarantined: int
    gaps: int


_POSTS = Statement(
    "SELECT id, uri, deleted_at IS NOT NULL AS deleted, text, likes, reposts FROM every_post WHERE feed = %(feed)s",
    StoredPost,
)
_SWEPT = Statement("SELECT author FROM account_departure WHERE gone AND swept_at IS NOT NULL", SweptAccount)
_POSITION = Statement(
    """SELECT position, quarantined, (SELECT count(*) FROM feed_gap WHERE feed = %(feed)s) AS gaps
         FROM feed_cursor WHERE feed = %(feed)s""",
    Position,
)


class Differences(NamedTuple):
    """All empty or zero when nothing was lost, doubled or forgotten."""

    missing: set[UUID]
    invented: set[UUID]
    doubled: int
    wrongly_deleted: set[UUID]
    wrongly_kept: set[UUID]
    wrong_likes: dict[UUID, tuple[int, int]]
    wrong_reposts: dict[UUID, tuple[int, int]]

    @property
    def none(self) -> bool:
        return not any(self)


def position(database: Database, feed: str = "simulator") -> Position | None:
    return database.fetch_one(_POSITION, {"feed": feed})


def compare(database: Database, stream: Stream, start_us: int, feed: str = "simulator") -> Differences:
    """Differences up to the committed cursor. The relay must not be writing meanwhile.

    What the departed had posted may be gone, and must be once the relay says that it is.
    """
    cursor = position(database, feed)
    assert cursor is not None
    end_us = cursor.position + 1
    ledger = stream.ledger
    authors = {post_id(post.uri): post.author for post in ledger.posts(start_us, end_us)}
    served = authors.keys()
    left = {departure.author for departure in ledger.departures(start_us, end_us)}
    swept = {account.author for account in database.fetch(_SWEPT)}
    may = {post_id(uri) for uri in ledger.deletes(start_us, end_us)}
    deleted = may | {id for id, author in authors.items() if author in swept & left}
    may |= {id for id, author in authors.items() if author in left}
    stored = database.fetch(_POSTS, {"feed": feed})
    ids = {post.id for post in stored}
    kept = {post.id: post for post in stored if not post.deleted}
    return Differences(
        missing=served - ids,
        invented=ids - served,
        doubled=len(stored) - len({post.uri for post in stored}),
        wrongly_deleted={post.id for post in stored if post.deleted} - may,
        wrongly_kept={id for id in kept if id in deleted} | {post.id for post in stored if post.deleted and post.text},
        wrong_likes=_wrong(
            kept,
            Counter(like.subject for like in _standing_likes(stream, start_us, end_us)),
            lambda post: post.likes,
        ),
        wrong_reposts=_wrong(
            kept, Counter(repost.subject for repost in ledger.reposts(start_us, end_us)), lambda post: post.reposts
        ),
    )


def _standing_likes(stream: Stream, start_us: int, end_us: int) -> list[Reaction]:
    taken_back = set(stream.ledger.unlikes(start_us, end_us))
    return [like for like in stream.ledger.likes(start_us, end_us) if like.uri not in taken_back]


def _wrong(
    kept: dict[UUID, StoredPost], expected_by_uri: Counter[str], read: Callable[[StoredPost], int]
) -> dict[UUID, tuple[int, int]]:
    """(stored, expected) where they differ."""
    expected: Counter[UUID] = Counter()
    for uri, count in expected_by_uri.items():
        expected[post_id(uri)] += count
    return {id: (read(post), expected[id]) for id, post in kept.items() if read(post) != expected[id]}
