"""One batch, one transaction: rows, counters, gap, quarantine and the cursor, or nothing (invariant 1)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from services.relay.events import Batch, NewPost, Refused
from services.relay.frames import Missing
from shared.store import cursors, ingest
from shared.store.database import Database, Transaction

#: Bytes of a refused frame that are kept.
MAX_RAW = 65_536
#: After a resume the first event may be this much past the position before it means that some are missing.
MAX_SILENCE_US = 5_000_000
#: Cause of a gap: the feed silently answered from a later point than was asked for.
CLAMPED = "clamped"


class Origin(msgspec.Struct, frozen=True):
    """Which feed a batch came from, over which wire and host."""

    feed: str
    wire: str
    host: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch changed. ``removed`` are all new tombstones; ``cursor`` is the feed's as committed."""

    fresh: list[UUID] = []
    changed: list[UUID] = []
    removed: list[UUID] = []
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


def store(database: Database, origin: Origin, batch: Batch, position: int) -> Outcome:
    """Store ``batch``; all or nothing. ``position`` is the feed's cursor before it.

    Raises StoreUnavailable when PostgreSQL is away and StoreRejected when it refuses a value.
    """
    feed = {"feed": origin.feed}
    with database.transaction() as transaction:
        transaction.execute(ingest.BEGIN)
        fresh, changed = _posts(transaction, feed, batch)
        added = _reactions(transaction, feed, batch)
        undone = _undoings(transaction, batch)
        removed = _removals(transaction, feed, batch)
        quarantined = _quarantine(transaction, feed, batch)
        gap_us = _gap(transaction, feed, batch) + _missing(transaction, feed, batch)
        counts = {
            "posts": len(fresh),
            "likes": added.likes,
            "reposts": added.reposts,
            "deletes": len(removed),
            "duplicates": batch.repeated
            + sum(passing.time_us <= position for passing in batch.passing)
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
    return Outcome(
        fresh=[post.id for post in fresh],
        changed=[post.id for post in changed],
        removed=[post.id for post in removed],
        likes=added.likes,
        reposts=added.reposts,
        undone=undone.likes + undone.reposts,
        duplicates=counts["duplicates"],
        quarantined=quarantined,
        gap_us=gap_us,
        cursor=moved[0],
    )


_NONE = ingest.Reactions(likes=0, reposts=0)


def _posts(
    transaction: Transaction, feed: dict[str, Any], batch: Batch
) -> tuple[list[ingest.Stored], list[ingest.Changed]]:
    if not batch.posts:
        return [], []
    transaction.copy_in(ingest.COPY_POSTS, (_post_row(place, post) for place, post in enumerate(batch.posts)))
    fresh = transaction.fetch(ingest.INSERT_POSTS, feed)
    if not any(post.replaces for post in batch.posts):
        return fresh, []
    new = {post.id for post in fresh}
    return fresh, [post for post in transaction.fetch(ingest.REPLACE_POSTS) if post.id not in new]


def _post_row(place: int, post: NewPost) -> tuple[Any, ...]:
    return (
        post.id,
        post.uri,
        post.author,
        post.author_hash,
        post.time_us - ingest.POSTGRES_EPOCH_US,
        None if post.claimed_us is None else post.claimed_us - ingest.POSTGRES_EPOCH_US,
        post.text,
        post.languages,
        post.tags,
        post.links,
        post.terms,
        post.fingerprint,
        post.reply_to,
        post.replaces,
        post.tombstone,
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


def _gap(transaction: Transaction, feed: dict[str, Any], batch: Batch) -> int:
    """Record what the feed left out after a resume; how long it is, 0 for none.

    The cursor is asked for with an overlap, so the event at the position itself was due again: a
    first event well past it means that the feed no longer keeps what is between.
    """
    resume = batch.resume
    if resume is None or batch.first_us is None or resume.position <= 0:
        return 0
    length = batch.first_us - resume.position
    if length <= MAX_SILENCE_US:
        return 0
    evidence = {**resume.evidence, "requested_us": resume.requested, "first_us": batch.first_us}
    _add_gap(transaction, feed, Missing(resume.position, batch.first_us, CLAMPED, evidence))
    return length


def _missing(transaction: Transaction, feed: dict[str, Any], batch: Batch) -> int:
    """Record what the source itself said it cannot read; how long that is."""
    for missing in batch.missing:
        _add_gap(transaction, feed, missing)
    return sum(missing.end_us - missing.start_us for missing in batch.missing)


def _add_gap(transaction: Transaction, feed: dict[str, Any], missing: Missing) -> None:
    transaction.execute(
        cursors.ADD_GAP,
        {
            **feed,
            "start_us": missing.start_us,
            "end_us": missing.end_us,
            "cause": missing.cause,
            "evidence": msgspec.json.encode(missing.evidence).decode(),
        },
    )
