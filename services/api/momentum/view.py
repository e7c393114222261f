"""The ring as one table for the length of a tick: which posts hold which of some terms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.ring import Block, Ring
from services.api.momentum.sketch import Ints


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
    rows, columns, counted, offsets, offset = [], [], [], [], 0
    for block in blocks:
        found = wanted[block.terms]
        at = np.flatnonzero(found >= 0)
        row = np.searchsorted(block.start, at, side="right") - 1
        kept = block.alive[row]
        rows.append(row[kept] + offset)
        columns.append(found[at[kept]].astype(np.int64))
        counted.append(block.counted[at[kept]])
        offsets.append(offset)
        offset += len(block.posts)
    return View(
        blocks=blocks,
        offsets=offsets,
        times=np.concatenate([b.times for b in blocks]),
        minutes=np.concatenate([np.full(len(b.posts), b.minute, dtype=np.int64) for b in blocks]),
        authors=np.concatenate([b.authors for b in blocks]),
        prints=np.concatenate([b.prints for b in blocks]),
        languages=np.concatenate([b.languages for b in blocks]),
        lengths=np.concatenate([np.diff(b.start) for b in blocks]),
        fresh=np.concatenate([b.fresh for b in blocks]),
        rows=np.concatenate(rows),
        columns=np.concatenate(columns),
        counted=np.concatenate(counted),
    )
