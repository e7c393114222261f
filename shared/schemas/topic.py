"""A topic: related terms that gain momentum together."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.feed import Gap
from shared.schemas.post import Post

#: emerging: followed for less than ten minutes; rising, peaking, fading: how its last ten minutes compare.
TopicStatus = Literal["emerging", "rising", "peaking", "fading", "ended"]


class Topic(Schema, frozen=True, kw_only=True):
    """One detected topic.

    ``posts_hour`` and ``authors_hour`` count the last 60 minutes of event time, ``usual_hour`` is
    what the baseline expects for the same stretch, ``ratio`` their quotient (at least one post
    expected). ``provisional`` means that the baseline is younger than its warm-up. ``why`` is one
    sentence that names the evidence. ``peak_at`` is the end of its busiest ten minutes so far, which held
    ``peak_posts``; ``decay`` is how far the last ten minutes lie below that, 0 at the peak, 1 when
    silent. ``spark`` holds posts a minute, oldest first, up to 60 values,
    ``None`` where the minute touches a gap.
    """

    id: str
    label: str
    terms: list[str]
    status: TopicStatus
    score: float
    posts_hour: int
    authors_hour: int
    usual_hour: float
    ratio: float
    provisional: bool
    began_at: datetime
    detected_at: datetime
    updated_at: datetime
    languages: list[str]
    why: str
    peak_at: datetime | None = None
    peak_posts: int = 0
    decay: float = 0.0
    spark: list[int | None] = []


class TopicList(Schema, frozen=True, kw_only=True):
    """Live topics by score, highest first. ``as_of`` is the event time the figures hold for."""

    topics: list[Topic]
    as_of: datetime | None
    baseline_minutes: int
    warmup_minutes: int


class SeriesPoint(Schema, frozen=True, kw_only=True):
    """One minute of event time. ``None`` where it touches a gap, or reading began within it."""

    start: datetime
    posts: int | None
    authors: int | None
    usual: float | None


class TopicDetail(Schema, frozen=True, kw_only=True):
    """A topic with its series (minutes, oldest first), gaps and representative posts (earliest first)."""

    topic: Topic
    series: list[SeriesPoint]
    gaps: list[Gap]
    posts: list[Post]
    related: list[Topic]


class MomentumSeries(Schema, frozen=True, kw_only=True):
    """What the momentum chart draws: up to ``len(topics)`` lines on one shared time axis.

    ``values[i][j]`` is posts a minute of ``topics[i]`` at ``minutes[j]``; ``None`` in gaps and
    in the minute in which reading began.
    """

    minutes: list[datetime]
    topics: list[Topic]
    values: list[list[int | None]]
    gaps: list[Gap]
    as_of: datetime | None
