"""Posts, newest first. A page continues after a post, not after a number, so that new posts shift nothing."""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.api.operations.context import Context
from services.api.operations.queries import PostInput, PostsInput
from services.api.operations.registry import operation
from shared.errors import InputError, NotFound
from shared.schemas.post import Post, PostPage
from shared.store import posts as store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@operation("/api/v1/posts", scope="posts:read", toolset="posts", taints=True, core=True)
async def posts(context: Context, query: PostsInput) -> PostPage:
    """Stored posts, newest first by event time. ``next`` of a page is ``before`` of the following one."""
    params: dict[str, object] = {"limit": query.limit + 1, "feed": query.feed}
    if query.before is None:
        statement = store.LATEST if query.feed is None else store.LATEST_OF_FEED
    else:
        params["time"], params["id"] = read_position(query.before)
        statement = store.LATEST_BEFORE if query.feed is None else store.LATEST_OF_FEED_BEFORE
    rows = await context.services.database.fetch(statement, params)
    page = [row.post() for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return PostPage(posts=page, next=position(page[-1]) if more else None)


@operation("/api/v1/posts/{post}", scope="posts:read", toolset="posts", taints=True, core=True)
async def post(context: Context, query: PostInput) -> Post:
    """One stored post. A post its author deleted is not found."""
    row = await context.services.database.fetch_one(store.ONE, {"id": query.post})
    if row is None:
        raise NotFound("There is no such post.", why="It was never stored, or its author deleted it.")
    return row.post()


def position(last: Post) -> str:
    """The place after ``last``, as opaque text."""
    packed = struct.pack(">q16s", (last.time - _EPOCH) // _MICROSECOND, UUID(last.id).bytes)
    return base64.urlsafe_b64encode(packed).decode()


def read_position(text: str) -> tuple[datetime, UUID]:
    """What ``position`` wrote. Raises InputError for anything else."""
    try:
        micros, raw = struct.unpack(">q16s", base64.b64decode(text, altchars=b"-_", validate=True))
        return _EPOCH + micros * _MICROSECOND, UUID(bytes=raw)
    except (binascii.Error, struct.error, OverflowError, ValueError) as error:
        raise InputError(
            "The request is not valid.", why="`before` is not a position we gave.", do="Begin without it."
        ) from error
