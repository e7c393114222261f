"""Cursors as the store would give them."""

from __future__ import annotations

from shared.store.cursors import Cursor


def cursor_at(position: int, *, events: int = 0, token: int | None = None, wire: str = "", host: str = "") -> Cursor:
    """A feed's cursor at ``position``; ``now_us`` is a second later."""
    return Cursor(wire=wire, host=host, position=position, token=token, events=events, now_us=position + 1_000_000)
