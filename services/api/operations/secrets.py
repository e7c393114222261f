"""Arguments as they may be written down and shown to who decides: without secrets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

_SECRET = re.compile(r"token|secret|passw|api_?key|private|credential|auth(?!or)", re.IGNORECASE)
_URL = re.compile(r"(^|_)url$")


def masked(given: Any) -> str:
    """``given`` (a Struct) as JSON. Of an address the host is left, since paths of webhooks are secrets."""
    return msgspec.json.encode(_masked("", msgspec.to_builtins(given))).decode()


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(name, item) for item in value]
    if isinstance(value, str) and value:
        if _URL.search(name):
            return _host(value)
        if _SECRET.search(name):
            return "..."
    return value


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "..."
    # An Apprise address has its secret where others have their host.
    return (
        f"{parts.scheme}://{host}{port}/..."
        if parts.scheme in ("http", "https", "ws", "wss")
        else f"{parts.scheme}:..."
    )
