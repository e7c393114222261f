"""Jetstream, version 1: strict in what we rely on, blind to what we do not use.

One typed pass reads envelope, commit and record. What it cannot type, as a record of another
collection, is read again with the record left raw, so that only what we rely on can refuse a frame.
"""

from __future__ import annotations

import msgspec

from services.relay.commits import EARLIEST_US, Account, RawCommit, UsualCommit, check_origin, event_of, notice_of
from services.relay.events import Event, Passing
from services.relay.wires.look import Look
from shared.errors import MalformedFrame

#: Name and version of the protocol, stored with the cursor.
WIRE = "jetstream/1"


class _Envelope(msgspec.Struct, gc=False):
    did: str
    time_us: int
    kind: str
    account: Account | None = None


class _Usual(_Envelope, gc=False):
    commit: UsualCommit | None = None


class _Any(_Envelope, gc=False):
    commit: RawCommit | None = None


class _Head(msgspec.Struct):
    """``cursor`` is a sequence number, written only by servers that also speak the second version."""

    time_us: int = 0
    cursor: int = 0


_usual = msgspec.json.Decoder(_Usual)
_any = msgspec.json.Decoder(_Any)
_head = msgspec.json.Decoder(_Head)


def read_event(data: bytes, latest_us: int) -> Event:
    """The event in one frame. See ``services.relay.events.Read``."""
    try:
        return _event(_usual.decode(data), latest_us)
    except ValueError:
        return _event(_any.decode(data), latest_us)


def _event(envelope: _Usual | _Any, latest_us: int) -> Event:
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
