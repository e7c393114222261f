"""Terms in the ring and their numbers; a number is used again once its term has left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from services.api.momentum.sketch import Hashes, Ints


@lru_cache(maxsize=1 << 14)
def term_hash(term: str) -> int:
    """Stable unsigned 64-bit hash of a term."""
    return int.from_bytes(blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Vocabulary:
    """Bounded, reference-counted interning of terms."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.ids: dict[str, int] = {}
        self.names: list[str] = []
        self.free: list[int] = []
        self.hashes: Hashes = np.zeros(1024, dtype=np.uint64)
        self.references: Ints = np.zeros(1024, dtype=np.int64)
        self.refused = 0

    def intern(self, terms: Sequence[str]) -> Ints:
        """The terms' numbers, -1 for new ones while the vocabulary is full."""
        numbers = list(map(self.ids.get, terms))
        for place, number in enumerate(numbers):
            if number is None:
                numbers[place] = self._add(terms[place])
        return np.array(numbers, dtype=np.int64)

    def _add(self, term: str) -> int:
        """A new term's number; a term may come twice in one batch."""
        number = self.ids.get(term)
        if number is not None:
            return number
        if self.free:
            number = self.free.pop()
            self.names[number] = term
        elif len(self.names) < self.capacity:
            number = len(self.names)
            self.names.append(term)
            if number >= len(self.hashes):
                self.hashes = np.concatenate([self.hashes, np.zeros_like(self.hashes)])
                self.references = np.concatenate([self.references, np.zeros_like(self.references)])
        else:
            self.refused += 1
            return -1
        self.ids[term] = number
        self.hashes[number] = term_hash(term)
        return number

    def hold(self, numbers: Ints) -> None:
        np.add.at(self.references, numbers, 1)

    def release(self, numbers: Ints) -> None:
        """Give back one reference each; terms nobody holds are forgotten."""
        np.subtract.at(self.references, numbers, 1)
        touched = np.unique(numbers)
        for number in touched[self.references[touched] == 0].tolist():
            del self.ids[self.names[number]]
            self.names[number] = ""
            self.free.append(number)
