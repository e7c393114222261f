"""A post as the store keeps it and the interfaces show it."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema


class Post(Schema, frozen=True, kw_only=True):
    """One public post.

    ``time`` is the feed's event time (what everything is counted by); ``claimed_time`` is what
    the author's client says and is shown only. ``author`` is the feed's stable account id.
    ``url`` opens the post on its network and is built by us, never taken from the post.
    """

    id: str
    feed: str
    uri: str
    url: str | None
    author: str
    time: datetime
    claimed_time: datetime | None = None
    text: str
    languages: list[str] = []
    tags: list[str] = []
    links: list[str] = []
    reply_to: str | None = None
    likes: int = 0
    reposts: int = 0


class PostPage(Schema, frozen=True, kw_only=True):
    """Newest first. ``next`` continues the listing (opaque); absent at the end."""

    posts: list[Post]
    next: str | None = None
