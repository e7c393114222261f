"""From a Jetstream frame to a row, as a competent user writes it: one typed msgspec pass, no checks.

Ids and the fields of a post are made by the product's own functions, so that the same rows come out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.relay import records
from shared.contracts.ids import author_hash, post_id

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"


class Record(msgspec.Struct, rename="camel"):
    """Posts, likes and reposts at once."""

    text: str = ""
    created_at: str = ""
    langs: list[str] = []
    tags: list[str] = []
    reply: records.Reply | None = None
    facets: list[records.Facet] = []
    embed: records.Embed | None = None
    subject: records.Reference | None = None


class Commit(msgspec.Struct):
    """A change of a repository."""

    operation: str
    collection: str
    rkey: str
    record: Record | None = None


class Envelope(msgspec.Struct):
    """One frame."""

    did: str
    time_us: int
    commit: Commit | None = None


class Row(NamedTuple):
    """``kind`` is "post", "reaction", "undo", "delete" or "" (only moves the position)."""

    kind: str
    key: UUID | None
    time_us: int
    values: tuple[object, ...]


_decode = msgspec.json.Decoder(Envelope).decode


def row_of(frame: bytes) -> Row:
    """The row that ``frame`` becomes."""
    return _row(_decode(frame))


def row_from(event: dict[str, Any]) -> Row:
    """The same from a frame that ``json`` decoded."""
    return _row(msgspec.convert(event, Envelope))


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Each key of a kind once."""
    return list({(row.kind, row.key or row.time_us): row for row in rows}.values())


def _row(event: Envelope) -> Row:
    commit, time_us = event.commit, event.time_us
    if commit is None or commit.collection not in (POST, LIKE, REPOST):
        return Row("", None, time_us, ())
    did, record = event.did, commit.record
    uri = f"at://{did}/{commit.collection}/{commit.rkey}"
    key = post_id(uri)
    if record is None:
        if commit.collection == POST:
            return Row("delete", key, time_us, (key, uri, did, author_hash(did), time_us))
        return Row("undo", key, time_us, (key, 1 if commit.collection == LIKE else 2, time_us))
    if record.subject is not None:
        kind = 1 if commit.collection == LIKE else 2
        return Row("reaction", key, time_us, (key, post_id(record.subject.uri), kind, time_us))
    return Row("post", key, time_us, (key, uri, did, author_hash(did), time_us, *_content(record)))


def _content(record: Record) -> tuple[object, ...]:
    post = records.Post(record.text, record.created_at, record.langs, record.tags, None, record.facets, record.embed)
    reply = post_id(record.reply.parent.uri) if record.reply else None
    return (
        records.claimed_us(record.created_at),
        records.clean(record.text),
        records.languages_of(post),
        records.tags_of(post),
        records.links_of(post),
        reply,
    )
