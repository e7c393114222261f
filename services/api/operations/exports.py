"""Posts as a file: JSON lines, or CSV for a spreadsheet. A long export is several files, each after the last."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.queries import Name
from services.api.operations.registry import File, operation
from shared.contracts.ids import author_hash
from shared.errors import InputError
from shared.schemas.base import Schema
from shared.schemas.post import Post
from shared.store import exports as store
from shared.store import shares

POSTS_MOST = 10_000
_DAY, _MOST = timedelta(days=1), timedelta(days=7)
Time = Annotated[datetime, Meta(tz=True)]
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "id", "time", "feed", "author", "text", "languages", "tags", "links", "likes", "reposts", "reply_to", "url"
)  # fmt: skip


class ExportInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Posts of [``since``, ``until``), seven days at most, oldest first; of one feed, language, author, topic.

    Without ``until`` up to the newest post, without ``since`` the day before. ``after`` is the id of the last post of
    the file before: this one goes on behind it.
    """

    format: Literal["jsonl", "csv"] = "jsonl"
    since: Time | None = None
    until: Time | None = None
    feed: Name | None = None
    language: Annotated[str, Meta(pattern="^[A-Za-z]{2,3}$", examples=["en", "de"])] | None = None
    author: Name | None = None
    topic: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=POSTS_MOST)] = 1_000
    after: UUID | None = None


@operation(
    "/api/v1/exports/posts", scope="posts:read", toolset="posts", taints=True, heavy=True, media_type="text/plain"
)
async def export_posts(context: Context, query: ExportInput) -> File:
    """Posts as a file of JSON lines or CSV, oldest first, up to 10,000; `after` the last id for the next file."""
    newest = await context.services.database.fetch_one(shares.NEWEST)
    until = query.until or _behind(newest.time if newest else None)
    since = query.since or until - _DAY
    if not timedelta(0) < until - since <= _MOST:
        raise InputError(
            "The request is not valid.",
            why="From `since` to `until` it is no time, or more than seven days.",
            do="Take several files.",
        )
    rows = await context.services.database.fetch(
        store.POSTS,
        {
            "since": since,
            "until": until,
            "feed": query.feed,
            "language": None if query.language is None else query.language.lower(),
            "hash": None if query.author is None else author_hash(query.author),
            "topic": query.topic,
            "limit": query.limit,
            "after": query.after,
        },
    )
    posts = [row.post() for row in rows]
    name = f"posts-{posts[0].time:%Y%m%dT%H%M%S}-{len(posts)}" if posts else "posts-none"
    if query.format == "jsonl":
        return File(content=b"".join(msgspec.json.encode(post) + b"\n" for post in posts), name=f"{name}.jsonl")
    return File(content=as_csv(posts).encode(), name=f"{name}.csv")


def _behind(newest: datetime | None) -> datetime:
    return (newest or datetime.now(UTC)) + timedelta(microseconds=1)


def as_csv(posts: list[Post]) -> str:
    """``posts`` as a table that no spreadsheet takes for formulas: what could begin one gets a quote before it."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    for post in posts:
        table.writerow([_cell(getattr(post, column)) for column in _COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
