"""Accounts, as what they posted tells of them."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.post import Post
from shared.schemas.topic import Topic


class Share(Schema, frozen=True, kw_only=True):
    """How often something occurs: in ``posts`` of them, by so many ``authors``."""

    name: str
    posts: int
    authors: int


class Author(Schema, frozen=True, kw_only=True):
    """An account by its newest posts, ``looked_at`` at most 1,000. ``hours`` counts them by hour of the day (UTC)."""

    author: str
    looked_at: int
    first: datetime
    last: datetime
    replies: int
    with_links: int
    copies: int
    likes: int
    reposts: int
    languages: list[Share]
    tags: list[Share]
    sites: list[Share]
    feeds: list[Share]
    hours: list[int]


class PostContext(Schema, frozen=True, kw_only=True):
    """What surrounds a post.

    ``answers``: the posts it answers, the first of the conversation first; ``more_above`` when one of them is not
    stored. ``before`` and ``after`` are its author's posts next to it; ``topics`` those it belongs to.
    """

    post: Post
    answers: list[Post]
    more_above: bool
    before: list[Post]
    after: list[Post]
    topics: list[Topic]


class Breakdown(Schema, frozen=True, kw_only=True):
    """What the newest posts of a stretch are made of, by distinct authors first.

    ``whole``: all posts of the stretch were looked at, not only the newest ``looked_at``.
    """

    by: str
    start: datetime | None
    end: datetime | None
    looked_at: int
    whole: bool
    shares: list[Share]


class Person(Schema, frozen=True, kw_only=True):
    """Who takes part in a topic: with how many posts, from when to when."""

    author: str
    posts: int
    first: datetime
    last: datetime
    reactions: int


class TopicPeople(Schema, frozen=True, kw_only=True):
    """Most posts first, among the topic's newest ``looked_at`` posts by ``people`` authors."""

    topic: str
    looked_at: int
    people: int
    most_active: list[Person]
