"""What goes into the grouping of posts and what comes out. Times are microseconds of event time, UTC."""

from __future__ import annotations

from uuid import UUID

import msgspec

MINUTE_US = 60_000_000


class Item(msgspec.Struct, frozen=True):
    """One post. ``author`` and ``fingerprint`` are signed 64-bit hashes, ``language`` is a primary subtag or empty."""

    post: UUID
    time_us: int
    author: int
    fingerprint: int
    language: str
    terms: tuple[str, ...]


class Place(msgspec.Struct, frozen=True):
    """A circle on the map; see ``places`` for the frame."""

    x: float
    y: float
    radius: float


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One group of posts about the same thing.

    ``posts``, ``people`` and ``texts`` count what was compared, ``languages`` are (primary subtag, share of the posts),
    largest first. ``recent`` and ``earlier`` are the posts of the window's second and first half, ``spark`` those of
    each five minutes, oldest first. ``members`` are post ids, newest first; ``representatives`` central posts of
    distinct authors and texts.
    """

    id: str
    label: str
    terms: list[str]
    born_us: int
    posts: int
    people: int
    texts: int
    languages: list[tuple[str, float]]
    recent: int
    earlier: int
    spark: list[int]
    cohesion: float
    place: Place
    members: list[UUID]
    representatives: list[UUID]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The window grouped, largest conversation first. ``compared`` posts, of which ``scattered`` belong to none."""

    until_us: int
    compared: int
    scattered: int
    conversations: list[Conversation]
