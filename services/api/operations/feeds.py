"""Feeds: their state, their counts and what could not be read."""

from __future__ import annotations

from datetime import timedelta

from services.api.operations.context import Context
from services.api.operations.queries import FeedInput, FeedSeriesInput
from services.api.operations.registry import NoInput, operation
from shared.contracts.feeds import forms
from shared.errors import NotFound
from shared.schemas.feed import Feed, FeedKinds, FeedList, FeedSeries
from shared.store import feeds as store
from shared.store.database import AsyncTransaction


@operation("/api/v1/feeds", scope="feeds:read", toolset="feeds", taints=True, core=True)
async def feeds(context: Context, _: NoInput) -> FeedList:
    """All feeds with their present state, and the gaps of the last 24 hours."""
    async with context.services.database.transaction() as transaction:
        return FeedList(feeds=await transaction.fetch(store.ALL), gaps=await transaction.fetch(store.GAPS_RECENT))


@operation("/api/v1/feeds/{feed}", scope="feeds:read", toolset="feeds", taints=True)
async def feed(context: Context, query: FeedInput) -> Feed:
    """One feed with its present state."""
    async with context.services.database.transaction() as transaction:
        return await read_feed(transaction, query.feed)


@operation("/api/v1/feed-kinds", scope="feeds:read", toolset="feeds", taints=False)
async def feed_kinds(context: Context, _: NoInput) -> FeedKinds:
    """Kinds of feeds that can be added, with their options."""
    return FeedKinds(kinds=forms(), most_feeds=context.services.settings.relay_max_feeds)


async def read_feed(transaction: AsyncTransaction, feed: str) -> Feed:
    """The feed ``feed``. Raises NotFound."""
    found = await transaction.fetch_one(store.ONE, {"feed": feed})
    if found is None:
        raise no_such_feed()
    return found


def no_such_feed() -> NotFound:
    """What is said of a feed that is not there."""
    return NotFound("There is no such feed.", do="GET /api/v1/feeds lists them.")


@operation("/api/v1/feeds/{feed}/series", scope="feeds:read", toolset="feeds", taints=True)
async def feed_series(context: Context, query: FeedSeriesInput) -> FeedSeries:
    """Counts of one feed by minute of event time.

    Minutes that were not read whole are left out: the first, the present one, and those that touch a gap.
    """
    async with context.services.database.transaction() as transaction:
        stretch = await transaction.fetch_one(store.STRETCH, {"feed": query.feed, "minutes": query.minutes})
        if stretch is None:
            raise no_such_feed()
        bounds = {"feed": query.feed, "start": stretch.start, "end": stretch.end}
        minutes = await transaction.fetch(store.MINUTES, bounds)
        gaps = [gap for gap in await transaction.fetch(store.GAPS_BETWEEN, bounds) if gap.feed == query.feed]
    width = timedelta(minutes=1)
    whole = [
        minute
        for minute in minutes
        if not any(gap.start < minute.start + width and gap.end > minute.start for gap in gaps)
    ]
    return FeedSeries(feed=query.feed, minutes=whole, gaps=gaps)
