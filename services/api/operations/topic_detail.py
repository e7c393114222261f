"""More of topics: their posts and people, those that have ended, and several beside each other."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from services.api.operations.chart import Axis, by_topic, minutes_between, values_of
from services.api.operations.context import Context
from services.api.operations.posts import position, read_position
from services.api.operations.queries import Minutes, Name, TopicInput
from services.api.operations.registry import operation
from services.api.operations.topics import clock_of
from shared.errors import InputError, NotFound
from shared.schemas.author import TopicPeople
from shared.schemas.base import Schema
from shared.schemas.post import PostPage
from shared.schemas.timeline import TopicComparison, TopicPage
from shared.store import authors as author_store
from shared.store import feeds as feed_store
from shared.store import posts as post_store
from shared.store import timeline as timeline_store
from shared.store import topics as store
from shared.store.database import AsyncTransaction

COMPARED_MOST = 8


class TopicPostsInput(TopicInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[str, Meta(max_length=100)] | None = None


class TopicPeopleInput(TopicInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most ``limit`` people."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class PastTopicsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 30
    before: Annotated[str, Meta(max_length=400)] | None = None


class FindTopicsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a topic's label or of one of its terms."""

    text: Annotated[str, Meta(min_length=2, max_length=100)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class CompareTopicsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two to eight topics, over the ``minutes`` up to the last of them that was updated."""

    topics: Annotated[list[Name], Meta(min_length=2, max_length=COMPARED_MOST)]
    minutes: Minutes = 180


@operation("/api/v1/topics/{topic}/posts", scope="topics:read", toolset="topics", taints=True, core=True)
async def topic_posts(context: Context, query: TopicPostsInput) -> PostPage:
    """All posts of one topic that are still stored, newest first. ``next`` is ``before`` of the following page."""
    params: dict[str, object] = {"topic": query.topic, "limit": query.limit + 1, "time": None, "id": None}
    if query.before is not None:
        params["time"], params["id"] = read_position(query.before)
    async with context.services.database.transaction() as transaction:
        await _check(transaction, [query.topic])
        rows = await transaction.fetch(post_store.OF_TOPIC, params)
    page = [row.post() for row in rows[: query.limit]]
    return PostPage(posts=page, next=position(page[-1]) if len(rows) > query.limit else None)


@operation("/api/v1/topics/{topic}/people", scope="topics:read", toolset="topics", taints=True)
async def topic_people(context: Context, query: TopicPeopleInput) -> TopicPeople:
    """Who makes a topic: its most active accounts, and how many people there are: a crowd, or a few loud ones."""
    async with context.services.database.transaction() as transaction:
        await _check(transaction, [query.topic])
        count = await transaction.fetch_one(author_store.PEOPLE_COUNT, {"topic": query.topic})
        found = await transaction.fetch(author_store.PEOPLE, {"topic": query.topic, "limit": query.limit})
    return TopicPeople(
        topic=query.topic,
        looked_at=count.posts if count else 0,
        people=count.people if count else 0,
        most_active=found,
    )


@operation("/api/v1/past-topics", scope="topics:read", toolset="topics", taints=True)
async def past_topics(context: Context, query: PastTopicsInput) -> TopicPage:
    """Topics that have ended, last ended first, with what they were at their end."""
    time, last = _read_place(query.before)
    rows = await context.services.database.fetch(store.ENDED, {"limit": query.limit + 1, "time": time, "id": last})
    page = rows[: query.limit]
    more = len(rows) > query.limit
    return TopicPage(topics=[row.topic([]) for row in page], next=_place(page[-1]) if more else None)


@operation("/api/v1/topics-found", scope="topics:read", toolset="topics", taints=True)
async def find_topics(context: Context, query: FindTopicsInput) -> TopicPage:
    """Topics by a word of theirs, live ones first and then those that have ended."""
    rows = await context.services.database.fetch(store.FIND, {"text": query.text, "limit": query.limit})
    return TopicPage(topics=[row.topic([]) for row in rows])


@operation("/api/v1/topics-compared", method="POST", scope="topics:read", toolset="topics", taints=True)
async def compare_topics(context: Context, query: CompareTopicsInput) -> TopicComparison:
    """Several topics on one time axis, ended ones too, and what each two share: posts and people."""
    ids = list(dict.fromkeys(query.topics))
    async with context.services.database.transaction() as transaction:
        await _check(transaction, ids)
        rows = {row.id: row for row in await transaction.fetch(store.SOME, {"topics": ids})}
        clock = await clock_of(transaction)
        axis = Axis.before(max(row.updated_at for row in rows.values()), query.minutes)
        bounds = {"topics": ids, "start": axis.start, "end": axis.end}
        minutes = by_topic(await transaction.fetch(store.MINUTES, bounds))
        gaps = await transaction.fetch(feed_store.GAPS_BETWEEN, bounds)
        overlaps = await transaction.fetch(timeline_store.OVERLAPS, {"topics": ids})
    return TopicComparison(
        minutes=minutes_between(axis),
        topics=[rows[topic].topic([]) for topic in ids],
        values=[values_of(axis, minutes.get(topic, []), gaps, clock.baseline_from) for topic in ids],
        gaps=gaps,
        overlaps=overlaps,
    )


async def _check(transaction: AsyncTransaction, topics: list[str]) -> None:
    known = {row.id for row in await transaction.fetch(store.SOME, {"topics": topics})}
    if missing := [topic for topic in topics if topic not in known]:
        raise NotFound(f"There is no topic {missing[0]!r}.", why="It was never detected, or its posts are too old.")


def _place(last: store.TopicRow) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((last.updated_at, last.id))).decode()


def _read_place(text: str | None) -> tuple[datetime | None, str | None]:
    if text is None:
        return None, None
    try:
        packed = base64.b64decode(text, altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=tuple[Annotated[datetime, Meta(tz=True)], Name])
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise InputError(
            "The request is not valid.", why="`before` is not a position we gave.", do="Begin without it."
        ) from error
