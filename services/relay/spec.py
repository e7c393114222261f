"""A feed to keep open, as its row says."""

from __future__ import annotations

from typing import Any

import msgspec


class FeedSpec(msgspec.Struct, frozen=True):
    """``options`` are what its kind of source takes beside the address."""

    id: str
    kind: str
    url: str
    backfill_minutes: int
    options: dict[str, Any] = {}
