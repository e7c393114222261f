"""Counts over long stretches of event time."""

from __future__ import annotations

from datetime import date, datetime

from shared.schemas.base import Schema
from shared.schemas.feed import Gap
from shared.schemas.topic import Topic


class FeedCounts(Schema, frozen=True, kw_only=True):
    """One feed's counts, one number a bucket."""

    feed: str
    posts: list[int]
    likes: list[int]
    reposts: list[int]
    deletes: list[int]


class Timeline(Schema, frozen=True, kw_only=True):
    """Counts by feed on one time axis. ``starts`` are the buckets' beginnings; ``gaps`` what could not be read."""

    bucket_minutes: int
    starts: list[datetime]
    feeds: list[FeedCounts]
    gaps: list[Gap]


class Day(Schema, frozen=True, kw_only=True):
    """One day (UTC) of the platform: what came, what was found, what was done."""

    day: date
    posts: int
    likes: int
    reposts: int
    deletes: int
    topics: int
    alerts: int
    runs: int
    reports: int
    gap_seconds: float


class Days(Schema, frozen=True, kw_only=True):
    """Days, newest first."""

    days: list[Day]


class TopicPage(Schema, frozen=True, kw_only=True):
    """Topics without their last hour. ``next`` asks for the page after, as ``before``."""

    topics: list[Topic]
    next: str | None = None


class Overlap(Schema, frozen=True, kw_only=True):
    """What two topics share among the newest 2,000 posts of each: posts and people."""

    first: str
    second: str
    posts: int
    people: int


class TopicComparison(Schema, frozen=True, kw_only=True):
    """Topics on one time axis. ``values[i][j]`` is posts of ``topics[i]`` in the minute ``minutes[j]``."""

    minutes: list[datetime]
    topics: list[Topic]
    values: list[list[int | None]]
    gaps: list[Gap]
    overlaps: list[Overlap]


class WatchMinute(Schema, frozen=True, kw_only=True):
    """Matching posts of a minute; minutes without any are left out."""

    start: datetime
    posts: int


class WatchSeries(Schema, frozen=True, kw_only=True):
    """What a watch matched, minute by minute, up to ``evaluated_to``."""

    watch: str
    evaluated_to: datetime | None
    minutes: list[WatchMinute]
