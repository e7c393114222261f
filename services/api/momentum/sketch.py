"""Hashed tables of fixed size: counts that may err, memory that never grows.

Count-min with conservative update (Estan & Varghese 2002; Cormode & Muthukrishnan 2005). Hashes are
unsigned 64-bit; each row reads other bits of them.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Floats = NDArray[np.float64]
#: 32 or 64 bits.
Ints = NDArray[np.signedinteger[Any]]

ROWS = 2
#: Cells looked at together where all are: little memory beside the table.
_PART = 1 << 16
_Kind = TypeVar("_Kind", bound=np.generic)


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


def distinct(values: NDArray[_Kind]) -> NDArray[_Kind]:
    """Distinct values in ascending order; for small arrays several times as fast as ``np.unique``."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def zeros(shape: int | tuple[int, ...], dtype: type[_Kind]) -> NDArray[_Kind]:
    """A table that takes its memory now, so that a process shows from the start what it will hold."""
    table = np.empty(shape, dtype=dtype)
    table.fill(0)
    return table


class DecayedCounts:
    """Exponentially decaying counts of terms and of all posts.

    Decay costs nothing: newer counts are added with growing weight, and the whole table is scaled
    down when the weight gets large.
    """

    #: Half-lives after which the table is scaled down; 2**16 leaves float32 its precision.
    RESCALE = 16

    def __init__(self, bits: int, halflife_minutes: int) -> None:
        self.bits, self.halflife = bits, halflife_minutes
        self.table = zeros((ROWS, 1 << bits), np.float32)
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

    One slot a pair: 16 bits of tag, and the minute modulo 256 (or 65,536 for a horizon that asks for it).
    A collision forgets the older pair, so that an author may rarely count twice, never less than once.
    """

    def __init__(self, bits: int, horizon_minutes: int) -> None:
        self.bits, self.horizon = bits, horizon_minutes
        self.period = 256 if horizon_minutes <= 64 else 65536
        self.tags = zeros(1 << bits, np.uint16)
        self.minutes: NDArray[np.unsignedinteger[Any]] = zeros(1 << bits, np.uint8 if self.period == 256 else np.uint16)
        self.swept = self.newest = -self.period

    def admit(self, minute: int, pairs: Hashes) -> NDArray[np.bool_]:
        """True for each pair not seen within the horizon, which it now is. Repeats within one call
        are admitted once, at their first place. ``minute`` is never further back than the horizon."""
        self._turn(minute)
        slots = (pairs & np.uint64((1 << self.bits) - 1)).astype(np.int64)
        tags = (pairs >> np.uint64(48)).astype(np.uint16) | np.uint16(1)
        age = (minute - self.minutes[slots].astype(np.int64)) % self.period
        # A late post may be older than what the slot holds: that is a small negative age.
        recent = (age < self.horizon) | (age > self.period - self.horizon)
        known = (self.tags[slots] == tags) & recent
        first = np.zeros(len(pairs), dtype=np.bool_)
        first[np.unique(pairs, return_index=True)[1]] = True
        admitted: NDArray[np.bool_] = first & ~known
        self.tags[slots[admitted]] = tags[admitted]
        self.minutes[slots[admitted]] = minute % self.period
        return admitted

    def sweep(self, minute: int, late: int) -> None:
        """Empty the slots that no post of ``late`` minutes before ``minute`` asks for any more."""
        for first in range(0, len(self.tags), _PART):
            part = slice(first, first + _PART)
            age = np.subtract(minute % self.period, self.minutes[part], dtype=self.minutes.dtype)
            old = (age >= self.horizon + late) & (age <= self.period - self.horizon)
            self.tags[part][old] = 0
            self.minutes[part][old] = 0

    def _turn(self, minute: int) -> None:
        """Sweep in time before an old minute comes round again: nothing ever gets as old as three horizons."""
        ahead = minute - self.newest
        if ahead >= 2 * self.horizon:
            self.tags.fill(0)
            self.minutes.fill(0)
            self.swept = minute
        elif minute >= self.swept + self.horizon:
            self.sweep(self.newest, self.horizon - ahead)
            self.swept = minute
        self.newest = max(self.newest, minute)


class CopyCounter:
    """How often each text fingerprint stands in the ring (may be too high by collision)."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        # Wraps after 65,536 copies of one text within the hour, and back as they leave.
        self.table = zeros(1 << bits, np.uint16)

    def add(self, prints: Ints) -> Ints:
        """Add texts; returns how many like each stood before it, those of this call included."""
        slots = self._slots(prints)
        order = np.argsort(slots, kind="stable")
        ordered = slots[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else ordered
        rank = np.empty(len(slots), dtype=np.int64)
        lengths = np.diff(np.r_[starts, len(ordered)])
        rank[order] = np.arange(len(ordered)) - np.repeat(starts, lengths)
        before = self.table[slots].astype(np.int64) + rank
        np.add.at(self.table, slots, np.uint16(1))
        return np.where(prints == 0, 0, before)

    def remove(self, prints: Ints) -> None:
        np.subtract.at(self.table, self._slots(prints), np.uint16(1))

    def _slots(self, prints: Ints) -> Ints:
        return (mix(prints.view(np.uint64)) & np.uint64((1 << self.bits) - 1)).astype(np.int64)
