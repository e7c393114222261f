"""An alert: a watch was met. It carries what a person needs to judge and to act."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.destination import Delivery

AlertKind = Literal["threshold", "topic"]


class MatchedWord(Schema, frozen=True, kw_only=True):
    """One of the rule's words and how many of the counted posts hold it."""

    word: str
    posts: int


class AlertPost(Schema, frozen=True, kw_only=True):
    """A sample of what matched. ``url`` is built by us."""

    id: str
    author: str
    time: datetime
    text: str
    languages: list[str]
    url: str | None


class AlertTopic(Schema, frozen=True, kw_only=True):
    """A momentum topic that holds some of the posts. ``link`` opens it in the dashboard."""

    id: str
    label: str
    link: str


class Alert(Schema, frozen=True, kw_only=True):
    """One alert of one watch.

    Times are event times but ``raised_at`` and ``acknowledged_at``: the episode ``began_at``, and at ``at``
    the last ``minutes`` held ``posts`` posts by ``authors`` accounts. ``usual`` is what the days before lead
    one to expect, ``None`` while that is not known; ``provisional`` when it rests on less than a day.
    ``level`` 0 announces an episode, higher ones say that it grew. ``samples`` lack posts that were deleted.
    """

    id: str
    watch: str
    watch_name: str
    kind: AlertKind
    level: int
    began_at: datetime
    at: datetime
    raised_at: datetime
    minutes: int
    posts: int
    authors: int
    usual: float | None
    ratio: float | None
    provisional: bool
    matched: list[MatchedWord]
    languages: list[str]
    samples: list[AlertPost]
    topics: list[AlertTopic]
    reason: str
    link: str
    acknowledged_at: datetime | None
    deliveries: list[Delivery]


class AlertPage(Schema, frozen=True, kw_only=True):
    """Newest first. ``next`` continues the listing (opaque); ``unread`` counts all not acknowledged."""

    alerts: list[Alert]
    next: str | None = None
    unread: int


class Acknowledged(Schema, frozen=True, kw_only=True):
    """How many alerts were marked as seen, and how many are left."""

    acknowledged: int
    unread: int


class AlertDay(Schema, frozen=True, kw_only=True):
    """Alerts of one watch on one day (UTC)."""

    day: date
    watch: str
    name: str
    alerts: int
    unread: int


class AlertDays(Schema, frozen=True, kw_only=True):
    """Days with alerts, newest first, the busiest watch of a day first."""

    days: list[AlertDay]
