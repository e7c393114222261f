"""Why a Jetstream server would not shake hands, as it told it."""

from __future__ import annotations

import re

import msgspec
import websocket

from services.relay.sources import websocket_reader

_FLOOR = re.compile(r"\bfloor (\d{1,15})\b")
_NAME = re.compile(r"[A-Za-z]{1,64}")


class Refusal(msgspec.Struct, frozen=True):
    """``name`` is one of the lexicon's errors, "" where the server named none. ``floor`` is the oldest number kept."""

    name: str = ""
    message: str = ""
    floor: int | None = None

    @property
    def too_old(self) -> bool:
        """The number asked for is no longer kept."""
        return self.name == "CursorTooOld"

    @property
    def unknown_dictionary(self) -> bool:
        """The server packs with another dictionary by now."""
        return self.name == "UnknownZstdDictionary"


class _Envelope(msgspec.Struct):
    error: str = ""
    message: str = ""


def refusal(error: websocket.WebSocketBadStatusException) -> Refusal:
    """The XRPC error in the body of a refused handshake, if it holds one."""
    body = error.resp_body
    if error.status_code != 400 or not isinstance(body, bytes):
        return Refusal()
    try:
        told = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, ValueError):
        return Refusal()
    if not _NAME.fullmatch(told.error):
        return Refusal()
    floor = _FLOOR.search(told.message)
    return Refusal(told.error, " ".join(told.message[:300].split()), int(floor[1]) if floor else None)


def plain(error: Exception) -> str:
    """One short line for people, with the name of the error that a refused handshake's body holds."""
    named = refusal(error).name if isinstance(error, websocket.WebSocketBadStatusException) else ""
    return f"{websocket_reader.plain(error)}{f' {named}' if named else ''}"
