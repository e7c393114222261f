"""Live messages after the commit: a sample of new posts, deletions, and the feed's state.

Nothing of record is here. Valkey may be away for as long as it likes: what could not be sent is
counted and dropped, and the store never waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.relay import metrics
from services.relay.events import NewPost
from shared.contracts.addresses import post_address
from shared.errors import BrokerUnavailable
from shared.schemas.feed import Feed
from shared.schemas.live import FeedUpdated, Message, Posts, PostsDeleted
from shared.schemas.post import Post
from shared.telemetry import logs
from shared.telemetry.health import State

#: Posts in one message at most, and seconds between two messages of a feed at least.
SAMPLE = 20
INTERVAL_SECONDS = 0.1
#: Deletions in one message, and waiting at most (the oldest are dropped: screens re-read in time).
MAX_DELETIONS = 500
#: After a failure, the next attempt.
PAUSE_SECONDS = 1.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Publisher(Protocol):
    """Where messages go."""

    def publish(self, message: Message) -> str:
        """Send; raises BrokerUnavailable."""
        ...


class PublishStage:
    """Gathers per feed and sends from a thread of its own."""

    def __init__(self, publisher: Publisher, say: Callable[[State, str | None], None]) -> None:
        self._publisher, self._say = publisher, say
        self._posts: dict[str, deque[NewPost]] = {}
        self._totals: dict[str, int] = {}
        self._deleted: deque[UUID] = deque(maxlen=MAX_DELETIONS)
        self._feeds: dict[str, Feed] = {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-publish", daemon=True)

    def start(self) -> None:
        """Begin sending."""
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, then end."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def posts(self, feed: str, posts: Sequence[NewPost]) -> None:
        """``posts`` were stored just now."""
        if not posts:
            return
        with self._changed:
            self._posts.setdefault(feed, deque(maxlen=SAMPLE)).extend(posts[-SAMPLE:])
            self._totals[feed] = self._totals.get(feed, 0) + len(posts)
            self._changed.notify_all()

    def deleted(self, posts: Sequence[UUID]) -> None:
        """``posts`` are gone."""
        if not posts:
            return
        with self._changed:
            self._deleted.extend(posts)
            self._changed.notify_all()

    def feed(self, feed: Feed) -> None:
        """``feed`` is as given; only the newest word is sent."""
        with self._changed:
            self._feeds[feed.id] = feed
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stop.is_set() or self._has_work())
                messages = self._gather()
            sent = self._send(messages)
            if self._stop.is_set() and (not sent or not self._has_work()):
                return
            self._stop.wait(INTERVAL_SECONDS if sent else PAUSE_SECONDS)

    def _has_work(self) -> bool:
        return bool(self._posts or self._deleted or self._feeds)

    def _gather(self) -> list[Message]:
        """Take what waits. A post deleted meanwhile is left out of the sample."""
        gone = set(self._deleted)
        messages: list[Message] = [
            Posts(
                feed=feed,
                posts=[as_post(feed, post) for post in posts if UUID(bytes=post.id) not in gone],
                total=self._totals.get(feed, len(posts)),
            )
            for feed, posts in self._posts.items()
        ]
        if self._deleted:
            messages.append(PostsDeleted(posts=[str(post) for post in self._deleted]))
        messages += [FeedUpdated(feed=feed) for feed in self._feeds.values()]
        self._posts.clear()
        self._totals.clear()
        self._deleted.clear()
        self._feeds.clear()
        return messages

    def _send(self, messages: Sequence[Message]) -> bool:
        """Whether all went out. After the first failure the others are not tried."""
        for place, message in enumerate(messages):
            try:
                self._publisher.publish(message)
            except BrokerUnavailable as error:
                metrics.LIVE_MESSAGES.labels("failed").inc(len(messages) - place)
                self._say("degraded", str(error))
                logs.get(__name__).debug("live_messages_dropped", messages=len(messages) - place)
                return False
            metrics.LIVE_MESSAGES.labels("sent").inc()
        if messages:
            self._say("ok", None)
        return True


def as_post(feed: str, post: NewPost) -> Post:
    """What screens show of a post just stored."""
    return Post(
        id=str(UUID(bytes=post.id)),
        feed=feed,
        uri=post.uri,
        url=post_address(post.uri),
        author=post.author,
        time=_EPOCH + timedelta(microseconds=post.time_us),
        claimed_time=None if post.claimed_us is None else _EPOCH + timedelta(microseconds=post.claimed_us),
        text=post.text,
        languages=post.languages,
        tags=post.tags,
        links=post.links,
        reply_to=None if post.reply_to is None else str(UUID(bytes=post.reply_to)),
    )
