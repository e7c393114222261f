"""Leaves to other relays what is not of this feed's part (decision 0038).

Each thing belongs to exactly one part, by a hash that every relay computes alike, and what undoes or removes it belongs
to the same. Where the feed stands is told by all of its events, so cursor and gaps are those of a feed of its own.
"""

from __future__ import annotations

from zlib import crc32

from services.relay.events import AccountNotice, Batch, Passing
from shared.contracts.shards import Shard


def share(batch: Batch, shard: Shard) -> None:
    """Keep what is of ``shard``.

    Posts, their removal and who left go by their author. A reaction no longer carries its author here; its own address,
    whose hash is its id, holds it. What only passes is the first part's, so that it is counted once.
    """
    has = shard.has
    batch.posts = [post for post in batch.posts if has(post.author_hash)]
    batch.removals = [removal for removal in batch.removals if has(removal.author_hash)]
    batch.reactions = [reaction for reaction in batch.reactions if has(_number(reaction.id))]
    batch.undoings = [undoing for undoing in batch.undoings if has(_number(undoing.id))]
    batch.passing = [passing for passing in batch.passing if _is_of(passing, shard)]
    batch.refused = [refused for refused in batch.refused if has(crc32(refused.frame.data))]


def _is_of(passing: Passing, shard: Shard) -> bool:
    return shard.has(passing.author_hash) if isinstance(passing, AccountNotice) else shard.index == 0


def _number(key: bytes) -> int:
    return int.from_bytes(key[:8], "big")
