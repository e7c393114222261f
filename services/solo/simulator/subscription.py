"""What a client asked for: the query of ``GET /subscribe`` and ``options_update`` messages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import msgspec

from services.solo.simulator.stream import Event
from shared.errors import InputError

PATH = "/subscribe"
_MOST_COLLECTIONS, _MOST_DIDS = 100, 10_000
_COLLECTION = re.compile(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*\.(\*|[a-zA-Z0-9-]+)")
_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]+")


class BadMessage(Exception):
    """A client's message cannot be obeyed. ``code`` is the WebSocket close code it earns."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class _Payload(msgspec.Struct, rename="camel"):
    wanted_collections: list[str] | None = None
    wanted_dids: list[str] | None = None
    max_message_size_bytes: int = 0


class _Message(msgspec.Struct):
    type: str
    payload: _Payload = msgspec.field(default_factory=_Payload)


class Filter(msgspec.Struct, frozen=True):
    """Which events pass. Empty sets pass everything; ``most_bytes`` 0 is no limit.

    ``kinds`` is known to the second version only.
    """

    collections: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    dids: frozenset[str] = frozenset()
    most_bytes: int = 0
    kinds: frozenset[str] = frozenset()

    def passes(self, event: Event) -> bool:
        """Identity and account events pass every collection filter; oversize frames silently do not."""
        if self.most_bytes and len(event.frame) > self.most_bytes:
            return False
        if self.dids and event.did not in self.dids:
            return False
        if self.kinds and event.kind not in self.kinds:
            return False
        if not event.collection or not (self.collections or self.prefixes):
            return True
        return event.collection in self.collections or event.collection.startswith(self.prefixes)


class Subscription(msgspec.Struct, frozen=True):
    """A parsed query. ``cursor`` is inclusive microseconds; ``hello``: wait for the first options.

    ``packed``: frames are asked for compressed. A server that numbers its events takes a small
    ``cursor`` as a number.
    """

    cursor: int | None
    filter: Filter
    hello: bool = False
    packed: bool = False


def parse_query(target: str) -> Subscription:
    """Read a request target such as ``/subscribe?cursor=1``; raises ``InputError`` when malformed."""
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    cursor = last(query, "cursor")
    return Subscription(
        cursor=integer("cursor", cursor) if cursor else None,
        filter=filter_of(
            query.get("wantedCollections", []),
            query.get("wantedDids", []),
            integer("maxMessageSizeBytes", last(query, "maxMessageSizeBytes") or "0"),
        ),
        hello=last(query, "requireHello").lower() in {"true", "1"},
        packed=last(query, "compress") == "true",
    )


def parse_message(message: str | bytes) -> Filter:
    """Read an ``options_update``; it replaces all options. Raises ``BadMessage``."""
    try:
        update = msgspec.json.decode(message, type=_Message)
    except msgspec.ValidationError as error:
        raise BadMessage(1008, f"invalid message: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(1007, "message is not JSON") from error
    if update.type != "options_update":
        raise BadMessage(1008, "unknown message type")
    payload = update.payload
    try:
        return filter_of(payload.wanted_collections or [], payload.wanted_dids or [], payload.max_message_size_bytes)
    except InputError as error:
        raise BadMessage(1008, str(error)) from error


def filter_of(collections: list[str], dids: list[str], most_bytes: int) -> Filter:
    """A filter of checked names. Raises ``InputError``."""
    if len(collections) > _MOST_COLLECTIONS:
        raise InputError(f"collections: more than {_MOST_COLLECTIONS}.")
    if len(dids) > _MOST_DIDS:
        raise InputError(f"dids: more than {_MOST_DIDS}.")
    if not all(_COLLECTION.fullmatch(name) for name in collections):
        raise InputError("collections: not a collection or prefix.")
    if not all(_DID.fullmatch(did) for did in dids):
        raise InputError("dids: not a did.")
    return Filter(
        collections=frozenset(name for name in collections if not name.endswith(".*")),
        prefixes=tuple(name[:-1] for name in collections if name.endswith(".*")),
        dids=frozenset(dids),
        most_bytes=max(0, most_bytes),
    )


def last(query: dict[str, list[str]], name: str) -> str:
    """The last value of a parameter, "" without one."""
    return query.get(name, [""])[-1]


def integer(name: str, value: str) -> int:
    """``value`` as a number. Raises ``InputError``."""
    """``value`` as a number. Raises ``InputError``."""
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise InputError(f"{name}: not an integer.")
    return int(value)
