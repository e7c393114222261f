"""Addresses and mentions inside a text: neither terms nor fingerprints count them."""

from __future__ import annotations

#: In lower-cased text. Trying it at every word costs, so ask ``may_hold_address`` first.
ADDRESS = r"https?://\S+|www\.\S+|@[\w.\-]+|(?<![a-z0-9.-])(?:[a-z0-9-]++\.)+[a-z]{2,}/\S*"


def may_hold_address(lowered: str) -> bool:
    """False only for text in which ``ADDRESS`` finds nothing, so that it need not be tried."""
    return "/" in lowered or "@" in lowered or "www." in lowered
