"""How a sending went, in words that never hold the address it went to."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import msgspec

from shared.outbound.reach import Trip

#: Characters of a stranger's answer that are worth keeping.
ANSWER_MOST = 120


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``reason`` is ``None`` when it was sent. ``again``: worth another try, not before ``after_seconds``."""

    reason: str | None = None
    again: bool = False
    after_seconds: float = 0.0


SENT = Outcome()


def private(trip: Trip) -> Outcome | None:
    """That it was kept from a private address, if it was. No use in trying again before the operator allows it."""
    if trip.refused is None:
        return None
    return Outcome(
        reason="Its host is on a private address: nothing is sent there unless GROUNDSWELL_OUTBOUND_ALLOW lists it."
    )


def scrubbed(text: str, url: str) -> str:
    """``text`` in one printable line without ``url`` or any part of it that could be a secret."""
    parts = urlsplit(url)
    secrets = [url, parts.netloc, parts.path, parts.query, parts.username or "", parts.password or ""]
    secrets += re.split(r"[/&=@:?]", unquote(url.partition("://")[2]))
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, "…")
    return "".join(letter if letter.isprintable() else " " for letter in text)[:ANSWER_MOST].strip()
