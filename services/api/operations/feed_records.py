"""What the relay keeps of feeds: gaps of all of them, cursors, stretches read again, frames it could not read."""

from __future__ import annotations

import base64
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.feeds import read_feed
from services.api.operations.queries import FeedInput, Name
from services.api.operations.registry import NoInput, operation
from shared.contracts.ids import author_hash
from shared.errors import ConflictError, NotFound
from shared.schemas.base import Schema
from shared.schemas.feed_record import (
    Cursor,
    Departures,
    Forgotten,
    GapPage,
    Quarantine,
    QuarantinedFrame,
    RecheckList,
)
from shared.store import departures as departure_store
from shared.store import feed_records as store

#: Of a frame's bytes.
RAW_SHOWN = 8_192


class GapsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``open=true`` leaves out what was acknowledged. ``before`` is ``next`` of an earlier page."""

    open: bool = False
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    before: UUID | None = None


class AcknowledgeGapsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These gaps, or without any named all there are."""

    gaps: Annotated[list[UUID], Meta(max_length=500)] | None = None


class RechecksInput(FeedInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most ``limit``."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class QuarantineInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one ``feed``, or of all."""

    feed: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ForgetInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account by its id, as posts name it."""

    author: Name


class FrameInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frame by its id."""

    frame: UUID


@operation("/api/v1/gaps", scope="feeds:read", toolset="feeds", taints=True, core=True)
async def gaps(context: Context, query: GapsInput) -> GapPage:
    """Stretches that could not be read, of all feeds, newest first, with cause and evidence, and how many are open."""
    params = {"open": query.open, "before": query.before, "limit": query.limit + 1}
    async with context.services.database.transaction() as transaction:
        found = await transaction.fetch(store.GAPS, params)
        count = await transaction.fetch_one(store.GAPS_OPEN)
    page = found[: query.limit]
    more = len(found) > query.limit
    return GapPage(gaps=page, open=count.count if count else 0, next=page[-1].id if more else None)


@operation(
    "/api/v1/gaps/acknowledge",
    method="POST",
    scope="feeds:write",
    effect="write",
    toolset="feeds",
    taints=True,
    idempotent=True,
)
async def acknowledge_gaps(context: Context, query: AcknowledgeGapsInput) -> GapPage:
    """Note that somebody has looked at gaps: those named, or all. They stay on every chart they touch."""
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.ACKNOWLEDGE, {"gaps": query.gaps})
        found = await transaction.fetch(store.GAPS, {"open": True, "before": None, "limit": 50})
        count = await transaction.fetch_one(store.GAPS_OPEN)
    return GapPage(gaps=found, open=count.count if count else 0)


@operation("/api/v1/feeds/{feed}/cursor", scope="feeds:read", toolset="feeds", taints=True)
async def feed_cursor(context: Context, query: FeedInput) -> Cursor:
    """How far one feed was read and stored: position, host, its own number, and what was counted on the way."""
    async with context.services.database.transaction() as transaction:
        await read_feed(transaction, query.feed)
        found = await transaction.fetch_one(store.CURSOR, {"feed": query.feed})
    if found is None:
        raise ConflictError("This feed has no cursor yet.", why="No event of it was stored.", do="Look at its state.")
    return found


@operation("/api/v1/feeds/{feed}/rechecks", scope="feeds:read", toolset="feeds", taints=True)
async def feed_rechecks(context: Context, query: RechecksInput) -> RecheckList:
    """Stretches of one feed that are read again, or were, and how many events had been missing in them."""
    async with context.services.database.transaction() as transaction:
        await read_feed(transaction, query.feed)
        found = await transaction.fetch(store.RECHECKS, {"feed": query.feed, "limit": query.limit})
    return RecheckList(feed=query.feed, rechecks=found)


@operation("/api/v1/quarantine", scope="feeds:read", toolset="feeds", taints=True)
async def quarantine(context: Context, query: QuarantineInput) -> Quarantine:
    """Frames that could not be read, newest first, and how many there are by reason. Their bytes come one by one."""
    params = {"feed": query.feed, "limit": query.limit}
    async with context.services.database.transaction() as transaction:
        rows = await transaction.fetch(store.FRAMES, params)
        reasons = await transaction.fetch(store.REASONS, params)
    return Quarantine(frames=[_frame(row) for row in rows], reasons=reasons)


@operation("/api/v1/quarantine/{frame}", scope="feeds:read", toolset="feeds", taints=True)
async def quarantined_frame(context: Context, query: FrameInput) -> QuarantinedFrame:
    """One frame that could not be read, with its first 8 KB: what a server sent, byte by byte."""
    row = await context.services.database.fetch_one(store.FRAME, {"frame": query.frame, "bytes": RAW_SHOWN})
    if row is None:
        raise NotFound("There is no such frame.", why="It is too old, or its feed was removed.")
    return _frame(row)


@operation("/api/v1/departures", scope="feeds:read", toolset="feeds", taints=False)
async def departures(context: Context, _: NoInput) -> Departures:
    """Accounts that were deleted or taken down, and how far the removal of what they had posted has come."""
    found = await context.services.database.fetch_one(store.DEPARTURES)
    assert found is not None  # noqa: S101 - an aggregate gives its row
    return found


@operation(
    "/api/v1/departures",
    method="POST",
    scope="feeds:write",
    effect="destroy",
    toolset="feeds",
    taints=False,
    idempotent=True,
    status=202,
)
async def forget_account(context: Context, query: ForgetInput) -> Forgotten:
    """Remove everything an account has posted until now, archived posts too, as if it had left its network.

    The relay does it within minutes, and can be followed in `departures`. What the account posts from now on is stored
    again: this is for a request to forget, not a mute.
    """
    params = {"author": query.author, "hash": author_hash(query.author)}
    noted = await context.services.database.fetch_one(departure_store.FORGET, params)
    assert noted is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return Forgotten(author=noted.author, until=noted.event_time)


def _frame(row: store.FrameRow) -> QuarantinedFrame:
    shown = {name: getattr(row, name) for name in row.__struct_fields__ if name != "raw"}
    if row.raw is None:
        return QuarantinedFrame(**shown)
    try:
        return QuarantinedFrame(**shown, raw=row.raw.decode(), encoding="text")
    except UnicodeDecodeError:
        return QuarantinedFrame(**shown, raw=base64.b64encode(row.raw).decode(), encoding="base64")
