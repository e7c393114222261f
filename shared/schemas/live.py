"""Messages of the live stream: a tagged union under the key ``type``.

Every message carries ``id``, the position in the ring (opaque, ordered as sent). A client that
reconnects sends the last ``id`` it saw as ``?after=``. The first message after connecting is always
``Hello``; when ``missed`` is true something between was lost and the client must re-read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from shared.schemas.alert import Alert
from shared.schemas.feed import Feed
from shared.schemas.post import Post
from shared.schemas.run import Run
from shared.schemas.topic import Topic


class LiveMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all live messages."""

    id: str = ""


class Hello(LiveMessage, frozen=True, kw_only=True, tag="hello"):
    """``resumed``: replay from ``after`` follows. ``missed``: some of what came between is gone."""

    resumed: bool
    missed: bool
    now: datetime


class Posts(LiveMessage, frozen=True, kw_only=True, tag="posts"):
    """Newly stored posts, oldest first; ``total`` counts all stored, ``posts`` may be a sample."""

    feed: str
    posts: list[Post]
    total: int


class PostsDeleted(LiveMessage, frozen=True, kw_only=True, tag="deleted"):
    """Posts their authors deleted: remove them from the screen."""

    posts: list[str]


class TopicsUpdated(LiveMessage, frozen=True, kw_only=True, tag="topics"):
    """Live topics by score after a momentum tick."""

    topics: list[Topic]
    as_of: datetime


class FeedUpdated(LiveMessage, frozen=True, kw_only=True, tag="feed"):
    """A feed's state or figures changed."""

    feed: Feed


class RunUpdated(LiveMessage, frozen=True, kw_only=True, tag="run"):
    """A run moved on."""

    run: Run


class AlertRaised(LiveMessage, frozen=True, kw_only=True, tag="alert"):
    """A watch was met, or the sending of its alert went on. ``unread`` counts all not acknowledged."""

    alert: Alert
    unread: int


class Beat(LiveMessage, frozen=True, kw_only=True, tag="beat"):
    """Sent every 5 s when nothing else is: silence for longer means that the stream is broken."""

    now: datetime
    live: Literal["ok", "degraded"]
    reason: str | None = None


Message = Hello | Posts | PostsDeleted | TopicsUpdated | FeedUpdated | RunUpdated | AlertRaised | Beat
