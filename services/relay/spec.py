"""A feed to keep open, as its row says."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.contracts.shards import Shard, shard_of
from shared.store.feed_rows import FeedRow


class FeedSpec(msgspec.Struct, frozen=True):
    """``options`` are what its kind of source takes beside the address; limits of ``None`` are the settings'."""

    id: str
    kind: str
    url: str
    backfill_minutes: int
    options: dict[str, Any] = {}
    queue_events: int | None = None
    queue_bytes: int | None = None

    @property
    def shard(self) -> Shard:
        """The part of it that is kept. Raises InputError."""
        return shard_of(self.options)


def spec_of(row: FeedRow) -> FeedSpec:
    """The feed of ``row``."""
    return FeedSpec(row.id, row.kind, row.url, row.backfill_minutes, row.options, row.queue_events, row.queue_bytes)
