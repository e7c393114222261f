"""Feeds added, changed, paused and removed. The relay follows the rows within about two seconds."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from services.api.operations.context import Context
from services.api.operations.feeds import no_such_feed, read_feed
from services.api.operations.queries import ChangeFeedInput, CreateFeedInput, RemoveFeedInput
from services.api.operations.registry import operation
from services.api.watches.explain import many
from shared.contracts.feeds import check_feed
from shared.errors import ConflictError
from shared.schemas.feed import Feed
from shared.store import feed_rows as store
from shared.store.database import AsyncTransaction

#: More posts than this are "more than".
COUNTED_MOST = 10_000


@operation(
    "/api/v1/feeds", method="POST", scope="feeds:write", status=201, effect="external", toolset="feeds", taints=True
)
async def create_feed(context: Context, request: CreateFeedInput) -> Feed:
    """Add a feed. The relay opens it within about two seconds, without a restart.

    Its first event is ``backfill_minutes`` back, where the feed keeps that much. Options name files or
    variables that hold secrets, never a secret itself.
    """
    checked = check_feed(request.kind, request.url, request.options)
    async with context.services.database.transaction() as transaction:
        if request.enabled:
            await _room_for_one(context, transaction)
        added = await transaction.execute(
            store.ADD,
            {
                "id": request.id,
                "kind": request.kind,
                "url": checked.url,
                "backfill_minutes": request.backfill_minutes,
                "options": _json(request.options),
                "queue_events": request.queue_events,
                "queue_bytes": request.queue_bytes,
                "enabled": request.enabled,
            },
        )
        if not added:
            raise ConflictError("There is a feed of this id already.", do="Choose another id, or change that feed.")
        return await read_feed(transaction, request.id)


@operation(
    "/api/v1/feeds/{feed}",
    method="PATCH",
    scope="feeds:write",
    effect="external",
    toolset="feeds",
    taints=True,
    idempotent=True,
)
async def change_feed(context: Context, request: ChangeFeedInput) -> Feed:
    """Pause or resume a feed, or change its address, options or limits; it is then opened anew, and is "starting".

    A paused feed keeps its posts and its cursor and goes on from there. What the first feed reads is the
    settings' to say; it can be paused, and its limits changed.
    """
    given = {name: value for name in _FIELDS if (value := getattr(request, name)) is not UNSET}
    async with context.services.database.transaction() as transaction:
        row = await _changeable(transaction, request.feed)
        if row.managed == "settings" and (fixed := given.keys() & {"url", "backfill_minutes", "options"}):
            raise ConflictError(
                "What this feed is comes from the settings.",
                why=f"`{min(fixed)}` is set by GROUNDSWELL_FEED_{min(fixed).upper()}.",
                do="Change that setting and restart the relay, or add another feed.",
            )
        if given.keys() & {"url", "options"}:
            url, options = given.get("url", row.url), given.get("options", row.options)
            checked = check_feed(row.kind, url, options)
            given |= {"url": checked.url} if "url" in given else {}
        if given.get("enabled") and not row.enabled:
            await _room_for_one(context, transaction)
        before = msgspec.structs.asdict(row)
        changed = before | given
        await transaction.execute(store.CHANGE, changed | {"options": _json(changed["options"])})
        if changed["enabled"] and changed != before:
            await transaction.execute(store.OPEN_ANEW, {"feed": request.feed})
        return await read_feed(transaction, request.feed)


_FIELDS = ("enabled", "url", "backfill_minutes", "options", "queue_events", "queue_bytes")


@operation(
    "/api/v1/feeds/{feed}",
    method="DELETE",
    scope="feeds:write",
    status=202,
    effect="destroy",
    toolset="feeds",
    taints=True,
    idempotent=True,
)
async def remove_feed(context: Context, request: RemoveFeedInput) -> Feed:
    """Remove a feed with its cursor, gaps, drops and counts.

    While it has posts this is refused unless ``posts=delete``: then they go too, in the background and in
    small batches, with what hangs on them. To stop a feed and keep its posts, pause it.
    """
    async with context.services.database.transaction() as transaction:
        row = await _changeable(transaction, request.feed, replay=True)
        if row.managed == "settings":
            raise ConflictError(
                "This feed comes from the settings and would return.",
                do="Pause it, or empty GROUNDSWELL_FEED_URL, restart the relay and remove it then.",
            )
        if request.posts != "delete":
            await _refuse_with_posts(transaction, request.feed)
        await transaction.execute(store.MARK_FOR_REMOVAL, {"feed": request.feed})
        return await read_feed(transaction, request.feed)


async def _changeable(transaction: AsyncTransaction, feed: str, *, replay: bool = False) -> store.FeedRow:
    """The row, locked. Raises NotFound, and ConflictError while it is being removed or if it is a recording."""
    row = await transaction.fetch_one(store.LOCK, {"feed": feed})
    if row is None:
        raise no_such_feed()
    if row.removing:
        raise ConflictError("This feed is being removed.", do="Wait until it is gone.")
    if row.managed == "replay" and not replay:
        raise ConflictError("This is a recording.", why="`groundswell replay` reads it; there is nothing to change.")
    return row


async def _room_for_one(context: Context, transaction: AsyncTransaction) -> None:
    most = context.services.settings.relay_max_feeds
    await transaction.execute(store.ONE_AT_A_TIME)
    if (await transaction.fetch(store.COUNT_ON))[0].rows >= most:
        raise ConflictError(
            "There are as many feeds on as there may be.",
            why=f"GROUNDSWELL_RELAY_MAX_FEEDS is {most}.",
            do="Pause or remove one first, or raise that setting.",
        )


async def _refuse_with_posts(transaction: AsyncTransaction, feed: str) -> None:
    held = (await transaction.fetch(store.COUNT_POSTS, {"feed": feed, "most": COUNTED_MOST + 1}))[0].rows
    if held:
        number = f"More than {COUNTED_MOST:,} posts" if held > COUNTED_MOST else many(held, "post")
        raise ConflictError(
            "This feed has posts.",
            why=f"{number}, deleted ones included, would be removed with it.",
            do="Pause the feed to keep them, or repeat the request with ?posts=delete.",
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
