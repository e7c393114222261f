"""One story, one message: what of a watch's topics was told, and when a topic and an episode are the same story.

A topic is the story of an episode when at least half of the posts that match in the episode are in the topic,
counted from the topic's first one on: an engine needs some minutes to see a topic. Then the first of the two
that comes tells for both, and what grows is told once. Pure but for ``shares``; live and backtests run this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from services.api.watches.episodes import GROWTH
from services.api.watches.series import Stretch

SAME_SHARE = 0.5
#: Added to an alert of one condition while the other holds too.
TOPIC_TOO = "A topic that gains momentum holds most of these posts: both conditions hold."

#: For each topic: how often it was told, and its posts an hour when it last was.
Told = dict[str, list[int]]
#: Which part of the posts that match in a stretch is in each of these topics.
Shares = Callable[[Sequence[str], Stretch], Mapping[str, float]]


class News(msgspec.Struct, frozen=True):
    """A topic to tell for the ``level``-th time; ``with_episode``: the episode's alert told it already."""

    topic: str
    level: int
    with_episode: bool


class Stories:
    """``told`` is what was told before; it is replaced, never changed."""

    def __init__(self, told: Told, shares: Shares) -> None:
        self.told, self._shares = told, shares

    def telling(self, stretch: Stretch) -> list[str]:
        """Told topics that go on and are what ``stretch``, in which the rule holds, is about."""
        return self._same(list(self.told), stretch)

    def touched(self, hours: Iterable[tuple[str, int | None]], episode: Stretch | None) -> list[News]:
        """What is new among the topics that hold matching posts now.

        Each comes with its posts an hour; ``None``: it goes on, but may not be told. Topics left out are over.
        ``episode`` is the open episode if it was told.
        """
        touched = dict(hours)
        going_on = {topic: self.told[topic] for topic in touched if topic in self.told}
        news = {
            topic: (going_on.get(topic, [0, 0])[0], posts)
            for topic, posts in touched.items()
            if posts is not None and (topic not in going_on or posts >= GROWTH * max(going_on[topic][1], 1))
        }
        same = self._same(list(news), episode) if episode else []
        self.told = going_on | {topic: [level + 1, posts] for topic, (level, posts) in news.items()}
        return [News(topic, level, topic in same) for topic, (level, _) in news.items()]

    def _same(self, topics: list[str], stretch: Stretch) -> list[str]:
        if not topics:
            return []
        return [topic for topic, share in self._shares(topics, stretch).items() if share >= SAME_SHARE]
