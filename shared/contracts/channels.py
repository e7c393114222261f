"""Keys and channels in Valkey. Nothing of record lives there."""

from __future__ import annotations

#: Stream of encoded ``shared.schemas.live.Message`` under the field ``m``; trimmed to LIVE_RING entries.
LIVE_STREAM = "groundswell:live"
#: Entries kept in the live stream: what a browser can be behind and still miss nothing.
LIVE_RING = 2_000
