"""A feed we listen to, its state, and stretches it could not give us."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema

FeedKind = Literal["jetstream", "nostr", "sealed", "file"]
FeedStatus = Literal["starting", "live", "catching_up", "stalled", "unreachable", "paused", "ended"]


class Feed(Schema, frozen=True, kw_only=True):
    """One feed with its present state, as the relay last reported it by the database's clock.

    ``lag_seconds`` is now minus the event time of the last stored event; ``rate`` is events per
    second stored over the last ten seconds. ``reported_at`` older than 30 s means the relay is not
    running and the state is then given as "unreachable" with that reason.
    """

    id: str
    kind: FeedKind
    url: str
    enabled: bool
    status: FeedStatus
    reason: str | None = None
    since: datetime
    reported_at: datetime
    last_event_time: datetime | None = None
    lag_seconds: float | None = None
    rate: float = 0.0
    events: int = 0
    posts: int = 0
    deletes: int = 0
    quarantined: int = 0


class Gap(Schema, frozen=True, kw_only=True):
    """A stretch of a feed's event time that could not be read back."""

    id: str
    feed: str
    start: datetime
    end: datetime
    cause: str


class FeedList(Schema, frozen=True, kw_only=True):
    """All feeds and the gaps of the last 24 hours."""

    feeds: list[Feed]
    gaps: list[Gap]


class FeedMinute(Schema, frozen=True, kw_only=True):
    """Events of one feed in one minute of event time."""

    start: datetime
    posts: int
    likes: int
    reposts: int
    deletes: int


class FeedSeries(Schema, frozen=True, kw_only=True):
    """Counts by minute, oldest first; a minute that touches a gap is left out and its gap listed."""

    feed: str
    minutes: list[FeedMinute]
    gaps: list[Gap]
