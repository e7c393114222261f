"""What the stages of the pipeline hand to each other. Times are microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from services.relay.frames import Frame, Missing, Resume

LIKE, REPOST = 1, 2

#: An event may be this far ahead of the database's clock; further ahead its sender's clock is broken.
MAX_AHEAD_US = 600_000_000


class NewPost(msgspec.Struct, kw_only=True):
    """A post created, or its content replaced (``replaces``). Counting fills ``terms`` and ``fingerprint``.

    ``id`` and ``reply_to`` are the 16 bytes of ``record_key``: a ``UUID`` object costs more than reading a like,
    and few of these posts are ever shown.

    ``tombstone``, where addresses do not name their author, is the id under which the author's own
    deletion lies that came before the post.
    """

    id: bytes
    uri: str
    author: str
    author_hash: int
    time_us: int
    claimed_us: int | None = None
    text: str
    languages: list[str] = []
    tags: list[str] = []
    links: list[str] = []
    reply_to: bytes | None = None
    replaces: bool = False
    tombstone: UUID | None = None
    terms: list[str] = []
    fingerprint: int = 0


class Reaction(msgspec.Struct, gc=False):
    """A like or a repost, or its undoing (then ``subject`` is unknown). ``id`` is that of its own uri.

    Both are the 16 bytes of ``record_key``, as in ``NewPost``.
    """

    id: bytes
    subject: bytes | None
    kind: int
    time_us: int
    undone: bool = False


class Removal(msgspec.Struct, gc=False):
    """A post that ``author`` deleted. Another author's post stays.

    ``tombstone`` is where the deletion of a post not seen yet is kept, ``None`` for under its own id.
    """

    id: UUID
    uri: str
    author: str
    author_hash: int
    time_us: int
    tombstone: UUID | None = None


class Passing(msgspec.Struct, gc=False):
    """An event that only moves the cursor: identity, account, sync, other collections."""

    time_us: int


class AccountNotice(Passing, gc=False):
    """``author`` is gone for good, with all that was posted until then, or is there (again)."""

    author: str
    author_hash: int
    gone: bool


class Together(msgspec.Struct):
    """What one event does to several others."""

    time_us: int
    events: list[Removal | Reaction]


Event = NewPost | Reaction | Removal | Passing | Together

#: Reads one whole frame of a wire: (data, latest believable time: MAX_AHEAD_US past the database's
#: clock, in microseconds) -> event. Pure.
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
    ``undoings`` are the reactions that are ``undone``. ``repeated`` counts events left out because
    the batch holds them already.
    """

    posts: list[NewPost] = []
    reactions: list[Reaction] = []
    undoings: list[Reaction] = []
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
    def notices(self) -> list[AccountNotice]:
        """Those passing that tell who is gone and who is there."""
        return [passing for passing in self.passing if isinstance(passing, AccountNotice)]

    @property
    def first_us(self) -> int | None:
        """The event time that answered ``resume``, or of the first event here."""
        return None if self.first is None else self.first.time_us

    @property
    def events(self) -> int:
        """Events read, repeated ones included."""
        kept = len(self.posts) + len(self.reactions) + len(self.undoings) + len(self.removals)
        return kept + len(self.passing) + self.repeated
