"""What a client of the second version asked for: the query of ``network.bsky.jetstream.subscribeEvents``.

Source: the lexicon of that name in bluesky-social/jetstream (August 2026).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import msgspec

from services.solo.simulator.subscription import Subscription, filter_of, integer, last
from shared.errors import InputError

NSID = "network.bsky.jetstream.subscribeEvents"
PATH = f"/xrpc/{NSID}"
DICTIONARY_PATH = "/xrpc/network.bsky.jetstream.getZstdDictionary"
SUBPROTOCOL = "xrpc.v1.json"
_KINDS = frozenset(("commit", "identity", "account", "sync"))
_LEGACY = ("wantedCollections", "wantedDids")


class Refused(Exception):
    """The handshake is refused with HTTP 400 and an XRPC error of this ``name``."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message

    def body(self) -> bytes:
        """The error as JSON."""
        return msgspec.json.encode({"error": self.name, "message": self.message})


def parse_query(target: str, dictionary: int, *, socket_encoding: str = "") -> Subscription:
    """Read a request target; ``dictionary`` is the id of the one on offer. Raises ``Refused``."""
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    for name in _LEGACY:
        if name in query:
            raise Refused("InvalidRequest", f"{name} is a parameter of /subscribe; use {name[6:].lower()}")
    if last(query, "compress") == "true" or "zstd" in socket_encoding:
        raise Refused("InvalidRequest", "this endpoint compresses with zstdDictionary=<id> only")
    kinds = frozenset(kind for kind in query.get("kinds", []) if kind)
    if not kinds <= _KINDS:
        raise Refused("InvalidRequest", f"unknown kinds: {', '.join(sorted(kinds - _KINDS))}")
    if query.get("collections") and kinds and "commit" not in kinds:
        raise Refused("InvalidRequest", "collections can never apply without kinds=commit")
    cursor = last(query, "cursor")
    if cursor and not re.fullmatch(r"[0-9]{1,18}", cursor):
        raise Refused("InvalidRequest", f"invalid cursor: {cursor[:40]!r}")
    try:
        wanted = filter_of(
            query.get("collections", []),
            query.get("dids", []),
            integer("maxMessageSizeBytes", last(query, "maxMessageSizeBytes") or "0"),
        )
    except InputError as error:
        raise Refused("InvalidRequest", str(error)) from error
    return Subscription(
        cursor=int(cursor) if cursor else None,
        filter=msgspec.structs.replace(wanted, kinds=kinds),
        packed=_packed(last(query, "zstdDictionary"), dictionary),
    )


def _packed(asked: str, offered: int) -> bool:
    if not asked:
        return False
    if not re.fullmatch(r"[0-9]{1,10}", asked) or int(asked) == 0:
        raise Refused("InvalidRequest", "zstdDictionary must be a positive integer zstd dictionary ID")
    if int(asked) != offered:
        raise Refused(
            "UnknownZstdDictionary", f"unknown zstd dictionary id {int(asked)}; current dictionary id is {offered}"
        )
    return True
