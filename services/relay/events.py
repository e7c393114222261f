"""What the stages of the pipeline hand to each other. Times are microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from services.relay.frames import Frame, Missing, Resume

LIKE, REPOST = 1, 2


class NewPost(msgspec.Struct, kw_only=True):
    """A post created, or its content replaced (``replaces``). Counting fills ``terms`` and ``fingerprint``."""

    id: UUID
    uri: str
    author: str
    author_hash: int
    time_us: int
    claimed_us: int | None = None
    text: str
    languages: list[str] = []
    tags: list[str] = []
    links: list[str] = []
    reply_to: UUID | None = None
    replaces: bool = False
    terms: list[str] = []
    fingerprint: int = 0


class Reaction(msgspec.Struct, gc=False):
    """A like or a repost, or its undoing (then ``subject`` is unknown). ``id`` is that of its own uri."""

    id: UUID
    subject: UUID | None
    kind: int
    time_us: int
    undone: bool = False


class Removal(msgspec.Struct, gc=False):
    """A post its author deleted."""

    id: UUID
    uri: str
    author: str
    author_hash: int
    time_us: int


class Passing(msgspec.Struct, gc=False):
    """An event that only moves the cursor: identity, account, other collections.

    An account taken down or deleted keeps its posts here until their own deletions arrive: the
    network sends those too, and an index by author would cost every insert.
    """

    time_us: int


Event = NewPost | Reaction | Removal | Passing

#: Reads one whole frame of a wire: (data, latest believable time in microseconds) -> event. Pure.
#: Raises MalformedFrame with one of few fixed reasons, or what a decoder raises on bad bytes.
Read = Callable[[bytes, int], Event]


class Refused(msgspec.Struct, frozen=True):
    """A frame that cannot be read. ``reason`` is one of few fixed words."""

    frame: Frame
    reason: str
    detail: str


class Batch(msgspec.Struct, kw_only=True):
    """Events of one transaction. ``position`` is the newest event time that the cursor may move to,
    ``None`` without any; ``token`` the feed's own cursor after the batch, ``None`` where it has none.

    ``resume`` tells that a connection began with this batch. ``first`` is its first event and ``last_us``
    the time of its last one, ``None`` without any; ``caught_up`` that it is of the present.
    ``repeated`` counts events left out because the batch holds them already.
    """

    posts: list[NewPost] = []
    reactions: list[Reaction] = []
    removals: list[Removal] = []
    passing: list[Passing] = []
    refused: list[Refused] = []
    missing: list[Missing] = []
    position: int | None = None
    token: int | None = None
    resume: Resume | None = None
    first: Event | None = None
    last_us: int | None = None
    caught_up: bool = False
    repeated: int = 0

    @property
    def first_us(self) -> int | None:
        """The event time that answered ``resume``, or of the first event here."""
        return None if self.first is None else self.first.time_us

    @property
    def events(self) -> int:
        """Events read, repeated ones included."""
        return len(self.posts) + len(self.reactions) + len(self.removals) + len(self.passing) + self.repeated
