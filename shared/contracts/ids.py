"""Deterministic ids, so that replays and overlaps between instances meet their own rows."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

_BLAKE = blake2b(digest_size=16)


def record_key(uri: str) -> bytes:
    """128 bits of BLAKE2b over ``uri`` (for Bluesky ``at://did/collection/rkey``): what identifies a record."""
    blake = _BLAKE.copy()  # a quarter quicker than to ask for 128 bits anew
    blake.update(uri.encode("utf-8", "surrogatepass"))
    return blake.digest()


def post_id(uri: str) -> UUID:
    """Id of the post at ``uri``: its ``record_key``."""
    return UUID(bytes=record_key(uri))


def author_hash(author: str) -> int:
    """Signed 64-bit hash of an account id, for counting distinct authors."""
    digest = blake2b(author.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
