"""What a rule would have done in the past, answered from stored posts."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.alert import AlertPost, MatchedWord
from shared.schemas.base import Schema
from shared.schemas.feed import Gap


class Firing(Schema, frozen=True, kw_only=True):
    """One alert that would have been raised ``at`` that event time."""

    at: datetime
    level: int
    posts: int
    authors: int
    usual: float | None
    ratio: float | None
    provisional: bool
    reason: str


class Episode(Schema, frozen=True, kw_only=True):
    """A stretch in which the rule held. ``end`` is ``None`` while it still held at the end of the period.

    ``peak_posts`` and ``peak_authors`` are the most within the rule's minutes. ``firings`` may be empty: the
    cool-down of the episode before it lasted longer, or it was ``told_by_topic``, an alert that came before it.
    """

    start: datetime
    end: datetime | None
    peak_at: datetime
    peak_posts: int
    peak_authors: int
    firings: list[Firing]
    told_by_topic: bool = False
    matched: list[MatchedWord]
    languages: list[str]
    samples: list[AlertPost]


class BacktestPoint(Schema, frozen=True, kw_only=True):
    """``posts`` that matched in one bucket, and what is ``usual`` in as long a stretch; ``None`` without data."""

    start: datetime
    posts: int | None
    usual: float | None


class TopicFiring(Schema, frozen=True, kw_only=True):
    """One alert of a topic's own: so many of its ``posts_hour`` posts of the last hour matched."""

    at: datetime
    level: int
    posts: int
    posts_hour: int
    reason: str


class BacktestTopic(Schema, frozen=True, kw_only=True):
    """A momentum topic followed in the period that holds ``posts`` matching posts.

    ``firings`` are alerts of its own; ``told_otherwise``: the alert of an episode or of another topic told its story.
    """

    id: str
    label: str
    detected_at: datetime
    posts: int
    firings: list[TopicFiring] = []
    told_otherwise: bool = False


class Backtest(Schema, frozen=True, kw_only=True):
    """``fired`` alerts in ``episodes`` and for ``topics``.

    ``series`` has one point each ``bucket_minutes``, oldest first. ``missing_minutes`` of the period have no
    data: before the first stored post, after the last, or in ``gaps``. ``matched`` posts in all; at most 50
    episodes are given with samples, the strongest ones.
    """

    start: datetime
    end: datetime
    fired: int
    matched: int
    episodes: list[Episode]
    topics: list[BacktestTopic]
    bucket_minutes: int
    series: list[BacktestPoint]
    gaps: list[Gap]
    data_from: datetime | None
    data_to: datetime | None
    missing_minutes: int
    degraded: str | None
    summary: str
    took_ms: float
