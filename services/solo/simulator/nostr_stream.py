"""The same conversation as Nostr tells it: each account has a key, each event an id and a signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

from services.relay.crypto.nostr_event import NostrEvent, signed
from services.relay.crypto.secret import Secret
from services.solo.simulator.plan import SECOND_US, Kind, Ref
from services.solo.simulator.stream import Stream

_SECONDS_KEPT, _EVENTS_KEPT, _KEYS_KEPT = 600, 20_000, 4_096
_TAG = re.compile(r"#(\w*[^\W\d]\w*)")


class NostrStream:
    """Events of ``stream``, made again whenever they are asked for: nothing is stored."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self._conversation = stream, stream.conversation
        self._secret = lru_cache(_KEYS_KEPT)(self._make_secret)
        self.event = lru_cache(_EVENTS_KEPT)(self._make)
        self._second = lru_cache(_SECONDS_KEPT)(self._of_second)

    def between(self, start_us: int, end_us: int) -> Iterator[tuple[int, NostrEvent]]:
        """(time in microseconds, event) of [start_us, end_us), in order."""
        first, last = self.stream.second_at(start_us), self.stream.second_at(end_us - 1)
        for second in range(max(0, first), last + 1):
            yield from (found for found in self._second(second) if start_us <= found[0] < end_us)

    def at(self, created_at: int, now_us: int) -> list[NostrEvent]:
        """What was written in one second and has happened, in the order of NIP-01: lowest id first."""
        end_us = min((created_at + 1) * SECOND_US, now_us + 1)
        found = {event.id: event for _, event in self.between(created_at * SECOND_US, end_us)}
        return [found[key] for key in sorted(found)]

    def _of_second(self, second: int) -> tuple[tuple[int, NostrEvent], ...]:
        count = len(self._conversation.plan(second).kind)
        refs = (Ref(second, place) for place in range(count))
        made = ((self._conversation.time_us(ref), self.event(ref)) for ref in refs)
        return tuple((time_us, event) for time_us, event in made if event is not None)

    def _make(self, ref: Ref) -> NostrEvent | None:
        conversation = self._conversation
        match Kind(int(conversation.plan(ref.second).kind[ref.place])):
            case Kind.POST:
                return self._note(ref)
            case Kind.LIKE:
                return self._about(ref, 7, "+", conversation.reacted_to(ref))
            case Kind.REPOST:
                return self._about(ref, 6, "", conversation.reacted_to(ref))
            case Kind.POST_DELETE | Kind.LIKE_DELETE:
                return self._deletion(ref)
            case _:
                return None

    def _note(self, ref: Ref) -> NostrEvent:
        text = self._conversation.write(ref).text
        tags = [["t", tag] for tag in _TAG.findall(text)]
        reply = self._conversation.reply_to(ref)
        if reply is not None:
            root, parent = self.event(reply[0]), self.event(reply[1])
            if root is not None and parent is not None:
                tags += [["e", root.id, "", "root"], ["e", parent.id, "", "reply"], ["p", parent.pubkey]]
        return self._signed(ref, 1, tags, text)

    def _about(self, ref: Ref, kind: int, content: str, target: Ref | None) -> NostrEvent | None:
        about = None if target is None else self.event(target)
        return None if about is None else self._signed(ref, kind, [["e", about.id], ["p", about.pubkey]], content)

    def _deletion(self, ref: Ref) -> NostrEvent | None:
        target = self._conversation.removed(ref)
        gone = None if target is None else self.event(target)
        if target is None or gone is None:
            return None
        tags = [["e", gone.id], ["k", str(gone.kind)]]
        return self._signed(ref, 5, tags, "", self._conversation.account(target))

    def _signed(
        self, ref: Ref, kind: int, tags: list[list[str]], content: str, account: int | None = None
    ) -> NostrEvent:
        account = self._conversation.account(ref) if account is None else account
        return signed(self._secret(account), self._conversation.time_us(ref) // SECOND_US, kind, tags, content)

    def _make_secret(self, account: int) -> Secret:
        return Secret(hashlib.sha256(f"{self.stream.seed}:nostr:{account}".encode()).digest())
