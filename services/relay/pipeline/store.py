"""One batch, one transaction: rows, counters, gap, quarantine and the cursor, or nothing (invariant 1)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from services.relay.events import AccountNotice, Batch, NewPost, Refused
from services.relay.pipeline import gaps
from services.relay.rereading import Progress
from shared.store import archive, cursors, departures, ingest
from shared.store.database import Database, Transaction

#: Bytes of a refused frame that are kept.
MAX_RAW = 65_536


class Origin(msgspec.Struct, frozen=True):
    """Which feed a batch came from, over which wire and host."""

    feed: str
    wire: str
    host: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch changed. ``removed`` are all new tombstones; ``cursor`` is the feed's as committed.

    ``departed`` are posts taken back because their authors are gone, ``departures`` counts those who went.
    """

    fresh: list[UUID] = []
    changed: list[UUID] = []
    removed: list[UUID] = []
    departed: list[UUID] = []
    departures: int = 0
    likes: int = 0
    reposts: int = 0
    undone: int = 0
    duplicates: int = 0
    quarantined: int = 0
    gap_us: int = 0
    cursor: cursors.Cursor

    @property
    def stored(self) -> int:
        """Events that changed the record."""
        return len(self.fresh) + len(self.changed) + len(self.removed) + self.likes + self.reposts + self.undone


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed stands before a batch: its position, the host that gave it, the database's clock.

    ``following``: a connection's change from replay to live is still to come or to be bounded.
    ``overlap``: from when to when the connection has given again what lies before that position.
    ``again``: the batch is of a stretch that is read again.
    """

    position: int
    host: str
    now_us: int
    following: bool = False
    overlap: tuple[int, int] | None = None
    again: Progress | None = None


def store(database: Database, origin: Origin, batch: Batch, place: Place) -> Outcome:
    """Store ``batch``; all or nothing.

    Raises StoreUnavailable when PostgreSQL is away and StoreRejected when it refuses a value.
    """
    feed = {"feed": origin.feed}
    with database.transaction() as transaction:
        transaction.execute(ingest.BEGIN)
        gap_us = gaps.note(transaction, origin.feed, batch, place.position, place.host, place.now_us)
        left = _notices(transaction, batch.notices)
        fresh, changed = _posts(transaction, feed, batch)
        late = [post.id for post in fresh if post.late]
        departed = transaction.fetch(departures.REMOVE, {"posts": late}) if late else []
        added = _reactions(transaction, feed, batch)
        undone = _undoings(transaction, batch)
        removed = _removals(transaction, feed, batch)
        quarantined = _quarantine(transaction, feed, batch)
        counts = {
            "posts": len(fresh),
            "likes": added.likes,
            "reposts": added.reposts,
            "deletes": len(removed),
            "duplicates": batch.repeated
            + sum(passing.time_us <= place.position for passing in batch.passing)
            + (len(batch.posts) - len(fresh) - len(changed))
            + (len(batch.removals) - len(removed))
            + (len(batch.reactions) - added.likes - added.reposts)
            + (len(batch.undoings) - undone.likes - undone.reposts),
            "quarantined": quarantined,
        }
        moved = transaction.fetch(
            cursors.MOVE_CURSOR,
            {
                **counts,
                "feed": origin.feed,
                "wire": origin.wire,
                "host": origin.host,
                "position": batch.position,
                "token": batch.token,
                "events": batch.events,
            },
        )
        if place.following and batch.position is not None:
            gaps.follow(transaction, origin.feed, batch, place.now_us)
        if place.overlap is not None:
            gaps.fill(transaction, origin.feed, place.overlap)
        if place.again is not None:
            found = batch.events - counts["duplicates"]
            gap_us += gaps.settle(transaction, origin.feed, batch, place.again, found)
    return Outcome(
        fresh=[post.id for post in fresh],
        changed=[post.id for post in changed],
        removed=[post.id for post in removed],
        departed=[post.id for post in departed],
        departures=left,
        likes=added.likes,
        reposts=added.reposts,
        undone=undone.likes + undone.reposts,
        duplicates=counts["duplicates"],
        quarantined=quarantined,
        gap_us=gap_us,
        cursor=moved[0],
    )


def _notices(transaction: Transaction, notices: list[AccountNotice]) -> int:
    """Note who is gone and who is there; how many are newly gone."""
    if not notices:
        return 0
    newest = {notice.author: notice for notice in sorted(notices, key=lambda one: (one.time_us, one.gone))}.values()
    noted = transaction.fetch(
        departures.NOTE,
        {
            "authors": [notice.author for notice in newest],
            "hashes": [notice.author_hash for notice in newest],
            "gone": [notice.gone for notice in newest],
            "times": [notice.time_us for notice in newest],
        },
    )
    return sum(word.gone for word in noted)


_NONE = ingest.Reactions(likes=0, reposts=0)


def _posts(
    transaction: Transaction, feed: dict[str, Any], batch: Batch
) -> tuple[list[ingest.Stored], list[ingest.Changed]]:
    if not batch.posts:
        return [], []
    transaction.copy_packed(ingest.COPY_POSTS, [_post_row(place, post) for place, post in enumerate(batch.posts)])
    fresh = transaction.fetch(ingest.INSERT_POSTS, feed)
    if not any(post.replaces for post in batch.posts):
        return fresh, []
    if transaction.fetch(archive.ANY_REPLACED)[0].cold:
        transaction.execute(archive.BACK_REPLACED)
    new = {post.id for post in fresh}
    return fresh, [post for post in transaction.fetch(ingest.REPLACE_POSTS) if post.id not in new]


def _post_row(place: int, post: NewPost) -> bytes:
    epoch = ingest.POSTGRES_EPOCH_US
    return ingest.post_row(
        post.id,
        post.uri,
        post.author,
        post.author_hash,
        post.time_us - epoch,
        None if post.claimed_us is None else post.claimed_us - epoch,
        post.text,
        (post.languages, post.tags, post.links, post.terms),
        post.fingerprint,
        post.reply_to,
        post.replaces,
        None if post.tombstone is None else post.tombstone.bytes,
        place,
    )


def _reactions(transaction: Transaction, feed: dict[str, Any], batch: Batch) -> ingest.Reactions:
    if not batch.reactions:
        return _NONE
    epoch = ingest.POSTGRES_EPOCH_US
    rows = [ingest.reaction_row(made.id, made.subject, made.kind, made.time_us - epoch) for made in batch.reactions]
    transaction.copy_packed(ingest.COPY_REACTIONS, rows)
    return transaction.fetch(ingest.INSERT_REACTIONS, feed)[0]


def _undoings(transaction: Transaction, batch: Batch) -> ingest.Reactions:
    if not batch.undoings:
        return _NONE
    epoch = ingest.POSTGRES_EPOCH_US
    rows = [ingest.undoing_row(undoing.id, undoing.kind, undoing.time_us - epoch) for undoing in batch.undoings]
    transaction.copy_packed(ingest.COPY_UNDOINGS, rows)
    return transaction.fetch(ingest.UNDO_REACTIONS)[0]


def _removals(transaction: Transaction, feed: dict[str, Any], batch: Batch) -> list[ingest.Changed]:
    if not batch.removals:
        return []
    epoch = ingest.POSTGRES_EPOCH_US
    transaction.copy_in(
        ingest.COPY_REMOVALS,
        (
            (
                *(removal.id, removal.uri, removal.author, removal.author_hash, removal.time_us - epoch),
                removal.tombstone,
            )
            for removal in batch.removals
        ),
    )
    if transaction.fetch(archive.ANY_REMOVED)[0].cold:
        transaction.execute(archive.BACK_REMOVED)
    return transaction.fetch(ingest.REMOVE_POSTS, feed)


def _quarantine(transaction: Transaction, feed: dict[str, Any], batch: Batch) -> int:
    if not batch.refused:
        return 0
    kept: dict[UUID, Refused] = {}
    times: dict[UUID, int] = {}
    for refused in batch.refused:
        key = _quarantine_id(feed["feed"], refused)
        kept.setdefault(key, refused)
        times[key] = times.get(key, 0) + 1
    rows = list(kept.values())
    transaction.execute(
        ingest.QUARANTINE,
        {
            **feed,
            "ids": list(kept),
            "reasons": [refused.reason for refused in rows],
            "details": [refused.detail.replace("\x00", "\ufffd") for refused in rows],
            "sizes": [min(refused.frame.size, 2**31 - 1) for refused in rows],
            "raws": [refused.frame.data[:MAX_RAW] for refused in rows],
            "times": [times[key] for key in kept],
        },
    )
    return len(batch.refused)


def _quarantine_id(feed: str, refused: Refused) -> UUID:
    digest = blake2b(refused.frame.data, digest_size=16, key=feed.encode()[:64])
    return UUID(bytes=digest.digest())
