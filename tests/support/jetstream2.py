"""Jetstream's second version as strict types, written from its lexicon: anything else is an error."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tests.support import jetstream

NSID = "network.bsky.jetstream.subscribeEvents"
#: RFC 3339 in UTC with exactly six digits.
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
Number = Annotated[int, Meta(ge=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Unknown fields are errors here, unlike for a real reader."""


class Commit(Strict, tag_field="$type", tag=f"{NSID}#commit"):
    seq: Number
    did: jetstream.Did
    time: Moment
    rev: jetstream.Tid
    operation: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    record: dict[str, Any] | UnsetType = UNSET
    cid: jetstream.Cid | UnsetType = UNSET


class Identity(Strict, tag_field="$type", tag=f"{NSID}#identity"):
    seq: Number
    did: jetstream.Did
    time: Moment
    identity: jetstream.Identity


class Account(Strict, tag_field="$type", tag=f"{NSID}#account"):
    seq: Number
    did: jetstream.Did
    time: Moment
    account: jetstream.Account


Payload = Commit | Identity | Account


class Message(Strict, tag_field="$type", tag="message"):
    payload: Payload


decoder = msgspec.json.Decoder(Message)


def decode(frame: bytes | str) -> Message:
    """Decode one message; raises ``msgspec.ValidationError`` for anything the lexicon does not say."""
    return decoder.decode(frame)


def as_first_version(payload: Payload) -> jetstream.Frame:
    """The frame of the first version that tells the same event."""
    body = {key: value for key, value in msgspec.to_builtins(payload).items() if key not in ("$type", "seq", "time")}
    kind = type(payload).__name__.lower()
    frame = {"did": payload.did, "time_us": time_us(payload.time), "kind": kind}
    if isinstance(payload, Commit):
        frame["commit"] = {key: value for key, value in body.items() if key != "did"}
    else:
        frame[kind] = body[kind]
    return jetstream.decode(msgspec.json.encode(frame))


def time_us(moment: str) -> int:
    """Microseconds since 1970."""
    whole = msgspec.convert(moment[:19] + "Z", type=datetime)
    return int(whole.timestamp()) * 1_000_000 + int(moment[20:26])
