"""Accounts, conversations, and what many posts are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, structs

from services.api.operations.context import Context
from services.api.operations.posts import position, read_position
from services.api.operations.queries import Minutes, Name, PostInput
from services.api.operations.registry import operation
from shared.contracts.ids import author_hash
from shared.errors import NotFound
from shared.schemas.author import Author, Breakdown, PostContext
from shared.schemas.base import Schema
from shared.schemas.post import PostPage
from shared.store import authors as store
from shared.store import posts as post_store
from shared.store import shares
from shared.store import topics as topic_store

#: An author's posts shown on each side of one.
BESIDE = 3
NAMES_MOST = 10


class AuthorInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account by its id, as posts name it."""

    author: Name


class AuthorPostsInput(AuthorInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[str, Meta(max_length=100)] | None = None


class BreakdownInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``minutes`` up to the newest post; of one ``feed``, of one ``topic``."""

    by: shares.Kind = "language"
    minutes: Minutes = 60
    feed: Name | None = None
    topic: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


@operation("/api/v1/authors/{author}", scope="posts:read", toolset="posts", taints=True)
async def author(context: Context, query: AuthorInput) -> Author:
    """One account by its newest 1,000 posts: languages, tags, sites, hours, replies, copies, reactions."""
    who = {"author": query.author, "hash": author_hash(query.author), "limit": NAMES_MOST}
    async with context.services.database.transaction() as transaction:
        figures = await transaction.fetch_one(store.FIGURES, who)
        if figures is None or figures.first is None or figures.last is None:
            raise NotFound(
                "There are no posts of this account.", why="It never posted here, or what it posted is gone."
            )
        of = {kind: await transaction.fetch(shares.OF_AUTHOR[kind], who) for kind in _TOLD}
    told = structs.asdict(figures) | {"first": figures.first, "last": figures.last}
    return Author(
        author=query.author,
        languages=of["language"],
        tags=of["tag"],
        sites=of["site"],
        feeds=of["feed"],
        **told,
    )


_TOLD: tuple[shares.Kind, ...] = ("language", "tag", "site", "feed")


@operation("/api/v1/authors/{author}/posts", scope="posts:read", toolset="posts", taints=True)
async def author_posts(context: Context, query: AuthorPostsInput) -> PostPage:
    """One account's stored posts, newest first, archived ones too. ``next`` is ``before`` of the following page."""
    params: dict[str, object] = {
        "author": query.author,
        "hash": author_hash(query.author),
        "limit": query.limit + 1,
    }
    statement = store.LATEST
    if query.before is not None:
        params["time"], params["id"] = read_position(query.before)
        statement = store.LATEST_BEFORE
    rows = await context.services.database.fetch(statement, params)
    page = [row.post() for row in rows[: query.limit]]
    return PostPage(posts=page, next=position(page[-1]) if len(rows) > query.limit else None)


@operation("/api/v1/posts/{post}/context", scope="posts:read", toolset="posts", taints=True, core=True)
async def post_context(context: Context, query: PostInput) -> PostContext:
    """A post with what it answers, what its author said before and after, and the topics it belongs to."""
    async with context.services.database.transaction() as transaction:
        row = await transaction.fetch_one(post_store.ONE, {"id": query.post})
        if row is None:
            raise NotFound("There is no such post.", why="It was never stored, or its author deleted it.")
        answers = await transaction.fetch(store.ANSWERS, {"id": query.post})
        beside = {
            "author": row.author,
            "hash": author_hash(row.author),
            "time": row.time,
            "id": UUID(row.id),
            "limit": BESIDE,
        }
        before = await transaction.fetch(store.LATEST_BEFORE, beside)
        after = await transaction.fetch(store.EARLIEST_AFTER, beside)
        topics = await transaction.fetch(topic_store.OF_POST, {"post": query.post})
    return PostContext(
        post=row.post(),
        answers=[one.post() for one in answers],
        more_above=(answers[0] if answers else row).reply_to is not None,
        before=[one.post() for one in reversed(before)],
        after=[one.post() for one in after],
        topics=[topic.topic([]) for topic in topics],
    )


@operation("/api/v1/breakdown", scope="posts:read", toolset="posts", taints=True, core=True)
async def breakdown(context: Context, query: BreakdownInput) -> Breakdown:
    """What the newest posts are made of: languages, tags, sites, feeds or authors, by distinct people first."""
    async with context.services.database.transaction() as transaction:
        newest = await transaction.fetch_one(shares.NEWEST)
        end = newest.time if newest else None
        if end is None:
            return Breakdown(by=query.by, start=None, end=None, looked_at=0, whole=True, shares=[])
        start = end - timedelta(minutes=query.minutes)
        params = {"start": start, "end": end, "feed": query.feed, "topic": query.topic, "limit": query.limit}
        of, looked = (
            (shares.OF_STRETCH[query.by], shares.LOOKED_AT_STRETCH)
            if query.topic is None
            else (shares.OF_TOPIC[query.by], shares.LOOKED_AT_TOPIC)
        )
        found = await transaction.fetch(of, params)
        posts = await transaction.fetch_one(looked, params)
    most = shares.STRETCH_LOOKED_AT if query.topic is None else store.TOPIC_LOOKED_AT
    count = posts.posts if posts else 0
    return Breakdown(by=query.by, start=start, end=end, looked_at=count, whole=count < most, shares=found)
