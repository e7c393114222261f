"""What the relay keeps of a feed beside its posts."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.feed import GapDetail


class GapEntry(GapDetail, frozen=True, kw_only=True):
    """A gap, and whether somebody has looked at it."""

    acknowledged_at: datetime | None


class GapPage(Schema, frozen=True, kw_only=True):
    """Gaps of all feeds by their end, newest first. ``open`` counts those nobody has acknowledged."""

    gaps: list[GapEntry]
    open: int
    next: str | None = None


class Cursor(Schema, frozen=True, kw_only=True):
    """How far a feed was read and stored. ``position`` is in the feed's own measure; ``token`` its own number."""

    feed: str
    wire: str
    host: str
    position: int
    token: int | None
    event_time: datetime
    behind_seconds: float
    events: int
    posts: int
    likes: int
    reposts: int
    deletes: int
    duplicates: int
    quarantined: int
    updated_at: datetime


class Recheck(Schema, frozen=True, kw_only=True):
    """A stretch that is read again on a connection of its own. ``found`` of ``events`` had been missing."""

    id: int
    cause: str
    host: str
    start: datetime
    end: datetime | None
    attempts: int
    try_after: datetime
    events: int
    found: int
    done_at: datetime | None


class RecheckList(Schema, frozen=True, kw_only=True):
    """Those to be done first, then those done, newest first."""

    feed: str
    rechecks: list[Recheck]


class QuarantineReason(Schema, frozen=True, kw_only=True):
    """How many kept frames could not be read for one reason."""

    reason: str
    frames: int
    times: int


class QuarantinedFrame(Schema, frozen=True, kw_only=True):
    """A frame that could not be read. ``size`` is its full length; ``raw`` its first bytes, as text or base64."""

    id: str
    feed: str
    reason: str
    detail: str
    size: int
    times: int
    received_at: datetime
    raw: str | None = None
    encoding: str | None = None


class Quarantine(Schema, frozen=True, kw_only=True):
    """The newest frames that could not be read, without their bytes, and how many there are by reason."""

    frames: list[QuarantinedFrame]
    reasons: list[QuarantineReason]


class Departures(Schema, frozen=True, kw_only=True):
    """Accounts that are gone for good. ``waiting``: their posts are still being removed."""

    gone: int
    waiting: int
    swept: int
    came_back: int
    oldest_waiting_since: datetime | None


class Forgotten(Schema, frozen=True, kw_only=True):
    """Whose posts up to ``until`` (event time) are being removed."""

    author: str
    until: datetime
