"""Topics that gain momentum, and the chart over them."""

from __future__ import annotations

from services.api.operations.chart import Axis, by_topic, minutes_between, series_of, values_of
from services.api.operations.context import Context
from services.api.operations.queries import MomentumInput, TopicInput
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.feed import Gap
from shared.schemas.post import Post
from shared.schemas.topic import MomentumSeries, Topic, TopicDetail, TopicList
from shared.store import feeds as feed_store
from shared.store import momentum as clock_store
from shared.store import posts as post_store
from shared.store import topics as store
from shared.store.database import AsyncTransaction

LIVE_LIMIT = 100
RELATED_LIMIT = 5
SPARK_MINUTES = 60
SERIES_MINUTES = 1440


@operation("/api/v1/topics", scope="topics:read", toolset="topics", taints=True, core=True)
async def topics(context: Context, _: NoInput) -> TopicList:
    """Live topics by score, highest first, each with its last hour."""
    async with context.services.database.transaction() as transaction:
        clock = await clock_of(transaction)
        rows = await transaction.fetch(store.LIVE, {"limit": LIVE_LIMIT})
        shown = await with_sparks(transaction, rows, clock)
    age = clock.as_of - clock.baseline_from if clock.as_of and clock.baseline_from else None
    return TopicList(
        topics=shown,
        as_of=clock.as_of,
        baseline_minutes=int(age.total_seconds() // 60) if age else 0,
        warmup_minutes=context.services.settings.momentum_warmup_minutes,
    )


@operation("/api/v1/topics/{topic}", scope="topics:read", toolset="topics", taints=True, core=True)
async def topic(context: Context, query: TopicInput) -> TopicDetail:
    """One topic with its series, its representative posts (earliest first) and related topics."""
    async with context.services.database.transaction() as transaction:
        row = await transaction.fetch_one(store.ONE, {"id": query.topic})
        if row is None:
            raise NotFound("There is no such topic.", why="It was never detected, or its posts are too old.")
        first = await transaction.fetch_one(store.FIRST_MINUTE, {"topic": row.id})
        axis = Axis.since(first.minute if first else None, row.updated_at, SERIES_MINUTES)
        minutes, gaps = await _evidence(transaction, [row.id], axis)
        near = await transaction.fetch(store.RELATED, {"id": row.id, "limit": RELATED_LIMIT})
        clock = await clock_of(transaction)
        related = await with_sparks(transaction, near, clock)
        chosen = await _posts(transaction, row.representatives)
    return TopicDetail(
        topic=row.topic(values_of(axis.last(SPARK_MINUTES), minutes, gaps, clock.baseline_from)),
        series=series_of(axis, minutes, gaps, clock.baseline_from),
        gaps=gaps,
        posts=chosen,
        related=related,
    )


@operation("/api/v1/momentum", scope="topics:read", toolset="topics", taints=True)
async def momentum(context: Context, query: MomentumInput) -> MomentumSeries:
    """The strongest topics on one time axis, as the momentum chart draws them."""
    async with context.services.database.transaction() as transaction:
        clock = await clock_of(transaction)
        rows = await transaction.fetch(store.LIVE, {"limit": query.limit})
        if clock.as_of is None:
            return MomentumSeries(minutes=[], topics=[], values=[], gaps=[], as_of=None)
        axis = Axis.before(clock.as_of, query.minutes)
        minutes, gaps = await _evidence(transaction, [row.id for row in rows], axis)
        shown = await with_sparks(transaction, rows, clock)
    of_topic = by_topic(minutes)
    return MomentumSeries(
        minutes=minutes_between(axis),
        topics=shown,
        values=[values_of(axis, of_topic.get(row.id, []), gaps, clock.baseline_from) for row in rows],
        gaps=gaps,
        as_of=clock.as_of,
    )


async def with_sparks(
    transaction: AsyncTransaction, rows: list[store.TopicRow], clock: clock_store.Clock
) -> list[Topic]:
    """``rows`` as topics, each with its last hour."""
    if not rows or clock.as_of is None:
        return [row.topic([]) for row in rows]
    axis = Axis.before(clock.as_of, SPARK_MINUTES)
    minutes, gaps = await _evidence(transaction, [row.id for row in rows], axis)
    of_topic = by_topic(minutes)
    return [row.topic(values_of(axis, of_topic.get(row.id, []), gaps, clock.baseline_from)) for row in rows]


async def _evidence(
    transaction: AsyncTransaction, topic_ids: list[str], axis: Axis
) -> tuple[list[store.Minute], list[Gap]]:
    bounds = {"topics": topic_ids, "start": axis.start, "end": axis.end}
    return await transaction.fetch(store.MINUTES, bounds), await transaction.fetch(feed_store.GAPS_BETWEEN, bounds)


async def clock_of(transaction: AsyncTransaction) -> clock_store.Clock:
    """How far momentum has come, and since when it knows what is usual."""
    found = await transaction.fetch_one(clock_store.CLOCK)
    return found or clock_store.Clock(as_of=None, baseline_from=None)


async def _posts(transaction: AsyncTransaction, ids: list[str]) -> list[Post]:
    return [row.post() for row in await transaction.fetch(post_store.SOME, {"ids": ids})]
