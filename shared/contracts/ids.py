"""Deterministic ids, so that replays and overlaps between instances meet their own rows."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID


def post_id(uri: str) -> UUID:
    """Id of the post at ``uri`` (for Bluesky ``at://did/collection/rkey``): 128 bits of BLAKE2b."""
    return UUID(bytes=blake2b(uri.encode("utf-8", "surrogatepass"), digest_size=16).digest())


def author_hash(author: str) -> int:
    """Signed 64-bit hash of an account id, for counting distinct authors."""
    digest = blake2b(author.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
