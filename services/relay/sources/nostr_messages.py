"""What a Nostr relay says, as far as its source must understand it. Source: NIP-01, NIP-42. No I/O."""

from __future__ import annotations

from typing import Any

import msgspec

#: Characters kept of what a relay tells in words.
_WORDS = 200


class Glance(msgspec.Struct):
    """The two fields of an event that paging goes by. Neither is proven yet."""

    id: str
    created_at: int


class Told(msgspec.Struct):
    """One message. ``name`` is a subscription's or, for OK, an event's; ``text`` is a line for people.

    ``word`` is "" for what is no message of a relay.
    """

    word: str = ""
    name: str = ""
    text: str = ""
    accepted: bool = False
    event: Glance | None = None

    @property
    def reason(self) -> str:
        """The machine-readable word before the colon of a CLOSED or OK."""
        return self.text.partition(":")[0] if ":" in self.text else "error"


_split = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_bool = msgspec.json.Decoder(bool)
_glance = msgspec.json.Decoder(Glance)


def told(data: bytes) -> Told:
    """What ``data`` says. Never raises: what cannot be understood is left to the pipeline's quarantine."""
    try:
        parts = _split.decode(data)
        return _told([bytes(part) for part in parts])
    except (msgspec.MsgspecError, ValueError, RecursionError, IndexError):
        return Told()


def _told(parts: list[bytes]) -> Told:
    word = _text.decode(parts[0])
    match word:
        case "EVENT":
            return Told(word, _text.decode(parts[1]), event=_look(parts[2]))
        case "EOSE":
            return Told(word, _text.decode(parts[1]))
        case "CLOSED":
            return Told(word, _text.decode(parts[1]), _line(parts, 2))
        case "OK":
            return Told(word, _text.decode(parts[1]), _line(parts, 3), _bool.decode(parts[2]))
        case "AUTH":
            # The challenge is signed as it came, so it is not shortened.
            return Told(word, text=_text.decode(parts[1]))
        case "NOTICE":
            return Told(word, text=_line(parts, 1))
        case _:
            return Told()


def _look(event: bytes) -> Glance | None:
    """``None`` for an event that cannot be read: it still is one event of the relay's answer."""
    try:
        return _glance.decode(event)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _line(parts: list[bytes], place: int) -> str:
    """Words of a relay, which may be anything: one short line of printable characters."""
    text = _text.decode(parts[place]) if len(parts) > place else ""
    return "".join(char if char.isprintable() else " " for char in text[:_WORDS]).strip()


def request(name: str, wanted: dict[str, Any]) -> str:
    """A REQ."""
    return msgspec.json.encode(["REQ", name, wanted]).decode()


def close(name: str) -> str:
    """A CLOSE."""
    return msgspec.json.encode(["CLOSE", name]).decode()
