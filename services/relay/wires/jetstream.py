"""Jetstream, version 1: strict in what we rely on, blind to what we do not use.

One typed pass reads envelope and commit and leaves the record raw, so that a like, two thirds of
all traffic, costs two short decodes.
"""

from __future__ import annotations

import msgspec

from services.relay.commits import EARLIEST_US, Account, Commit, check_origin, event_of, notice_of
from services.relay.events import Event, Passing
from services.relay.wires.look import Look
from shared.errors import MalformedFrame

#: Name and version of the protocol, stored with the cursor.
WIRE = "jetstream/1"


class Envelope(msgspec.Struct):
    """One Jetstream frame."""

    did: str
    time_us: int
    kind: str
    commit: Commit | None = None
    account: Account | None = None


class _Head(msgspec.Struct):
    """``cursor`` is a sequence number, written only by servers that also speak the second version."""

    time_us: int = 0
    cursor: int = 0


_envelope = msgspec.json.Decoder(Envelope)
_head = msgspec.json.Decoder(_Head)


def read_event(data: bytes, latest_us: int) -> Event:
    """The event in one frame. See ``services.relay.events.Read``."""
    envelope = _envelope.decode(data)
    check_origin(envelope.did, envelope.time_us, latest_us)
    if envelope.kind == "commit" and envelope.commit is not None:
        return event_of(envelope.did, envelope.time_us, envelope.commit)
    if envelope.kind == "account" and envelope.account is not None:
        return notice_of(envelope.did, envelope.time_us, envelope.account)
    if envelope.kind != "identity":
        raise MalformedFrame("wrong_type", "kind is unknown, or what it tells is missing")
    return Passing(envelope.time_us)


def look(data: bytes) -> Look | None:
    """Time and, from a server that numbers its events, the number. ``None`` when there is no event to see."""
    try:
        head = _head.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if head.time_us < EARLIEST_US:
        return None
    return Look(time_us=head.time_us, token=head.cursor if 0 < head.cursor < EARLIEST_US else None)
