"""A feed we listen to, its state, and stretches it could not give us."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from shared.schemas.base import Schema

FeedKind = Literal["jetstream", "nostr", "sealed", "file"]
FeedStatus = Literal[
    "starting", "live", "catching_up", "stalled", "unreachable", "failed", "paused", "ended", "removing"
]
#: Who decides over the row: the settings' first feed, the operator through the API, or a replay.
Managed = Literal["settings", "operator", "replay"]


class Feed(Schema, frozen=True, kw_only=True):
    """One feed with its present state, as the relay last reported it by the database's clock.

    ``lag_seconds`` is now minus the event time of the last stored event; ``rate`` is events per
    second stored over the last ten seconds. ``behind_seconds`` is the lag of a feed that has more to
    give, ``null`` when it is up to date; ``catch_up_seconds`` how long until then at the present
    speed, ``null`` when that is unknown or never. ``reported_at`` older than 30 s means the relay is
    not running and the state is then given as "unreachable" with that reason. ``queue_events`` and
    ``queue_bytes`` bound what waits in the relay; ``null`` takes the settings'. The address is shown
    without credentials.
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
    behind_seconds: float | None = None
    catch_up_seconds: float | None = None
    rate: float = 0.0
    events: int = 0
    posts: int = 0
    deletes: int = 0
    quarantined: int = 0
    managed: Managed = "operator"
    backfill_minutes: int = 0
    options: dict[str, Any] = {}
    queue_events: int | None = None
    queue_bytes: int | None = None
    created_at: datetime | None = None


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


class FeedRequest(Schema, frozen=True, kw_only=True):
    """A feed to add. What ``options`` there are depends on the kind: see GET /api/v1/feed-kinds."""

    id: str
    kind: str
    url: str
    backfill_minutes: int = 60
    options: dict[str, Any] = {}
    queue_events: int | None = None
    queue_bytes: int | None = None
    enabled: bool = True


class FeedChange(Schema, frozen=True, kw_only=True):
    """What to change; fields left out stay. ``enabled`` pauses and resumes; ``options`` replaces all of them."""

    enabled: bool | UnsetType = UNSET
    url: str | UnsetType = UNSET
    backfill_minutes: int | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    queue_events: int | UnsetType | None = UNSET
    queue_bytes: int | UnsetType | None = UNSET


class FeedDrop(Schema, frozen=True, kw_only=True):
    """One interruption of a feed: why a connection ended and when there was one again.

    ``cause`` is kicked, restart, network, stall, refused or ended; ``code`` the close frame's (1006
    for none). ``held_seconds`` is how long we had left the socket unread, ``idle_seconds`` how long
    the feed had been silent. ``lasted_seconds`` is the connection's life, ``null`` when there was
    none; ``away_seconds`` the time until the next connection (until now while ``reconnected_at`` is
    ``null``), with ``attempts`` refused in between. ``event_time`` is that of the last event stored.
    """

    id: str
    feed: str
    cause: str
    code: int | None
    detail: str
    held_seconds: float | None
    idle_seconds: float | None
    event_time: datetime | None
    connected_at: datetime | None
    ended_at: datetime
    reconnected_at: datetime | None
    lasted_seconds: float | None
    away_seconds: float
    attempts: int


class FeedDrops(Schema, frozen=True, kw_only=True):
    """Interruptions, newest first. ``next`` asks for the page after, as ``before``."""

    feed: str
    drops: list[FeedDrop]
    next: str | None = None


class GapDetail(Gap, frozen=True, kw_only=True):
    """A gap with what is known about it."""

    seconds: float
    found_at: datetime
    evidence: dict[str, Any]


class FeedGaps(Schema, frozen=True, kw_only=True):
    """Gaps by their end, newest first. ``next`` asks for the page after, as ``before``."""

    feed: str
    gaps: list[GapDetail]
    next: str | None = None


class FeedOption(Schema, frozen=True, kw_only=True):
    """One option of a kind. ``type`` is JSON's; ``choices`` are all values it may have, if they are few."""

    name: str
    type: str
    doc: str
    default: Any = None
    choices: list[Any] = []
    required: bool = False


class FeedKindForm(Schema, frozen=True, kw_only=True):
    """How to describe a feed of one kind."""

    kind: str
    title: str
    schemes: list[str]
    example: str
    options: list[FeedOption]


class FeedKinds(Schema, frozen=True, kw_only=True):
    """Kinds of feeds that can be added, and how many may be on at the same time."""

    kinds: list[FeedKindForm]
    most_feeds: int


class FeedMinute(Schema, frozen=True, kw_only=True):
    """Events of one feed in one minute of event time."""

    start: datetime
    posts: int
    likes: int
    reposts: int
    deletes: int


class FeedSeries(Schema, frozen=True, kw_only=True):
    """Counts of whole minutes, oldest first.

    Left out are the feed's first minute, the one that is not over yet, and those that touch one of ``gaps``.
    """

    feed: str
    minutes: list[FeedMinute]
    gaps: list[Gap]
