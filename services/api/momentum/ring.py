"""The last hour of posts, by minute, and the windows' counts of each term.

A post adds one count to a term unless its author counted for that term within the last hour, or its
text stood in the ring ``copies_counted`` times already. The denominators count posts that are not
such copies, so that shares stay shares.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.config import MomentumConfig
from services.api.momentum.model import Observation
from services.api.momentum.packed import HashIndex, Strings, encoded, hashes_of
from services.api.momentum.sketch import CopyCounter, Hashes, Ints, PairMemory, distinct, mix
from services.api.momentum.vocabulary import Vocabulary

#: Minutes that posts are held for; longer windows have counts only.
_HOUR = 60
#: Languages told apart; later ones share number 0, "unknown".
_LANGUAGES = 255


@dataclass(slots=True)
class Block:
    """Posts that arrived together for one minute. A late batch makes a block of its own.

    ``terms`` holds all posts' term numbers one after the other, ``start`` where each post's begin
    (one more entry than posts), ``counted`` whether an entry counts. ``distinct`` and ``counts`` are
    the block's counts by term, ``total`` its denominator, ``seen`` its posts before sampling, ``first``
    the number of its first post in order of arrival.
    Out of the ring (not ``in_ring``) only the counts are left; out of the longest window (not ``counting``)
    only ``hashes`` and ``counts``, for the baseline.
    """

    minute: int
    seen: int
    total: int = 0
    in_ring: bool = True
    counting: bool = True
    absorbed: bool = False
    posts: Strings = field(default_factory=lambda: Strings.of([]))
    times: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    authors: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    prints: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    languages: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    start: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    terms: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    counted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    voices: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    fresh: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    distinct: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    counts: NDArray[np.unsignedinteger[Any]] = field(default_factory=lambda: np.zeros(0, dtype=np.uint16))
    hashes: Hashes = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    first: int = 0


class Ring:
    """Blocks, vocabulary and window counts. ``counts[w, term]`` for window ``config.windows[w]``, of any length."""

    def __init__(self, config: MomentumConfig) -> None:
        self.config = config
        self.horizon = min(config.windows[-1], _HOUR)
        self.vocabulary = Vocabulary(config.ring_terms)
        self.pairs = PairMemory(config.pair_bits, self.horizon)
        self.copies = CopyCounter(config.copy_bits)
        self.blocks: list[Block] = []
        self.counts = np.zeros((len(config.windows), len(self.vocabulary.hashes)), dtype=np.int32)
        self.languages: list[str] = [""]
        #: Each post's number in order of arrival, by the hash of its id.
        self.index = HashIndex(np.int64)
        self._arrived = 0
        #: What a minute's count of a term fits into.
        self._small = np.uint16 if config.posts_per_minute < 1 << 16 else np.uint32

    def add(self, now: int, minute: int, observations: Sequence[Observation], seen: int) -> Block:
        """Store a batch of distinct posts of ``minute``, at most ``horizon`` before ``now``."""
        block = self._encode(minute, observations, seen)
        self._grow()
        self.vocabulary.hold(block.terms)
        self._count(block)
        for window, length in enumerate(self.config.windows):
            if minute > now - length:
                self.counts[window, block.distinct] += block.counts
        self._append(block)
        return block

    def expire(self, now: int) -> None:
        """Move the windows to end with minute ``now``."""
        leaving = {now - length: window for window, length in enumerate(self.config.windows)}
        for place, block in enumerate(self.blocks):
            if not block.counting:
                continue
            if (window := leaving.get(block.minute)) is not None:
                self.counts[window, block.distinct] -= block.counts
            if block.in_ring and block.minute <= now - self.horizon:
                self.blocks[place] = block = self._shrink(block)
            if block.minute <= now - self.config.windows[-1]:
                self._release(block)
        self.blocks = [block for block in self.blocks if block.counting or not block.absorbed]

    def retract(self, now: int, post: str) -> bool:
        """Take a post's counts back; False for a post that is not in the ring."""
        number = int(self.index.find(hashes_of(encoded([post])))[0])
        if number < 0:
            return False
        live = self.live()
        block = live[bisect_right(live, number, key=lambda block: block.first) - 1]
        row = number - block.first
        if not block.alive[row]:
            return True
        block.alive[row] = False
        span = slice(int(block.start[row]), int(block.start[row + 1]))
        terms = block.terms[span][block.counted[span]]
        block.counts[np.searchsorted(block.distinct, terms)] -= 1
        block.total -= int(block.voices[row])
        self.copies.remove(block.prints[row : row + 1])
        for window, length in enumerate(self.config.windows):
            if block.minute > now - length:
                self.counts[window, terms] -= 1
        return True

    def totals(self, now: int) -> tuple[int, ...]:
        """Denominator of each window that ends with ``now``."""
        held = [(b.minute, b.total) for b in self.blocks if b.counting]
        return tuple(sum(t for m, t in held if m > now - length) for length in self.config.windows)

    def live(self) -> list[Block]:
        return [block for block in self.blocks if block.in_ring]

    def counting(self) -> bool:
        """Whether any window holds anything."""
        return any(block.counting for block in self.blocks)

    def _encode(self, minute: int, observations: Sequence[Observation], seen: int) -> Block:
        numbers = self.vocabulary.intern(list(chain.from_iterable([o.terms for o in observations])))
        start = np.cumsum([0, *[len(o.terms) for o in observations]])
        if (numbers < 0).any():
            start = np.concatenate([[0], np.cumsum(numbers >= 0)])[start]
            numbers = numbers[numbers >= 0]
        languages = {name: self._language(name) for name in dict.fromkeys([o.language for o in observations])}
        return Block(
            minute=minute,
            seen=seen,
            posts=Strings.of(encoded([o.post for o in observations])),
            times=np.array([o.time_us for o in observations], dtype=np.int64),
            authors=np.array([o.author for o in observations], dtype=np.int64),
            prints=np.array([o.fingerprint for o in observations], dtype=np.int64),
            languages=np.array([languages[o.language] for o in observations], dtype=np.uint8),
            start=start.astype(np.int32),
            terms=numbers.astype(np.int32),
            counted=np.zeros(len(numbers), dtype=np.bool_),
            voices=np.zeros(len(observations), dtype=np.bool_),
            alive=np.ones(len(observations), dtype=np.bool_),
            fresh=np.ones(len(observations), dtype=np.bool_),
        )

    def restore(self, block: Block) -> None:
        """Put back a block that was taken from another ring, whose terms are held and counted."""
        if block.in_ring:
            self._sum(block)
            self.copies.add(block.prints[block.alive])
        self._append(block)

    def _append(self, block: Block) -> None:
        self.blocks.append(block)
        block.first = self._arrived
        self._arrived += len(block.posts)
        self.index.add(hashes_of(encoded(block.posts)), np.arange(block.first, self._arrived))

    def _count(self, block: Block) -> None:
        """Decide which entries count: one per author, term and hour, and no pasted text."""
        block.voices = self.copies.add(block.prints) < self.config.copies_counted
        lengths = np.diff(block.start)
        hashes = self.vocabulary.hashes[block.terms]
        authors = np.repeat(mix(block.authors.view(np.uint64)), lengths)
        eligible = np.repeat(block.voices, lengths)
        block.counted[eligible] = self.pairs.admit(block.minute, mix(hashes ^ authors)[eligible])
        block.total = int(block.voices.sum())
        self._sum(block)

    def _sum(self, block: Block) -> None:
        """Counts by term."""
        block.distinct = distinct(block.terms[block.counted])
        counting = block.counted & np.repeat(block.alive, np.diff(block.start))
        at = np.searchsorted(block.distinct, block.terms[counting])
        block.counts = np.bincount(at, minlength=len(block.distinct)).astype(self._small)

    def _shrink(self, block: Block) -> Block:
        """Of a block that leaves the ring, only its counts by term."""
        self.copies.remove(block.prints[block.alive])
        self.vocabulary.hold(block.distinct)
        self.vocabulary.release(block.terms)
        numbers = self.index.values
        self.index.keep((numbers < block.first) | (numbers >= block.first + len(block.posts)))
        kept = Block(block.minute, block.seen, block.total, in_ring=False, absorbed=block.absorbed)
        kept.distinct, kept.counts = block.distinct, block.counts
        return kept

    def _release(self, block: Block) -> None:
        """Of a block that leaves the longest window, only what the baseline still needs."""
        block.hashes = self.vocabulary.hashes[block.distinct]
        self.vocabulary.release(block.distinct)
        block.distinct = block.distinct[:0]
        block.counting = False

    def _language(self, language: str) -> int:
        if language in self.languages:
            return self.languages.index(language)
        if len(self.languages) >= _LANGUAGES:
            return 0
        self.languages.append(language[:16])
        return len(self.languages) - 1

    def _grow(self) -> None:
        missing = len(self.vocabulary.hashes) - self.counts.shape[1]
        if missing > 0:
            self.counts = np.pad(self.counts, ((0, 0), (0, missing)))
