"""Counts over long stretches: by feed, by day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.feeds import no_such_feed
from services.api.operations.queries import Name
from services.api.operations.registry import operation
from shared.errors import InputError
from shared.schemas.base import Schema
from shared.schemas.timeline import Days, FeedCounts, Timeline
from shared.store import feeds as feed_store
from shared.store import timeline as store

Time = Annotated[datetime, Meta(tz=True)]
Bucket = Literal["minute", "ten_minutes", "hour", "day"]
_MINUTES: dict[Bucket, int] = {"minute": 1, "ten_minutes": 10, "hour": 60, "day": 1440}
BUCKETS_MOST = 1_500


class TimelineInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[start, end) of event time, in buckets; without them the day up to the newest event."""

    start: Time | None = None
    end: Time | None = None
    bucket: Bucket = "hour"
    feed: Name | None = None


class DaysInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many days back, the present one included."""

    days: Annotated[int, Meta(ge=1, le=90)] = 14


@operation("/api/v1/timeline", scope="feeds:read", toolset="feeds", taints=False)
async def timeline(context: Context, query: TimelineInput) -> Timeline:
    """Posts, likes, reposts and deletions by feed over hours, days or weeks, archived ones too, with their gaps."""
    minutes = _MINUTES[query.bucket]
    async with context.services.database.transaction() as transaction:
        reach = (await transaction.fetch(store.REACH))[0]
        if query.feed is not None and await transaction.fetch_one(feed_store.ONE, {"feed": query.feed}) is None:
            raise no_such_feed()
        end = query.end or (reach.newest or reach.now) + timedelta(minutes=minutes)
        start = _floor(query.start or end - timedelta(days=1), minutes)
        if start >= end:
            raise InputError("The request is not valid.", why="`start` is not before `end`.")
        width = timedelta(minutes=minutes)
        count = -((start - end) // width)
        if count > BUCKETS_MOST:
            raise InputError(
                "The request is not valid.",
                why=f"That is {count:,} buckets; there may be {BUCKETS_MOST:,}.",
                do="Take larger buckets or a shorter time.",
            )
        bounds = {"start": start, "end": end, "minutes": minutes, "feed": query.feed}
        found = await transaction.fetch(store.BUCKETS, bounds)
        gaps = await transaction.fetch(feed_store.GAPS_BETWEEN, bounds)
    starts = [start + index * width for index in range(count)]
    place = {time: index for index, time in enumerate(starts)}
    feeds: dict[str, FeedCounts] = {}
    for row in found:
        counts = feeds.setdefault(row.feed, _empty(row.feed, count))
        index = place[row.start.astimezone(UTC)]
        for name in ("posts", "likes", "reposts", "deletes"):
            getattr(counts, name)[index] = getattr(row, name)
    shown = [gap for gap in gaps if query.feed in (None, gap.feed)]
    return Timeline(bucket_minutes=minutes, starts=starts, feeds=list(feeds.values()), gaps=shown)


@operation("/api/v1/days", scope="feeds:read", toolset="platform", taints=False)
async def days(context: Context, query: DaysInput) -> Days:
    """The platform day by day: posts, reactions, topics found, alerts raised, briefings, and seconds not read."""
    return Days(days=await context.services.database.fetch(store.DAYS, {"days": query.days}))


def _floor(time: datetime, minutes: int) -> datetime:
    """The beginning of the bucket that ``time`` lies in; days begin at midnight UTC."""
    seconds = minutes * 60
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


def _empty(feed: str, count: int) -> FeedCounts:
    return FeedCounts(feed=feed, posts=[0] * count, likes=[0] * count, reposts=[0] * count, deletes=[0] * count)
