"""The stream: Jetstream v1 frames for any second since the anchor, and the truth about them.

Nothing is stored. The frames of a second depend only on (seed, rate, anchor, corpus, second), so a
simulator that was killed serves the very same bytes again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any, Literal

import msgspec

from services.solo.simulator.chance import key, lane
from services.solo.simulator.conversation import RECORD_DELAY_US, Conversation
from services.solo.simulator.corpus import Corpus
from services.solo.simulator.identifiers import cid, tid
from services.solo.simulator.ledger import Ledger
from services.solo.simulator.plan import SECOND_US, Kind, Ref
from services.solo.simulator.records import (
    FOLLOW,
    LIKE,
    POST,
    PROFILE,
    REPOST,
    Record,
    follow,
    post,
    profile,
    reaction,
    timestamp,
)
from services.solo.simulator.stories import PlantedStory

_COMMIT_DELAY_US = 120_000
_SECONDS_KEPT = 8
_SEQUENCE_STEP = 8_192  # more than any second holds, so that ``seq`` rises

Operation = Literal["create", "update", "delete"]


class Event(msgspec.Struct, frozen=True, gc=False):
    """One frame with what filters need to know. ``collection`` is empty unless it is a commit.

    ``seq`` rises from event to event, with holes.
    """

    time_us: int
    did: str
    collection: str
    frame: bytes
    kind: str = "commit"
    seq: int = 0


class Stream:
    """All events of one simulated network from ``anchor_us`` (UTC microseconds) on.

    ``rate`` is events a second, averaged over a day. Keeps the last 8 seconds of frames.
    """

    def __init__(self, seed: int, rate: float, anchor_us: int, corpus: Corpus) -> None:
        self.seed, self.anchor_us, self.rate = seed, anchor_us, rate
        self._conversation = Conversation(seed, rate, anchor_us, corpus)
        self._chance = lane(seed, "stream")
        self.ledger = Ledger(self._conversation)
        self.events = lru_cache(_SECONDS_KEPT)(self._events)

    @property
    def conversation(self) -> Conversation:
        """Who says what to whom, for other protocols to tell."""
        return self._conversation

    def second_at(self, time_us: int) -> int:
        """Index of the second that holds a moment; negative before the anchor."""
        return (time_us - self.anchor_us) // SECOND_US

    def between(self, start_us: int, end_us: int) -> Iterator[Event]:
        """Events in [start_us, end_us), in order."""
        for second in range(max(0, self.second_at(start_us)), self.second_at(end_us - 1) + 1):
            events = self.events(second)
            first = bisect_left(events, start_us, key=_event_time)
            yield from events[first : bisect_left(events, end_us, key=_event_time)]

    def second_of(self, seq: int) -> int:
        """Index of the second that holds the number ``seq``."""
        return max(0, (seq - 1) // _SEQUENCE_STEP)

    def time_of(self, seq: int) -> int:
        """When the first event with a number of ``seq`` or more happens."""
        second = self.second_of(seq)
        found = (event.time_us for event in self.events(second) if event.seq >= seq)
        return next(found, self.anchor_us + (second + 1) * SECOND_US)

    def truth(self, start_us: int, end_us: int) -> list[PlantedStory]:
        """Stories with posts in [start_us, end_us), by onset."""
        return list(self._conversation.schedule.between(start_us, end_us))

    def _events(self, second: int) -> tuple[Event, ...]:
        kinds = self._conversation.plan(second).kind.tolist()
        made = (self._event(Ref(second, index), Kind(kind)) for index, kind in enumerate(kinds))
        first = second * _SEQUENCE_STEP + 1
        return tuple(
            msgspec.structs.replace(event, seq=first + place) for place, event in enumerate(made) if event is not None
        )

    def _event(self, ref: Ref, kind: Kind) -> Event | None:
        match kind:
            case Kind.POST:
                return self._create(ref, POST, self._post(ref))
            case Kind.LIKE | Kind.REPOST:
                target = self._conversation.reacted_to(ref)
                if target is None:
                    return None
                collection = LIKE if kind is Kind.LIKE else REPOST
                subject = self._conversation.subject(target)
                return self._create(ref, collection, reaction(collection, subject, self._created_us(ref)))
            case Kind.POST_DELETE | Kind.LIKE_DELETE:
                return self._delete(ref, POST if kind is Kind.POST_DELETE else LIKE)
            case Kind.IDENTITY | Kind.ACCOUNT:
                return self._notice(ref, kind)
            case Kind.FOLLOW:
                other = self._conversation.population.did(key(self._chance, *ref) % 20_000)
                return self._create(ref, FOLLOW, follow(other, self._created_us(ref)))
            case Kind.PROFILE:
                name = f"Neighbour {self._conversation.account(ref)}"
                return self._commit(ref, "update", PROFILE, "self", profile(name, self._created_us(ref)))

    def _post(self, ref: Ref) -> Record:
        conversation = self._conversation
        written = conversation.write(ref)
        reply = conversation.reply_to(ref)
        return post(
            written.rng,
            written.text,
            written.language,
            self._created_us(ref),
            reply=None if reply is None else (conversation.subject(reply[0]), conversation.subject(reply[1])),
            quote=None if written.quote is None else conversation.subject(written.quote),
        )

    def _created_us(self, ref: Ref) -> int:
        return self._conversation.time_us(ref) - RECORD_DELAY_US

    def _create(self, ref: Ref, collection: str, record: Record) -> Event:
        return self._commit(ref, "create", collection, self._conversation.rkey(ref), record)

    def _delete(self, ref: Ref, collection: str) -> Event | None:
        target = self._conversation.removed(ref)
        if target is None:
            return None
        account = self._conversation.account(target)
        rkey = self._conversation.rkey(target)
        return self._commit(ref, "delete", collection, rkey, None, account)

    def _commit(
        self,
        ref: Ref,
        operation: Operation,
        collection: str,
        rkey: str,
        record: Record | None,
        account: int | None = None,
    ) -> Event:
        time_us = self._conversation.time_us(ref)
        account = self._conversation.account(ref) if account is None else account
        did = self._conversation.population.did(account)
        commit: dict[str, Any] = {
            "rev": tid(time_us - _COMMIT_DELAY_US, account),
            "operation": operation,
            "collection": collection,
            "rkey": rkey,
        }
        if record is not None:
            address = f"at://{did}/{collection}/{rkey}"
            commit["record"] = record
            commit["cid"] = cid(address if operation == "create" else f"{address} {time_us}")
        return _event(time_us, did, collection, {"kind": "commit", "commit": commit})

    def _notice(self, ref: Ref, kind: Kind) -> Event:
        time_us, account, status = self._conversation.time_us(ref), self._conversation.account(ref), ""
        if kind is Kind.ACCOUNT:
            account, status = self._conversation.notice(ref)
        did = self._conversation.population.did(account)
        body: dict[str, Any] = {
            "did": did,
            "seq": ref.second * _SEQUENCE_STEP + ref.place + 1,
            "time": timestamp(time_us - _COMMIT_DELAY_US),
        }
        if kind is Kind.IDENTITY:
            if Random(key(self._chance, *ref)).random() < 0.8:
                body["handle"] = f"neighbour{account}.social.example"
            return _event(time_us, did, "", {"kind": "identity", "identity": body})
        body["active"] = not status
        if status:
            body["status"] = status
        return _event(time_us, did, "", {"kind": "account", "account": body})


def _event_time(event: Event) -> int:
    return event.time_us


def _event(time_us: int, did: str, collection: str, rest: dict[str, Any]) -> Event:
    frame = msgspec.json.encode({"did": did, "time_us": time_us, **rest})
    return Event(time_us, did, collection, frame, rest["kind"])
