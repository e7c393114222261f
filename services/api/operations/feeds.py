"""Feeds: their state, their counts and what could not be read."""

from __future__ import annotations

from datetime import timedelta

from services.api.operations.context import Context
from services.api.operations.queries import FeedSeriesInput
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.feed import FeedList, FeedSeries
from shared.store import feeds as store


@operation("/api/v1/feeds", scope="feeds:read")
async def feeds(context: Context, _: NoInput) -> FeedList:
    """All feeds with their present state, and the gaps of the last 24 hours."""
    async with context.services.database.transaction() as transaction:
        return FeedList(feeds=await transaction.fetch(store.ALL), gaps=await transaction.fetch(store.GAPS_RECENT))


@operation("/api/v1/feeds/{feed}/series", scope="feeds:read")
async def feed_series(context: Context, query: FeedSeriesInput) -> FeedSeries:
    """Counts of one feed by minute of event time. Minutes that touch a gap are left out."""
    async with context.services.database.transaction() as transaction:
        stretch = await transaction.fetch_one(store.STRETCH, {"feed": query.feed, "minutes": query.minutes})
        if stretch is None:
            raise NotFound("There is no such feed.", do="GET /api/v1/feeds lists them.")
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
