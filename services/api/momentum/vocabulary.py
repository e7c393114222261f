"""Terms in the ring and their numbers; a number is used again once its term has left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.packed import HashIndex, encoded, hashes_of
from services.api.momentum.sketch import Hashes, Ints, distinct

_FIRST = 1024
#: Of the references' own type: with any other, numpy's ``at`` takes thirty times as long.
_ONE = np.int32(1)
#: Names are moved together once half of their buffer and this are wasted, bytes.
_SLACK = 1 << 18
_PART = 1 << 14


class Vocabulary:
    """Bounded, reference-counted interning of terms. Terms are told apart by their 64-bit hash.

    A number is free while nobody holds it. ``names[number]`` is the term.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.index = HashIndex(np.int32)
        self.names = Names()
        first = min(_FIRST, capacity)
        self.hashes: Hashes = np.zeros(first, dtype=np.uint64)
        self.references: NDArray[np.int32] = np.zeros(first, dtype=np.int32)
        self.refused = 0

    def __len__(self) -> int:
        return len(self.index)

    def find(self, terms: Sequence[str]) -> Ints:
        """The terms' numbers, -1 for those that are not held."""
        return self.index.find(hashes_of(encoded(terms)))

    def intern(self, terms: Sequence[str]) -> Ints:
        """The terms' numbers, -1 for new ones while the vocabulary is full. Must be held before the
        next call."""
        place: dict[str, int] = {}
        order = [place.setdefault(term, len(place)) for term in terms]
        texts = encoded(list(place))
        hashes = hashes_of(texts)
        numbers = self.index.find(hashes)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            numbers[new] = self._add([texts[at] for at in new.tolist()], hashes[new])
        found = numbers[np.array(order, dtype=np.int64)]
        self.refused += int((found < 0).sum())
        return found

    def hold(self, numbers: Ints) -> None:
        np.add.at(self.references, numbers.astype(np.intp), _ONE)

    def release(self, numbers: Ints) -> None:
        """Give back one reference each; terms nobody holds are forgotten."""
        np.subtract.at(self.references, numbers.astype(np.intp), _ONE)
        touched = distinct(numbers)
        unused = touched[self.references[touched] == 0]
        if len(unused):
            self.index.remove(self.hashes[unused])

    def load(self, references: NDArray[np.int32], text: bytes, lengths: NDArray[np.int32]) -> None:
        """Take up what another vocabulary held when packed."""
        held = np.flatnonzero(references)
        self.references, self.hashes = references, np.zeros(len(references), dtype=np.uint64)
        self.names.text, self.names.length = bytearray(text), lengths
        self.names.begin = (np.cumsum(lengths) - lengths).astype(np.int32)
        self.hashes[held] = hashes_of(map(self.names.encoded, held.tolist()))
        self.index.add(self.hashes[held], held)

    def pack(self) -> None:
        """Move the names together: a state that depends on the terms held only."""
        self.names.pack(self.references > 0)

    def _add(self, texts: list[bytes], hashes: Hashes) -> Ints:
        """Numbers for new terms, the lowest free ones; -1 where none is left."""
        if self.names.wasted > len(self.names.text) // 2 + _SLACK:
            self.pack()
        while (free := np.flatnonzero(self.references == 0)).size < len(texts):
            if len(self.references) >= self.capacity:
                break
            more = (0, min(len(self.references), self.capacity - len(self.references)))
            self.hashes, self.references = np.pad(self.hashes, more), np.pad(self.references, more)
        numbers = free[: len(texts)]
        self.hashes[numbers] = hashes[: len(numbers)]
        self.names.put(numbers, texts[: len(numbers)], len(self.references))
        self.index.add(hashes[: len(numbers)], numbers)
        return np.concatenate([numbers, np.full(len(texts) - len(numbers), -1, dtype=np.int64)])


class Names:
    """Strings by number, in one buffer."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.begin: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.length: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.wasted = 0

    def __getitem__(self, number: SupportsIndex) -> str:
        return self.encoded(number).decode("utf-8", "surrogatepass")

    def encoded(self, number: SupportsIndex) -> bytes:
        begin = int(self.begin[number])
        return bytes(self.text[begin : begin + int(self.length[number])])

    def of(self, numbers: Iterable[int]) -> list[str]:
        """The names of some numbers."""
        at = np.fromiter(numbers, dtype=np.int64)
        begins = self.begin[at].tolist()
        ends = (self.begin[at] + self.length[at]).tolist()
        text = self.text
        return [text[begin:end].decode("utf-8", "surrogatepass") for begin, end in zip(begins, ends, strict=True)]

    def put(self, numbers: Ints, texts: Sequence[bytes], size: int) -> None:
        """Name ``numbers`` anew; there are numbers up to ``size``."""
        if size > len(self.begin):
            self.begin = np.pad(self.begin, (0, size - len(self.begin)))
            self.length = np.pad(self.length, (0, size - len(self.length)))
        self.wasted += int(self.length[numbers].sum())
        lengths = np.array([len(text) for text in texts], dtype=np.int32)
        self.begin[numbers] = len(self.text) + np.cumsum(lengths, dtype=np.int32) - lengths
        self.length[numbers] = lengths
        self.text += b"".join(texts)

    def pack(self, used: NDArray[np.bool_]) -> None:
        """Keep the names of ``used`` numbers only, in their order, without holes."""
        self.length[~used[: len(self.length)]] = 0
        held = np.frombuffer(bytes(self.text), dtype=np.uint8)
        ends = np.cumsum(self.length, dtype=np.int64)
        self.text = bytearray()
        for first in range(0, len(self.length), _PART):
            part = slice(first, first + _PART)
            shift = np.repeat(self.begin[part] - (ends[part] - self.length[part]), self.length[part])
            self.text += held[shift + np.arange(len(shift)) + (ends[first] - self.length[first])].tobytes()
        self.begin[:] = ends - self.length
        self.wasted = 0
