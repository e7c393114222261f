"""A watch: what an operator waits for in the stream, and how much of it is worth an alert."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from shared.schemas.base import Schema

#: Watches and destinations that may be saved: the job looks at every watch each minute.
WATCHES_MOST = 100
DESTINATIONS_MOST = 20

Phrase = Annotated[str, Meta(min_length=1, max_length=100)]
Phrases = Annotated[list[Phrase], Meta(max_length=50)]
AuthorId = Annotated[str, Meta(min_length=1, max_length=300)]
Language = Annotated[str, Meta(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["en", "pt-BR"])]
FeedName = Annotated[str, Meta(min_length=1, max_length=200)]
WatchName = Annotated[str, Meta(min_length=1, max_length=100)]

WatchStatus = Literal["watching", "learning", "paused", "snoozed"]


class Words(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words, phrases, ``#hashtags`` and ``$cashtags`` in any script; capital letters make no difference.

    At least one of ``any``, every one of ``all`` and not one of ``none`` must be in the post.
    """

    any: Phrases = []
    all: Phrases = []
    none: Phrases = []


class Meaning(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Posts that mean what ``text`` says: cosine of their vectors at least ``similarity``.

    Over twelve events told in six languages, 0.82 finds 78 % of what is meant and 0.8 % of the rest (a test holds
    both figures); 0.80 finds 97 % and 7.6 %, 0.84 finds 44 % and nothing else.
    """

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    similarity: Annotated[float, Meta(ge=0.5, le=1.0)] = 0.82


class Threshold(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At least ``posts`` by at least ``authors`` within ``minutes`` of event time.

    ``times_usual`` asks for so many times the watch's own usual, on top of that.
    """

    posts: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    authors: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 10
    times_usual: Annotated[float, Meta(ge=1.1, le=1000.0)] | None = None


class WatchRule(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to match (all conditions that are given must hold) and when to alert.

    ``languages``, ``feeds`` and ``authors`` hold what is accepted; empty accepts all. A language such as
    ``pt`` accepts ``pt-BR`` too. ``topics`` also alerts when a momentum topic holds matching posts.
    After an alert the watch is silent for ``cooldown_minutes`` of event time.
    """

    words: Words = field(default_factory=Words)
    meaning: Meaning | None = None
    authors: Annotated[list[AuthorId], Meta(max_length=200)] = []
    languages: Annotated[list[Language], Meta(max_length=20)] = []
    feeds: Annotated[list[FeedName], Meta(max_length=20)] = []
    topics: bool = False
    threshold: Threshold = field(default_factory=Threshold)
    cooldown_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 60


class Watch(Schema, frozen=True, kw_only=True):
    """A saved watch. ``destinations`` are ids; without any its alerts are shown in the dashboard only.

    ``evaluated_to`` is the event time up to which it was judged, ``armed_at`` the event time from which it
    may alert. ``learning``: it is still reading the days before, for what is usual. ``degraded`` says which
    condition cannot be judged at present, and why. ``open_since``: an episode is going on since then.
    """

    id: str
    name: str
    rule: WatchRule
    destinations: list[str]
    status: WatchStatus
    paused: bool
    snoozed_until: datetime | None
    degraded: str | None
    armed_at: datetime
    evaluated_to: datetime | None
    open_since: datetime | None
    alerts: int
    last_alert_at: datetime | None
    created_at: datetime
    updated_at: datetime


class WatchList(Schema, frozen=True, kw_only=True):
    """All watches by name; at most ``most`` can be saved."""

    watches: list[Watch]
    most: int = WATCHES_MOST


class Removed(Schema, frozen=True, kw_only=True):
    """What was removed."""

    id: str
