"""Topics of the past as live judging would have met them, minute by minute: a backtest's share of ``stories``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from services.api.watches.announce import HOUR
from services.api.watches.explain import topic_reason
from services.api.watches.minutes import time_of
from services.api.watches.series import Stretch
from services.api.watches.stories import Stories, TopicPosts
from services.api.watches.topic_posts import StoredTopicPosts
from shared.schemas.backtest import BacktestTopic, TopicFiring
from shared.store import matching
from shared.store import watch_judging as store
from shared.store.database import Database


class PastTopics:
    """``posts`` holds each topic's own posts by minute. Minutes must come in order."""

    def __init__(self, lived: Sequence[store.Lived], posts: Mapping[str, Mapping[int, int]], held: TopicPosts) -> None:
        self._stories = Stories({}, held)
        self._topics = {topic.id: topic for topic in lived}
        self._matched = {topic.id: _Hours(dict(zip(topic.minutes, topic.matched, strict=True))) for topic in lived}
        self._posts = {topic.id: _Hours(posts.get(topic.id, {})) for topic in lived}
        self._firings: dict[str, list[TopicFiring]] = {topic.id: [] for topic in lived}
        self._told_otherwise: set[str] = set()

    def telling(self, stretch: Stretch) -> list[str]:
        """Told topics that go on and are what ``stretch`` is about."""
        return self._stories.telling(stretch)

    def minute(self, minute: int, episode: Stretch | None) -> None:
        """Go on by one minute; ``episode`` is the open one if it was told."""
        touched = [topic for topic in self._topics.values() if self._touches(topic, minute)]
        if not touched and not self._stories.told:
            return
        touched.sort(key=lambda topic: (-self._matched[topic.id].until(minute), topic.id))  # as live reads them
        hours = ((topic.id, self._posts[topic.id].until(minute)) for topic in touched)
        for news in self._stories.touched(hours, Stretch(minute + 1 - HOUR, minute + 1), episode):
            if news.told_by:
                self._told_otherwise.add(news.topic)
            else:
                self._firings[news.topic].append(self._firing(news.topic, news.level, minute))

    def shown(self) -> list[BacktestTopic]:
        """All of them with what was told."""
        return [
            BacktestTopic(
                id=topic.id,
                label=topic.label,
                detected_at=topic.detected_at,
                posts=topic.posts,
                firings=self._firings[topic.id],
                told_otherwise=topic.id in self._told_otherwise,
            )
            for topic in self._topics.values()
        ]

    def _touches(self, topic: store.Lived, minute: int) -> bool:
        end = time_of(minute + 1)
        followed = topic.detected_at <= end and (topic.ended_at is None or topic.ended_at >= end)
        return followed and self._matched[topic.id].until(minute) >= store.TOUCH_POSTS

    def _firing(self, topic: str, level: int, minute: int) -> TopicFiring:
        posts, hour = self._matched[topic].until(minute), self._posts[topic].until(minute)
        why = topic_reason(posts, None, hour, level)
        return TopicFiring(at=time_of(minute + 1), level=level, posts=posts, posts_hour=hour, reason=why)


class _Hours:
    """Sums over the hour that ends with a minute."""

    def __init__(self, posts: Mapping[int, int]) -> None:
        self._first, last = min(posts, default=0), max(posts, default=0)
        self._sums = [0, *accumulate(posts.get(minute, 0) for minute in range(self._first, last + 1))]

    def until(self, minute: int) -> int:
        """Posts in the hour that ends with ``minute``."""
        return self._before(minute + 1) - self._before(minute + 1 - HOUR)

    def _before(self, minute: int) -> int:
        return self._sums[min(max(minute - self._first, 0), len(self._sums) - 1)]


def read_past(database: Database, where: matching.Condition, stretch: Stretch, *, wanted: bool) -> PastTopics:
    """Topics followed within ``stretch`` that hold matching posts; none unless ``wanted``. Raises StoreUnavailable."""
    held = StoredTopicPosts(database, where)
    if not wanted:
        return PastTopics([], {}, held)
    bounds = {"start": time_of(stretch.start), "end": time_of(stretch.end)}
    lived = database.fetch(store.past_topics(where), where.params | bounds | {"least": store.TOUCH_POSTS})
    posts: dict[str, dict[int, int]] = {topic.id: {} for topic in lived}
    hour_before = {"topics": list(posts), "start": time_of(stretch.start - HOUR), "end": bounds["end"]}
    for row in database.fetch(store.TOPIC_MINUTES, hour_before):
        posts[row.topic][row.minute] = row.posts
    return PastTopics(lived, posts, held)
