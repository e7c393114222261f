"""The ring as one table for the length of a tick: which posts hold which of some terms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.ring import Block, Ring
from services.api.momentum.sketch import Ints

_AT_ONCE = 1 << 17


class View:
    """Columns over all posts in the ring, and ``(row, column)`` pairs: the post in ``row`` holds the
    term at position ``column`` of the terms asked for; ``counted`` says whether it counts (see ``ring``),
    ``lengths`` how many terms a post has. Deleted posts hold nothing.

    What only a tick that finds something asks for is put together when it does.
    """

    def __init__(self, blocks: list[Block], ends: Ints, rows: Ints, columns: Ints, counted: NDArray[np.bool_]) -> None:
        self.blocks, self._ends = blocks, ends
        self.rows, self.columns, self.counted = rows, columns, counted
        self._posts = [len(block.posts) for block in blocks]
        self.offsets = [0, *accumulate(self._posts[:-1])]
        self.authors: Ints = np.concatenate([block.authors for block in blocks])
        self.languages: NDArray[np.uint8] = np.concatenate([block.languages for block in blocks])

    @cached_property
    def times(self) -> Ints:
        return np.concatenate([block.times for block in self.blocks])

    @cached_property
    def minutes(self) -> Ints:
        return np.repeat(np.array([block.minute for block in self.blocks], dtype=np.int64), self._posts)

    @cached_property
    def prints(self) -> Ints:
        return np.concatenate([block.prints for block in self.blocks])

    @cached_property
    def fresh(self) -> NDArray[np.bool_]:
        return np.concatenate([block.fresh for block in self.blocks])

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self._ends, prepend=0)

    def terms(self, row: int) -> NDArray[np.int32]:
        """All terms of the post in ``row``, as numbers of the vocabulary."""
        place = bisect_right(self.offsets, row) - 1
        block, at = self.blocks[place], row - self.offsets[place]
        return block.terms[block.start[at] : block.start[at + 1]]

    def post(self, row: int) -> str:
        """Id of the post in ``row``."""
        place = bisect_right(self.offsets, row) - 1
        return self.blocks[place].posts[row - self.offsets[place]]


def view_of(ring: Ring, terms: Sequence[int] | Ints) -> View:
    """Scan the ring once for ``terms`` (numbers of the vocabulary)."""
    blocks = ring.live()
    wanted = np.zeros(ring.counts.shape[1], dtype=np.bool_)
    numbers = np.array(terms, dtype=np.int64)
    wanted[numbers] = True
    column = np.zeros(ring.counts.shape[1], dtype=np.int64)
    column[numbers] = np.arange(len(numbers))
    # Where each post's terms end, over all blocks.
    before = accumulate([len(block.terms) for block in blocks[:-1]], initial=0)
    posts = [len(block.posts) for block in blocks]
    ends = np.concatenate([block.start[1:] for block in blocks]) + np.repeat(list(before), posts)
    alive = np.concatenate([block.alive for block in blocks])
    rows, columns, counted, begin = [], [], [], 0
    for part in _parts(blocks):
        held = np.concatenate([block.terms for block in part])
        at = np.flatnonzero(wanted.take(held))
        row = np.searchsorted(ends, at + begin, side="right")
        begin += len(held)
        at, row = at[alive[row]], row[alive[row]]
        rows.append(row)
        columns.append(column[held[at]])
        counted.append(np.concatenate([block.counted for block in part])[at])
    return View(blocks, ends, np.concatenate(rows), np.concatenate(columns), np.concatenate(counted))


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
