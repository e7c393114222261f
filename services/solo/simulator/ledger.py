"""The exact truth of a stretch of the stream, without making any text: what a reader must end up with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from services.solo.simulator.conversation import Conversation
from services.solo.simulator.plan import SECOND_US, SPAM, Kind, Ref
from services.solo.simulator.records import LIKE, POST, REPOST
from services.solo.simulator.spam import Campaign


class TruePost(NamedTuple):
    """A post that was created. ``story`` is the key of its planted story, if any."""

    uri: str
    author: str
    time_us: int
    story: str | None
    spam: bool


class Departure(NamedTuple):
    """An account that was deleted or taken down: what it wrote until then is to be gone."""

    author: str
    time_us: int


class Reaction(NamedTuple):
    """A like or repost that was created, and the post it is about."""

    uri: str
    subject: str


class Ledger:
    """Each method walks [start_us, end_us) of event time in order and holds nothing."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def posts(self, start_us: int, end_us: int) -> Iterator[TruePost]:
        """Posts created; those deleted later, or whose authors leave, are among them."""
        conversation = self._conversation
        for ref, time_us in self._places(Kind.POST, start_us, end_us):
            theme = int(conversation.plan(ref.second).theme[ref.place])
            yield TruePost(
                uri=conversation.uri(ref, POST),
                author=conversation.population.did(conversation.account(ref)),
                time_us=time_us,
                story=conversation.schedule.story(theme).key if theme >= 0 else None,
                spam=theme <= SPAM,
            )

    def deletes(self, start_us: int, end_us: int) -> Iterator[str]:
        """Addresses of posts deleted."""
        return self._removed(Kind.POST_DELETE, start_us, end_us)

    def departures(self, start_us: int, end_us: int) -> Iterator[Departure]:
        """Accounts that went for good; one may do so twice. They write nothing more."""
        for ref, time_us in self._places(Kind.ACCOUNT, start_us, end_us):
            notice = self._conversation.notice(ref)
            if notice.gone:
                yield Departure(self._conversation.population.did(notice.account), time_us)

    def unlikes(self, start_us: int, end_us: int) -> Iterator[str]:
        """Addresses of likes deleted."""
        return self._removed(Kind.LIKE_DELETE, start_us, end_us)

    def likes(self, start_us: int, end_us: int) -> Iterator[Reaction]:
        """Likes created; those taken back later are among them."""
        return self._reactions(Kind.LIKE, LIKE, start_us, end_us)

    def reposts(self, start_us: int, end_us: int) -> Iterator[Reaction]:
        """Reposts created."""
        return self._reactions(Kind.REPOST, REPOST, start_us, end_us)

    def spam(self, start_us: int, end_us: int) -> list[Campaign]:
        """Spam bursts that touch the stretch: none of them is a story."""
        return list(self._conversation.spam.between(start_us, end_us))

    def _removed(self, kind: Kind, start_us: int, end_us: int) -> Iterator[str]:
        for ref, _ in self._places(kind, start_us, end_us):
            if (address := self._conversation.removed_uri(ref)) is not None:
                yield address

    def _reactions(self, kind: Kind, collection: str, start_us: int, end_us: int) -> Iterator[Reaction]:
        for ref, _ in self._places(kind, start_us, end_us):
            if (target := self._conversation.reacted_to(ref)) is not None:
                address = self._conversation.uri(ref, collection)
                yield Reaction(address, self._conversation.uri(target, POST))

    def _places(self, kind: Kind, start_us: int, end_us: int) -> Iterator[tuple[Ref, int]]:
        anchor = self._conversation.anchor_us
        last = (end_us - 1 - anchor) // SECOND_US
        for second in range(max(0, (start_us - anchor) // SECOND_US), last + 1):
            plan = self._conversation.plan(second)
            for index in (plan.kind == kind).nonzero()[0].tolist():
                time_us = anchor + second * SECOND_US + int(plan.offset_us[index])
                if start_us <= time_us < end_us:
                    yield Ref(second, index), time_us
