"""Arguments as they may be written down and shown: without secrets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

#: Characters of one argument that are shown to who decides: more than any address may have.
SHOWN = 4_000
#: Of a longer one.
HEAD = 1_000
_WORDS = "token|secret|passw|api_?key|private|credential|auth(?!or)"
_SECRET = re.compile(_WORDS, re.IGNORECASE)
_URL = re.compile(r"(^|_)url$")
_PASSWORD = re.compile(r"(//[^/?#@:\s]*):[^/?#\s]*@")
_PARAMETER = re.compile(rf"([?&;#][^=?&;#\s]*(?:{_WORDS})[^=?&;#\s]*=)[^&;#\s]+", re.IGNORECASE)


def masked(given: Any) -> str:
    """``given`` (a Struct) as JSON. Of an address the host is left, since paths of webhooks are secrets."""
    return _json(_masked("", msgspec.to_builtins(given), _host))


def shown(given: Any) -> str:
    """``given`` (a Struct) as JSON, for the operator who decides about the call: addresses are whole.

    Hidden is what is named like a secret, also inside of addresses, and passwords there. Of an argument that is too
    long for a page the beginning, the length and the SHA-256 of the whole are told.
    """
    return _json({name: _short(name, value) for name, value in msgspec.to_builtins(given).items()})


def masked_again(arguments: str) -> str:
    """What ``shown`` gave, as ``masked`` would have it."""
    try:
        return _json(_masked("", msgspec.json.decode(arguments), _host))
    except msgspec.DecodeError:  # of an earlier version, which masked and cut it
        return arguments


def _masked(name: str, value: Any, address: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(key, item, address) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(name, item, address) for item in value]
    if isinstance(value, str) and value:
        if _URL.search(name):
            return address(value)
        if _SECRET.search(name):
            return "..."
    return value


def _short(name: str, value: Any) -> Any:
    told = _masked(name, value, _without_secrets)
    text = told if isinstance(told, str) else _json(told)
    if len(text) <= SHOWN:
        return told
    whole = value if isinstance(value, str) else _json(value)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return f"{text[:HEAD]} ... ({len(whole)} characters, SHA-256 {digest})"


def _without_secrets(url: str) -> str:
    return _PARAMETER.sub(r"\1...", _PASSWORD.sub(r"\1:...@", url))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "..."
    if parts.scheme not in ("http", "https", "ws", "wss"):  # an Apprise address has its secret where others have a host
        return f"{parts.scheme}:..."
    user = "...@" if parts.username or parts.password else ""
    rest = "/..." if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{user}{host}{port}{rest}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
