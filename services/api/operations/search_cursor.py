"""Where a search goes on: the rest of its ranking itself, so that nothing which happens meanwhile moves a result.

Posts that come, get their vectors or go between two pages change no rank, and there is no state that could be
lost or grow: the API may restart, and the vector index and the model may be away, and the next page is the
same. A cursor belongs to one search; a check over both tells another search's, or a damaged one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from shared.errors import InputError

#: Posts of one ranking at most. Their places travel in an address, of which proxies take eight thousand characters.
MOST_HELD = 150

Arm = Literal["meaning", "words"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CHECK_BYTES = 8
_HEAD = struct.Struct(">BBq16s")
_ITEM = struct.Struct(">16sBbhH")
_VERSION = 1
_TEXT_ONLY, _POSITION = 1, 2
_MEANING, _WORDS, _SPARE, _COMPARED = 1, 2, 4, 8
_FINE = 30_000


class Held(msgspec.Struct, frozen=True):
    """One post of a ranking. ``alike`` near copies follow it, of which some are kept as a ``spare`` in its place."""

    post: UUID
    matched: tuple[Arm, ...] = ()
    similarity: float | None = None
    score: float = 0.0
    alike: int = 0
    spare: bool = False


class Cursor(msgspec.Struct, frozen=True):
    """``held`` is what is left of the ranking, best first; ``position`` the last post of a page by time."""

    held: tuple[Held, ...] = ()
    position: tuple[datetime, UUID] | None = None
    text_only: bool = False


def write(cursor: Cursor, search: bytes) -> str:
    """``cursor`` of the search that ``search`` describes, as opaque text."""
    time, post = cursor.position or (_EPOCH, UUID(int=0))
    flags = (_TEXT_ONLY if cursor.text_only else 0) | (_POSITION if cursor.position else 0)
    body = _HEAD.pack(_VERSION, flags, (time - _EPOCH) // _MICROSECOND, post.bytes)
    body += b"".join(map(_packed, cursor.held))
    return base64.urlsafe_b64encode(_check(body, search) + body).rstrip(b"=").decode()


def read(text: str, search: bytes) -> Cursor:
    """What ``write`` wrote for the same search. Raises InputError for anything else."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check != _check(body, search):
            raise ValueError("not of this search")
        _, flags, micros, post = _HEAD.unpack_from(body)
        held = tuple(_unpacked(item) for item in _ITEM.iter_unpack(body[_HEAD.size :]))
        position = (_EPOCH + micros * _MICROSECOND, UUID(bytes=post)) if flags & _POSITION else None
    except (binascii.Error, struct.error, OverflowError, ValueError) as error:
        raise InputError(
            "The request is not valid.",
            why="`cursor` is not one that we gave for this search.",
            do="Give it with the same search and filters, or begin without it.",
        ) from error
    return Cursor(held, position, bool(flags & _TEXT_ONLY))


def _check(body: bytes, search: bytes) -> bytes:
    return hashlib.blake2b(
        body, key=hashlib.blake2b(search, digest_size=32).digest(), digest_size=_CHECK_BYTES
    ).digest()


def _packed(held: Held) -> bytes:
    flags = (_MEANING if "meaning" in held.matched else 0) | (_WORDS if "words" in held.matched else 0)
    flags |= (_SPARE if held.spare else 0) | (_COMPARED if held.similarity is not None else 0)
    similarity = round((held.similarity or 0.0) * _FINE)
    return _ITEM.pack(held.post.bytes, flags, min(held.alike, 127), similarity, min(round(held.score * 1e6), 65_535))


def _unpacked(item: tuple[bytes, int, int, int, int]) -> Held:
    post, flags, alike, similarity, score = item
    arms: tuple[tuple[int, Arm], ...] = ((_MEANING, "meaning"), (_WORDS, "words"))
    return Held(
        UUID(bytes=post),
        tuple(arm for flag, arm in arms if flags & flag),
        similarity / _FINE if flags & _COMPARED else None,
        score / 1e6,
        alike,
        bool(flags & _SPARE),
    )
