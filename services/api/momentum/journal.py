"""What an engine was told since its last snapshot, so that a snapshot need not be stored with every minute.

An engine restored from the snapshot and told the same in the same order is, bit for bit, the one that went. The
stored record cannot be read again for that: a post may have been deleted since, and deletions would come at
other moments. What is kept is small beside a snapshot, and stays for some minutes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import zstandard

from services.api.momentum.ports import EngineLike, EngineMaker, TickLike
from shared.errors import InputError
from shared.store.momentum import PostSeen

_LENGTH = 4
#: Where a message's length would stand.
_END = bytes(_LENGTH)
#: No part says more than this, bytes; refuses to inflate a broken one.
_MAX_BYTES = 1 << 30


class Post(msgspec.Struct, frozen=True, array_like=True):
    """What an engine observes of a post."""

    time_us: int
    id: str
    author: int
    terms: list[str]
    fingerprint: int
    language: str


class Observed(msgspec.Struct, frozen=True, array_like=True, tag=1):
    posts: list[Post]


class Retracted(msgspec.Struct, frozen=True, array_like=True, tag=2):
    posts: list[str]


class Gap(msgspec.Struct, frozen=True, array_like=True, tag=3):
    start_us: int
    end_us: int


class Advanced(msgspec.Struct, frozen=True, array_like=True, tag=4):
    watermark_us: int


Told = Observed | Retracted | Gap | Advanced
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Told).decode


class Journal:
    """An engine, and what it was told since ``take``, packed as it comes."""

    def __init__(self, engine: EngineLike, maker: EngineMaker) -> None:
        self.engine = engine
        self._observation = maker.observation
        self._begin()

    def observe(self, posts: Sequence[PostSeen]) -> None:
        self._tell(
            Observed([Post(p.time_us, p.id, p.author, p.terms, p.fingerprint, p.language) for p in posts]),
        )

    def retract(self, posts: list[str]) -> None:
        self._tell(Retracted(posts))

    def gap(self, start_us: int, end_us: int) -> None:
        self._tell(Gap(start_us, end_us))

    def advance(self, watermark_us: int) -> Sequence[TickLike]:
        return self._tell(Advanced(watermark_us))

    def take(self) -> bytes:
        """What the engine was told since this was last called."""
        told = b"".join([*self._parts, self._packer.compress(_END), self._packer.flush()])
        self._begin()
        return told

    def replay(self, told: Iterable[bytes]) -> int:
        """Tell the engine again what ``take`` gave, in order; its ticks are dropped. Returns how many there
        were. Raises InputError for what cannot be read."""
        try:
            return sum(len(_say(self.engine, self._observation, one)) for part in told for one in _unpacked(part))
        except (zstandard.ZstdError, msgspec.DecodeError, ValueError) as error:
            raise InputError("What momentum was told since its snapshot cannot be read.", why=str(error)) from error

    def _begin(self) -> None:
        self._parts: list[bytes] = []
        self._packer = zstandard.ZstdCompressor(level=1).compressobj()

    def _tell(self, told: Told) -> Sequence[TickLike]:
        packed = _encode(told)
        self._parts.append(self._packer.compress(len(packed).to_bytes(_LENGTH, "big") + packed))
        return _say(self.engine, self._observation, told)


def _say(engine: EngineLike, observation: Callable[..., Any], told: Told) -> Sequence[TickLike]:
    match told:
        case Observed(posts):
            engine.observe(
                [observation(p.time_us, p.id, p.author, tuple(p.terms), p.fingerprint, p.language) for p in posts]
            )
        case Retracted(posts):
            engine.retract(posts)
        case Gap(start_us, end_us):
            engine.gap(start_us, end_us)
        case Advanced(watermark_us):
            return engine.advance(watermark_us)
    return ()


def _unpacked(part: bytes) -> Iterator[Told]:
    with zstandard.ZstdDecompressor().stream_reader(part) as reader:
        while length := int.from_bytes(_read(reader, _LENGTH), "big"):
            if length > _MAX_BYTES:
                raise ValueError("a length is broken")
            yield _decode(_read(reader, length))


def _read(reader: zstandard.ZstdDecompressionReader, size: int) -> bytes:
    found = reader.read(size)
    if len(found) < size:
        raise ValueError("it ends too early")
    return found
