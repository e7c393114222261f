"""Many small things in few large arrays: what a Python object each would cost ten times the memory for,
and would leave full of holes as they come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.sketch import Hashes, Ints


def encoded(texts: Iterable[str]) -> list[bytes]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]


def hashes_of(texts: Iterable[bytes]) -> Hashes:
    """Stable unsigned 64-bit hashes."""
    digests = b"".join([blake2b(text, digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def hash_of(text: str) -> int:
    """The same of one text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Strings:
    """An immutable list of strings: their UTF-8 one after the other, and where each ends."""

    __slots__ = ("ends", "text")

    def __init__(self, text: bytes, ends: NDArray[np.int32]) -> None:
        self.text, self.ends = text, ends

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Strings:
        return cls(b"".join(texts), np.cumsum([len(text) for text in texts], dtype=np.int32))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, place: int) -> str:
        begin = int(self.ends[place - 1]) if place else 0
        return self.text[begin : int(self.ends[place])].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))


class HashIndex:
    """Numbers by 64-bit hash, in sorted arrays of 8 bytes and of the numbers' type; for batches."""

    def __init__(self, numbers: type[np.signedinteger[Any]]) -> None:
        self.keys: Hashes = np.zeros(0, dtype=np.uint64)
        self.values: Ints = np.zeros(0, dtype=numbers)

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Hashes) -> Ints:
        """The number of each key, -1 where it is not held."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=self.values.dtype)
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        found: Ints = np.where(self.keys[at] == keys, self.values[at], self.values.dtype.type(-1))
        return found

    def add(self, keys: Hashes, values: Ints) -> None:
        """Add distinct keys that are not held."""
        order = np.argsort(keys)
        at = np.searchsorted(self.keys, keys[order])
        self.keys = np.insert(self.keys, at, keys[order])
        self.values = np.insert(self.values, at, values[order])

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the entries that are not ``kept``."""
        self.keys, self.values = self.keys[kept], self.values[kept]
