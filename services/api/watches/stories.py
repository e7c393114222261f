"""One story, one message: what of a watch's topics was told, and when a topic and an episode are the same story.

A topic is the story of an episode when at least half of the posts that match in the episode are in the topic,
counted from the topic's first one on: an engine needs some minutes to see a topic. Then the first of the two
that comes tells for both, and what grows is told once. Two topics are one story when at least half of the
matching posts of the smaller are in the other. Pure but for ``TopicPosts``; live and backtests run this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from services.api.watches.episodes import GROWTH
from services.api.watches.series import Stretch

SAME_SHARE = 0.5
#: Added to an alert of one condition while the other holds too.
TOPIC_TOO = "A topic that gains momentum holds most of these posts: both conditions hold."

TellsIt = Literal["episode", "topic"]
#: For each topic: how often it was told, and its posts an hour when it last was.
Told = dict[str, list[int]]


class TopicPosts(Protocol):
    """Which topics hold the posts that match."""

    def shares(self, among: Sequence[str], stretch: Stretch) -> Mapping[str, float]:
        """Which part of the posts that match in ``stretch`` is in each of ``among``, from its first one on."""
        ...

    def overlap(self, topic: str, others: Sequence[str], stretch: Stretch) -> float:
        """Which part of the matching posts of ``topic`` in ``stretch`` is in any of ``others``."""
        ...


class News(msgspec.Struct, frozen=True):
    """A topic to tell for the ``level``-th time, unless its story was ``told_by`` something else."""

    topic: str
    level: int
    told_by: TellsIt | None


class Stories:
    """``told`` is what was told before; it is replaced, never changed."""

    def __init__(self, told: Told, posts: TopicPosts) -> None:
        self.told, self._posts = told, posts

    def telling(self, stretch: Stretch) -> list[str]:
        """Told topics that go on and are what ``stretch``, in which the rule holds, is about."""
        return self._same(list(self.told), stretch)

    def touched(self, hours: Iterable[tuple[str, int | None]], hour: Stretch, episode: Stretch | None) -> list[News]:
        """What is new among the topics that hold matching posts in ``hour``; those with the most come first.

        Each comes with its posts an hour; ``None``: it goes on, but may not be told. Topics left out are over.
        ``episode`` is the open episode if it was told.
        """
        touched = dict(hours)
        self.told = {topic: self.told[topic] for topic in touched if topic in self.told}
        due = {topic: posts for topic, posts in touched.items() if posts is not None and self._grown(topic, posts)}
        same = self._same(list(due), episode) if episode else []
        order, news = list(touched), []
        for topic, posts in due.items():
            level = self.told.get(topic, [0])[0]
            larger = order[: order.index(topic)]
            others = [other for other in (larger if level else order) if other in self.told and other != topic]
            told_by: TellsIt | None = "episode" if topic in same else None
            if told_by is None and self._within(topic, others, hour):
                told_by = "topic"
            news.append(News(topic, level, told_by))
            self.told = self.told | {topic: [level + 1, posts]}
        return news

    def _grown(self, topic: str, posts: int) -> bool:
        return topic not in self.told or posts >= GROWTH * max(self.told[topic][1], 1)

    def _same(self, topics: list[str], stretch: Stretch) -> list[str]:
        if not topics:
            return []
        return [topic for topic, share in self._posts.shares(topics, stretch).items() if share >= SAME_SHARE]

    def _within(self, topic: str, others: list[str], hour: Stretch) -> bool:
        return bool(others) and self._posts.overlap(topic, others, hour) >= SAME_SHARE
