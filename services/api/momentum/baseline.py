"""What is usual: shares of all posts, from a moving average and a profile of the day.

The expected share of a term is the larger of an exponentially weighted average (24 h half-life) and a
profile of half-hours of the day (maximum over neighbouring slots). Both see only minutes that lie ``lag``
back, so that a story does not become its own expectation. Shares, not rates: an outage or a surge of
everything changes no share. Variance after SigniTrend (Schubert, Weiler, Kriegel, KDD 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.config import MomentumConfig
from services.api.momentum.sketch import ROWS, DecayedCounts, Floats, Hashes, cells, zeros

Counts = NDArray[np.integer[Any]]
_DAY_MINUTES = 1440
#: fp16 cannot hold a share of one in a million; scaled by this it can, and a share of one too.
_SCALE = 2.0**14


class DailyProfile:
    """Share of each term by half-hour of the day; 48 slots x 2 rows x 2**bits in fp16."""

    def __init__(self, config: MomentumConfig) -> None:
        self.config = config
        slots = _DAY_MINUTES // config.slot_minutes
        self.table = zeros((slots, ROWS, 1 << config.profile_bits), np.float16)
        self.totals = np.zeros(slots)
        self.days = np.zeros(slots, dtype=np.int64)
        self.open_slot = -1
        self.open_total = 0.0
        self.open: list[tuple[Hashes, Counts]] = []

    def add(self, minute: int, hashes: Hashes, counts: Counts, total: float) -> None:
        slot = minute // self.config.slot_minutes
        if slot != self.open_slot:
            self._close()
            self.open_slot = slot
        self.open.append((hashes, counts))
        self.open_total += total

    def share(self, minute: int, hashes: Hashes) -> Floats:
        """Largest expected share around ``minute``'s time of day; 0 where no day was seen yet."""
        slots = len(self.totals)
        centre = minute // self.config.slot_minutes
        first, second = cells(hashes, self.config.profile_bits)
        best = np.zeros(len(hashes))
        for step in range(-self.config.profile_reach, self.config.profile_reach + 1):
            rows = self.table[(centre + step) % slots]
            np.maximum(best, np.minimum(rows[0, first], rows[1, second]), out=best)
        return best / _SCALE

    def _close(self) -> None:
        if self.open_total:
            hashes = np.concatenate([h for h, _ in self.open])
            distinct, inverse = np.unique(hashes, return_inverse=True)
            counts = np.bincount(inverse, weights=np.concatenate([c for _, c in self.open]))
            # One post in half an hour says nothing daily, and most terms are such: leaving them out
            # keeps the table's collisions rare.
            kept = counts >= 2
            self._blend(distinct[kept], counts[kept] / self.open_total)
        self.open, self.open_total = [], 0.0

    def _blend(self, hashes: Hashes, shares: Floats) -> None:
        day, slot = divmod(self.open_slot * self.config.slot_minutes, _DAY_MINUTES)
        slot //= self.config.slot_minutes
        old = self.totals[slot] * self.config.profile_decay ** max(day - int(self.days[slot]), 0)
        total = old + self.open_total
        for row, index in zip(self.table[slot], cells(hashes, self.config.profile_bits), strict=True):
            fresh = np.zeros(len(row), dtype=np.float32)
            np.maximum.at(fresh, index, (shares * _SCALE).astype(np.float32))
            row[:] = (row * np.float32(old / total) + fresh * np.float32(self.open_total / total)).astype(np.float16)
        self.totals[slot], self.days[slot] = total, day


class Variance:
    """Exponentially weighted mean of squared deviations of hourly shares, sampled each slot."""

    def __init__(self, config: MomentumConfig) -> None:
        self.bits = config.profile_bits
        self.keep = float(2.0 ** (-config.slot_minutes / config.halflife_minutes))
        self.table = zeros((ROWS, 1 << self.bits), np.float32)
        self.weight = 0.0
        self.waiting: list[tuple[int, Hashes, Floats]] = []

    def sample(self, minute: int, hashes: Hashes, deviations: Floats) -> None:
        """Deviations of hourly shares at ``minute``; they count once the lag has passed."""
        self.waiting.append((minute, hashes, deviations * deviations))

    def advance(self, frontier: int) -> None:
        while self.waiting and self.waiting[0][0] <= frontier:
            _, hashes, squares = self.waiting.pop(0)
            self.table *= np.float32(self.keep)
            self.weight = self.weight * self.keep + (1 - self.keep)
            raised = (self._lookup(hashes) + squares * (1 - self.keep)).astype(np.float32)
            for row, index in zip(self.table, cells(hashes, self.bits), strict=True):
                np.maximum.at(row, index, raised)

    def of(self, hashes: Hashes) -> Floats:
        """Variance of the hourly share; 0 before the first sample."""
        return self._lookup(hashes) / self.weight if self.weight else np.zeros(len(hashes))

    def _lookup(self, hashes: Hashes) -> Floats:
        first, second = cells(hashes, self.bits)
        lowest: Floats = np.minimum(self.table[0, first], self.table[1, second]).astype(np.float64)
        return lowest


@dataclass(frozen=True, slots=True)
class Expected:
    """Shares of posts, one entry a term: ``usual`` as seen so far (what people are told), ``share`` with
    the doubt of a young baseline added, ``average`` over the day, and the posts ``known`` they rest on."""

    share: Floats
    usual: Floats
    average: Floats
    known: float


class Baseline:
    """All of them together. ``minutes`` counts the minutes of data seen so far, absorbed or not; ``spoken`` the
    posts of each language, decaying like the average, without lag."""

    def __init__(self, config: MomentumConfig) -> None:
        self.config = config
        self.average = DecayedCounts(config.sketch_bits, config.halflife_minutes)
        self.profile = DailyProfile(config)
        self.variance = Variance(config)
        self.spoken = np.zeros(256)
        self.minutes = 0

    def frontier(self, minute: int) -> int:
        """Last minute that the baseline may know while ``minute`` is judged."""
        young = int(self.minutes * self.config.young_lag_share)
        return minute - min(self.config.lag_minutes, max(young, 1))

    def hear(self, languages: NDArray[np.uint8]) -> None:
        """Count the languages of one minute's posts, by their numbers in the ring."""
        self.spoken = self.spoken * 2.0 ** (-1.0 / self.config.halflife_minutes) + np.bincount(languages, minlength=256)

    def absorb(self, minute: int, hashes: Hashes, counts: Counts, total: int) -> None:
        weights = counts.astype(np.float64)
        self.average.add(minute, hashes, weights, float(total))
        self.profile.add(minute, hashes, counts, float(total))

    def usual_share(self, minute: int, hashes: Hashes) -> Floats:
        """Expected share of posts as seen so far."""
        return self.expected(minute, hashes).usual

    def average_share(self, minute: int, hashes: Hashes) -> Floats:
        """The least that ``expected`` can say."""
        counts, total = self.average.estimate(minute, hashes)
        return (counts + self.config.prior_posts) / max(total, 1.0)

    def expected(self, minute: int, hashes: Hashes) -> Expected:
        """What is expected of terms at ``minute``."""
        counts, total = self.average.estimate(minute, hashes)
        total = max(total, 1.0)
        known = self.profile.share(minute, hashes)
        return Expected(
            share=np.maximum((counts + self.config.prior_posts) / total, known),
            usual=np.maximum(counts / total, known),
            average=counts / total,
            known=total,
        )
