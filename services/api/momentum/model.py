"""What goes into the momentum engine and what comes out. Times are microseconds of event time, UTC."""

from __future__ import annotations

import msgspec

from shared.schemas.topic import TopicStatus

MINUTE_US = 60_000_000


class Observation(msgspec.Struct, frozen=True):
    """One post. ``author`` is a signed 64-bit hash, ``fingerprint`` as in ``shared.features``,
    ``language`` empty when unknown."""

    time_us: int
    post: str
    author: int
    terms: tuple[str, ...]
    fingerprint: int
    language: str = ""


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    """A topic at the end of a minute; see ``shared.schemas.topic.Topic`` for the figures.

    ``usual_hour`` counts each author once per word and hour, as all expectations here do.
    ``representatives`` are post ids: the earliest, then up to three of distinct text and author that
    are most like the topic's posts together.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    status: TopicStatus
    score: float
    posts_hour: int
    authors_hour: int
    usual_hour: float
    ratio: float
    provisional: bool
    began_us: int
    detected_us: int
    languages: tuple[str, ...]
    why: str
    representatives: tuple[str, ...]
    peak_us: int
    peak_posts: int
    decay: float


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """A topic announced: new, grown, or confirmed after the warm-up. ``topic`` is its label."""

    time_us: int
    topic: str
    topic_id: str
    terms: tuple[str, ...]
    score: float
    provisional: bool = False


class TopicMinute(msgspec.Struct, frozen=True):
    """A topic's minute: matched posts, distinct authors among them, posts usual for a minute."""

    topic: str
    minute_us: int
    posts: int
    authors: int
    usual: float


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """All that one closed minute changed.

    ``topics`` are live, by score, highest first. ``assignments`` are (topic id, post id, time) of
    posts that this tick matched; a new topic brings those of the last 60 minutes.
    """

    minute_us: int
    posts: int
    topics: list[TopicState]
    ended: list[str]
    detections: list[Detection]
    assignments: list[tuple[str, str, int]]
    minutes: list[TopicMinute]
