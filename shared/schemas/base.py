"""What every schema shares. Times are aware UTC ``datetime``; ids are strings on the wire."""

from __future__ import annotations

import msgspec


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable record at a boundary. Decoding validates; the constructor does not."""
