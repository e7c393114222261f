"""What the stages of the pipeline hand to each other. Times are microseconds since 1970, UTC."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.relay.frames import Frame, Resume

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


class Refused(msgspec.Struct, frozen=True):
    """A frame that cannot be read. ``reason`` is one of few fixed words."""

    frame: Frame
    reason: str
    detail: str


class Batch(msgspec.Struct, kw_only=True):
    """Events of one transaction. ``position`` is the newest event time, ``None`` without any event.

    ``first_us`` is the event time that answered ``resume``, when a connection began in this batch.
    ``repeated`` counts events left out because the batch holds them already.
    """

    posts: list[NewPost] = []
    reactions: list[Reaction] = []
    removals: list[Removal] = []
    passing: list[Passing] = []
    refused: list[Refused] = []
    position: int | None = None
    resume: Resume | None = None
    first_us: int | None = None
    repeated: int = 0

    @property
    def events(self) -> int:
        """Events read, repeated ones included."""
        return len(self.posts) + len(self.reactions) + len(self.removals) + len(self.passing) + self.repeated
