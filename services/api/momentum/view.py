"""The ring as one table for the length of a tick: which posts hold which of some terms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.ring import Block, Ring
from services.api.momentum.sketch import Ints

_AT_ONCE = 1 << 17


@dataclass(frozen=True, slots=True)
class View:
    """Columns over all posts in the ring, and ``(row, column)`` pairs: the post in ``row`` holds the
    term at position ``column`` of the terms asked for; ``counted`` says whether it counts (see ``ring``),
    ``lengths`` how many terms a post has. Deleted posts hold nothing."""

    blocks: list[Block]
    offsets: list[int]
    times: Ints
    minutes: Ints
    authors: Ints
    prints: Ints
    languages: NDArray[np.uint8]
    lengths: Ints
    fresh: NDArray[np.bool_]
    rows: Ints
    columns: Ints
    counted: NDArray[np.bool_]

    def terms(self, row: int) -> NDArray[np.int32]:
        """All terms of the post in ``row``, as numbers of the vocabulary."""
        place = bisect_right(self.offsets, row) - 1
        block, at = self.blocks[place], row - self.offsets[place]
        return block.terms[block.start[at] : block.start[at + 1]]

    def post(self, row: int) -> str:
        """Id of the post in ``row``."""
        place = bisect_right(self.offsets, row) - 1
        return self.blocks[place].posts[row - self.offsets[place]]


def view_of(ring: Ring, terms: Sequence[int]) -> View:
    """Scan the ring once for ``terms`` (numbers of the vocabulary)."""
    blocks = ring.live()
    wanted = np.full(ring.counts.shape[1], -1, dtype=np.int32)
    wanted[list(terms)] = np.arange(len(terms), dtype=np.int32)
    lengths = np.concatenate([np.diff(b.start) for b in blocks])
    ends, alive = np.cumsum(lengths), np.concatenate([b.alive for b in blocks])
    rows, columns, counted, begin = [], [], [], 0
    for part in _parts(blocks):
        found = wanted[np.concatenate([b.terms for b in part])]
        at = np.flatnonzero(found >= 0)
        row = np.searchsorted(ends, at + begin, side="right")
        begin += len(found)
        at, row = at[alive[row]], row[alive[row]]
        rows.append(row)
        columns.append(found[at].astype(np.int64))
        counted.append(np.concatenate([b.counted for b in part])[at])
    posts = [len(b.posts) for b in blocks]
    return View(
        blocks=blocks,
        offsets=[0, *accumulate(posts[:-1])],
        times=np.concatenate([b.times for b in blocks]),
        minutes=np.repeat(np.array([b.minute for b in blocks], dtype=np.int64), posts),
        authors=np.concatenate([b.authors for b in blocks]),
        prints=np.concatenate([b.prints for b in blocks]),
        languages=np.concatenate([b.languages for b in blocks]),
        lengths=lengths,
        fresh=np.concatenate([b.fresh for b in blocks]),
        rows=np.concatenate(rows),
        columns=np.concatenate(columns),
        counted=np.concatenate(counted),
    )


def _parts(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """``blocks`` in order, as many at once as hold about ``_AT_ONCE`` terms: few steps, little memory."""
    part: list[Block] = []
    held = 0
    for block in blocks:
        part.append(block)
        held += len(block.terms)
        if held >= _AT_ONCE:
            yield part
            part, held = [], 0
    if part:
        yield part
