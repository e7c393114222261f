"""Nostr events for tests, signed with our own helper (whose oracle is nostr-sdk, see tests/unit/relay)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from services.relay.crypto.nostr_event import NostrEvent, signed
from services.relay.crypto.secret import Secret

#: 1 June 2026, noon, in seconds.
T0 = 1_780_315_200


def secret(author: int) -> Secret:
    return Secret(hashlib.sha256(f"author {author}".encode()).digest())


def event(
    author: int, created_at: int, kind: int = 1, content: str = "hello", tags: list[list[str]] | None = None
) -> NostrEvent:
    return signed(secret(author), created_at, kind, tags or [], content)


def body(event: NostrEvent, **changes: Any) -> dict[str, Any]:
    names = ("id", "pubkey", "created_at", "kind", "tags", "content", "sig")
    return {name: getattr(event, name) for name in names} | changes


def message(event: NostrEvent, **changes: Any) -> bytes:
    return json.dumps(["EVENT", "s", body(event, **changes)], ensure_ascii=False).encode()
