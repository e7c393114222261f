"""Jetstream, version 2: ``network.bsky.jetstream.subscribeEvents`` in frames of ``xrpc.v1.json``.

Source: the lexicon of that name in bluesky-social/jetstream (August 2026) and AT Protocol proposal
0015. Types are told by ``$type``; an unknown one is refused like any other malformed frame, so that
nothing new on the wire is lost unseen.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from services.relay.commits import EARLIEST_US, Account, RawCommit, UsualCommit, check_origin, event_of, notice_of
from services.relay.events import Event, Passing
from services.relay.wires.look import Look
from shared.errors import MalformedFrame

#: Name and version of the protocol, stored with the cursor.
WIRE = "jetstream/2"
#: The stream's path and WebSocket subprotocol.
PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
SUBPROTOCOL = "xrpc.v1.json"
_NSID = "network.bsky.jetstream.subscribeEvents"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Usual(UsualCommit, kw_only=True, tag_field="$type", tag=f"{_NSID}#commit"):
    seq: int
    did: str
    time: _Moment


class _Any(RawCommit, kw_only=True, tag_field="$type", tag=f"{_NSID}#commit"):
    seq: int
    did: str
    time: _Moment


class _Marker(msgspec.Struct):
    seq: int
    did: str
    time: _Moment


class _Identity(_Marker, tag_field="$type", tag=f"{_NSID}#identity"):
    pass


class _Account(_Marker, tag_field="$type", tag=f"{_NSID}#account"):
    account: Account


class _Sync(_Marker, tag_field="$type", tag=f"{_NSID}#sync"):
    pass


class _UsualMessage(msgspec.Struct):
    payload: _Usual | _Identity | _Account | _Sync


class _AnyMessage(msgspec.Struct):
    payload: _Any | _Identity | _Account | _Sync


class _HeadPayload(msgspec.Struct, rename={"type": "$type"}):
    type: str
    seq: int = 0
    time: str = ""
    name: str = ""
    message: str = ""


class _Head(msgspec.Struct, rename={"type": "$type"}):
    type: str
    payload: _HeadPayload | None = None
    error: str = ""
    message: str = ""


_usual = msgspec.json.Decoder(_UsualMessage)
_any = msgspec.json.Decoder(_AnyMessage)
_head = msgspec.json.Decoder(_Head)


def read_event(data: bytes, latest_us: int) -> Event:
    """The event in one frame. See ``services.relay.events.Read``."""
    try:
        return _event(_usual.decode(data).payload, latest_us)
    except ValueError:  # a record that is not of the usual types
        return _event(_any.decode(data).payload, latest_us)


def _event(payload: _Usual | _Any | _Marker, latest_us: int) -> Event:
    time_us = (payload.time - _EPOCH) // _MICROSECOND
    check_origin(payload.did, time_us, latest_us)
    if payload.seq < 1:
        raise MalformedFrame("bad_id", "seq")
    if isinstance(payload, _Marker):
        if isinstance(payload, _Account):
            return notice_of(payload.did, time_us, payload.account)
        return Passing(time_us)
    return event_of(payload.did, time_us, payload)


def look(data: bytes) -> Look | None:
    """Number and time of an event, a notice, or why the server ends the stream; ``None`` for anything else."""
    try:
        head = _head.decode(data)
        if head.type == "error":
            return Look(error=_line(head.error or "UnknownError", head.message))
        if head.type != "message" or head.payload is None:
            return None
        payload = head.payload
        if payload.type == f"{_NSID}#info":
            return Look(notice=_line(payload.name, payload.message))
        time_us = (datetime.fromisoformat(payload.time) - _EPOCH) // _MICROSECOND
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    if not 0 < payload.seq < EARLIEST_US or time_us < EARLIEST_US:
        return None
    return Look(time_us=time_us, token=payload.seq)


def _line(name: str, message: str) -> str:
    """``name: message`` on one short line; both are a server's words."""
    return " ".join(f"{name[:64]}: {message[:300]}".split()) if message else " ".join(name[:64].split())
