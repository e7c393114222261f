"""Hashed tables of fixed size: counts that may err, memory that never grows.

Count-min with conservative update (Estan & Varghese 2002; Cormode & Muthukrishnan 2005). Hashes are
unsigned 64-bit; each row reads other bits of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Floats = NDArray[np.float64]
#: 32 or 64 bits.
Ints = NDArray[np.signedinteger[Any]]

ROWS = 2


def cells(hashes: Hashes, bits: int) -> tuple[Ints, Ints]:
    """Index of each hash in both rows of a table of ``2**bits`` cells."""
    mask = np.uint64((1 << bits) - 1)
    return (hashes & mask).astype(np.int64), ((hashes >> np.uint64(32)) & mask).astype(np.int64)


def mix(values: Hashes) -> Hashes:
    """Finaliser of splitmix64: near-independent bits from any 64-bit key."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def distinct(values: Ints) -> Ints:
    """Distinct values in ascending order; for small arrays several times as fast as ``np.unique``."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class DecayedCounts:
    """Exponentially decaying counts of terms and of all posts.

    Decay costs nothing: newer counts are added with growing weight, and the whole table is scaled
    down when the weight gets large.
    """

    #: Half-lives after which the table is scaled down; 2**16 leaves float32 its precision.
    RESCALE = 16

    def __init__(self, bits: int, halflife_minutes: int) -> None:
        self.bits, self.halflife = bits, halflife_minutes
        self.table = np.zeros((ROWS, 1 << bits), dtype=np.float32)
        self.total = 0.0
        self.origin = 0

    def add(self, minute: int, hashes: Hashes, counts: Floats, total: float) -> None:
        """Add one minute's counts of distinct ``hashes`` and its number of posts."""
        weight = self._weight(minute)
        if not self.total or weight > 2.0**self.RESCALE:
            self.table /= np.float32(min(weight, 2.0**100))
            self.total /= weight
            self.origin, weight = minute, 1.0
        self.total += total * weight
        raised = self._lookup(hashes) + counts * weight
        for row, index in zip(self.table, cells(hashes, self.bits), strict=True):
            np.maximum.at(row, index, raised.astype(np.float32))

    def estimate(self, minute: int, hashes: Hashes) -> tuple[Floats, float]:
        """Decayed counts (never too low) and the decayed number of posts, as of ``minute``."""
        weight = self._weight(minute)
        return self._lookup(hashes) / weight, self.total / weight

    def _lookup(self, hashes: Hashes) -> Floats:
        first, second = cells(hashes, self.bits)
        lowest: Floats = np.minimum(self.table[0, first], self.table[1, second]).astype(np.float64)
        return lowest

    def _weight(self, minute: int) -> float:
        return float(2.0 ** min((minute - self.origin) / self.halflife, 1000.0))


class PairMemory:
    """Which (author, term) pairs counted within the last hour.

    One slot a pair: 16 bits of tag and the minute modulo 2**16. A collision forgets the older pair,
    so that an author may rarely count twice, never less than once.
    """

    def __init__(self, bits: int, horizon_minutes: int) -> None:
        self.bits, self.horizon = bits, horizon_minutes
        self.table = np.zeros(1 << bits, dtype=np.uint32)

    def admit(self, minute: int, pairs: Hashes) -> NDArray[np.bool_]:
        """True for each pair not seen within the horizon, which it now is. Repeats within one call
        are admitted once, at their first place."""
        slots = (pairs & np.uint64((1 << self.bits) - 1)).astype(np.int64)
        tags = ((pairs >> np.uint64(48)).astype(np.uint32) | np.uint32(1)) << np.uint32(16)
        held = self.table[slots]
        age = (minute - (held & np.uint32(0xFFFF)).astype(np.int64)) % 65536
        # A late post may be older than what the slot holds: that is a small negative age.
        recent = (age < self.horizon) | (age > 65536 - self.horizon)
        known = ((held & np.uint32(0xFFFF0000)) == tags) & recent
        first = np.zeros(len(pairs), dtype=np.bool_)
        first[np.unique(pairs, return_index=True)[1]] = True
        admitted: NDArray[np.bool_] = first & ~known
        self.table[slots[admitted]] = tags[admitted] | np.uint32(minute % 65536)
        return admitted

    def sweep(self, minute: int) -> None:
        """Empty the slots past the horizon, before their minute comes round again."""
        for part in np.array_split(self.table, max(len(self.table) >> 16, 1)):
            age = (minute - (part & np.uint32(0xFFFF)).astype(np.int64)) % 65536
            part[(age >= self.horizon) & (age <= 65536 - self.horizon)] = 0


class CopyCounter:
    """How often each text fingerprint stands in the ring (may be too high by collision)."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.table = np.zeros(1 << bits, dtype=np.int32)

    def add(self, prints: Ints) -> Ints:
        """Add texts; returns how many like each stood before it, those of this call included."""
        slots = self._slots(prints)
        order = np.argsort(slots, kind="stable")
        ordered = slots[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else ordered
        rank = np.empty(len(slots), dtype=np.int64)
        lengths = np.diff(np.r_[starts, len(ordered)])
        rank[order] = np.arange(len(ordered)) - np.repeat(starts, lengths)
        before = self.table[slots] + rank
        np.add.at(self.table, slots, 1)
        return np.where(prints == 0, 0, before)

    def remove(self, prints: Ints) -> None:
        np.subtract.at(self.table, self._slots(prints), 1)

    def _slots(self, prints: Ints) -> Ints:
        return (mix(prints.view(np.uint64)) & np.uint64((1 << self.bits) - 1)).astype(np.int64)
