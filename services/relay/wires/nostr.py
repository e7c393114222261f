"""Nostr: an event counts once its id is its hash and its author signed it. Source: NIP-01, 09, 10, 18, 25, 62.

Event time is what the author wrote, but never later than now: ``created_at`` is the author's choice,
the only time that a second reading finds again, and nobody may push the clock of what is counted.
"""

from __future__ import annotations

import re

import msgspec

from services.relay import records
from services.relay.crypto.nostr_event import NostrEvent
from services.relay.events import (
    LIKE,
    MAX_AHEAD_US,
    REPOST,
    AccountNotice,
    Event,
    NewPost,
    Passing,
    Reaction,
    Removal,
    Together,
)
from shared.contracts.ids import author_hash, post_id, record_key
from shared.errors import MalformedFrame

#: Name and version of the protocol, stored with the cursor.
WIRE = "nostr/1"
NOTE, DELETION, SHARE, REACTION, VANISH = 1, 5, 6, 7, 62
#: What we ask relays for.
KINDS = (NOTE, DELETION, SHARE, REACTION, VANISH)

SECOND_US = 1_000_000
_HEX32 = re.compile(r"[0-9a-f]{64}")
_LINK = re.compile(r"https?://[^\s<>\"'`{}|\\^\x00-\x20]+[^\s<>\"'`{}|\\^\x00-\x20.,;:!?)\]]")
_KINDS_OF_REACTIONS = {str(SHARE): REPOST, str(REACTION): LIKE}

_message = msgspec.json.Decoder(tuple[str, str, NostrEvent])


def uri_of(event: str) -> str:
    """Our address of an event; ``event`` is its id in hex."""
    return f"nostr:{event}"


def read_event(data: bytes, latest_us: int) -> Event:
    """The event in one ``["EVENT", subscription, event]``. See ``services.relay.events.Read``."""
    word, _, event = _message.decode(data)
    if word != "EVENT":
        raise MalformedFrame("wrong_type", "not an EVENT")
    time_us = event.created_at * SECOND_US
    if not 0 <= time_us <= latest_us:
        raise MalformedFrame("bad_time", f"created_at is {event.created_at}")
    if not _is_id(event.id) or not _is_id(event.pubkey) or not event.has_own_id():
        raise MalformedFrame("bad_id", "the id is not the hash of the event")
    if not event.is_signed():
        raise MalformedFrame("bad_signature", "the author did not sign this")
    time_us = min(time_us, latest_us - MAX_AHEAD_US)
    match event.kind:
        case 1:
            return _new_post(event, time_us)
        case 5:
            return _deletion(event, time_us)
        case 6 | 7:
            return _reaction(event, time_us)
        case 62 if "ALL_RELAYS" in _values(event, "relay"):
            # A wish to vanish from some relays only is theirs to honour; this one is for whoever holds a copy.
            return AccountNotice(time_us, event.pubkey, author_hash(event.pubkey), gone=True)
        case _:
            return Passing(time_us)


def _is_id(text: str) -> bool:
    return _HEX32.fullmatch(text) is not None


def _by_author(event: str, author: str) -> str:
    """Address of an event together with its author: who is not the author cannot name it."""
    return f"nostr:{author}:{event}"


def _new_post(event: NostrEvent, time_us: int) -> NewPost:
    uri = uri_of(event.id)
    parent = _parent(event)
    return NewPost(
        id=record_key(uri),
        uri=uri,
        author=event.pubkey,
        author_hash=author_hash(event.pubkey),
        time_us=time_us,
        claimed_us=event.created_at * SECOND_US,
        text=records.clean(event.content[: records.MAX_TEXT]),
        tags=records.plain_tags(_values(event, "t")),
        links=records.plain_links(_LINK.findall(event.content[: records.MAX_TEXT])),
        reply_to=record_key(uri_of(parent)) if parent else None,
        tombstone=post_id(_by_author(event.id, event.pubkey)),
    )


def _reaction(event: NostrEvent, time_us: int) -> Event:
    """A repost names its post first, a reaction last; "-" is a dislike."""
    targets = [value for value in _values(event, "e") if _is_id(value)]
    if not targets or (event.kind == REACTION and event.content == "-"):
        return Passing(time_us)
    target = targets[-1] if event.kind == REACTION else targets[0]
    kind = LIKE if event.kind == REACTION else REPOST
    own = record_key(_by_author(event.id, event.pubkey))
    return Reaction(own, record_key(uri_of(target)), kind, time_us)


def _deletion(event: NostrEvent, time_us: int) -> Event:
    """All that the author takes back. Whether it was theirs to take back, the ids and the store tell."""
    targets = dict.fromkeys(value for value in _values(event, "e") if _is_id(value))
    kinds = set(_values(event, "k")) or {str(NOTE)}
    taken: list[Removal | Reaction] = []
    for target in targets:
        owned = _by_author(target, event.pubkey)
        if str(NOTE) in kinds:
            uri = uri_of(target)
            author = author_hash(event.pubkey)
            taken.append(Removal(post_id(uri), uri, event.pubkey, author, time_us, tombstone=post_id(owned)))
        for name, kind in _KINDS_OF_REACTIONS.items():
            if name in kinds:
                taken.append(Reaction(record_key(owned), None, kind, time_us, undone=True))
    return Together(time_us, taken)


def _parent(event: NostrEvent) -> str | None:
    """The event answered: NIP-10's marked tags, else the last of the unmarked ones as older clients wrote."""
    marked: dict[str, str] = {}
    unmarked: list[str] = []
    for tag in event.tags:
        if len(tag) >= 2 and tag[0] == "e" and _is_id(tag[1]):
            marker = tag[3] if len(tag) > 3 else ""
            if marker in ("root", "reply"):
                marked.setdefault(marker, tag[1])
            elif not marker:
                unmarked.append(tag[1])
    if marked:
        return marked.get("reply") or marked.get("root")
    return unmarked[-1] if unmarked else None


def _values(event: NostrEvent, name: str) -> list[str]:
    return [tag[1] for tag in event.tags if len(tag) >= 2 and tag[0] == name]
