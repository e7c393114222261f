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
    """An event that only moves the cursor: identity, account, sync, other collections.

    An account that is deleted or taken down keeps its posts here: the network does not send a deletion
    for each of them, and finding them would need an index by author on every insert (see decision 0012).
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

    ``first_us`` is the event time that answered ``resume``, when a connection began in this batch.
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
    first_us: int | None = None
    repeated: int = 0

    @property
    def events(self) -> int:
        """Events read, repeated ones included."""
        return len(self.posts) + len(self.reactions) + len(self.removals) + len(self.passing) + self.repeated
