"""What went wrong with a feed: connections that ended, stretches that could not be read."""

from __future__ import annotations

from services.api.operations.context import Context
from services.api.operations.feeds import read_feed
from services.api.operations.queries import FeedHistoryInput
from services.api.operations.registry import operation
from shared.schemas.feed import FeedDrops, FeedGaps
from shared.store import drops
from shared.store import feeds as store


@operation("/api/v1/feeds/{feed}/drops", scope="feeds:read", toolset="feeds", taints=True)
async def feed_drops(context: Context, query: FeedHistoryInput) -> FeedDrops:
    """Interruptions of one feed with cause and evidence, newest first. The last 1,000 are kept."""
    page = {"feed": query.feed, "before": query.before, "limit": query.limit}
    async with context.services.database.transaction() as transaction:
        await read_feed(transaction, query.feed)
        found = await transaction.fetch(drops.OF_FEED, page)
    return FeedDrops(feed=query.feed, drops=found, next=found[-1].id if len(found) == query.limit else None)


@operation("/api/v1/feeds/{feed}/gaps", scope="feeds:read", toolset="feeds", taints=True)
async def feed_gaps(context: Context, query: FeedHistoryInput) -> FeedGaps:
    """Stretches of one feed that could not be read, with cause and evidence, newest first."""
    page = {"feed": query.feed, "before": query.before, "limit": query.limit}
    async with context.services.database.transaction() as transaction:
        await read_feed(transaction, query.feed)
        found = await transaction.fetch(store.GAPS_OF_FEED, page)
    return FeedGaps(feed=query.feed, gaps=found, next=found[-1].id if len(found) == query.limit else None)
