"""Which texts go through the model together.

A batch is as wide as its longest text, so texts are sorted by length first; the number of tokens, padding
included, bounds the work and the memory of one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]

#: Padded tokens in one batch: enough to keep two cores busy, small enough to stay in their caches.
TOKENS_PER_BATCH = 1_024
#: Widths are rounded up to a multiple of this, so that the model meets few different shapes.
_WIDTH_STEP = 4


def batches(lengths: Sequence[int], tokens: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Indices into ``lengths``, shortest first, each index once; no batch holds more than ``tokens`` when
    padded, unless one text alone does."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * _width(lengths[index]) > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Ids, Ids]:
    """Ids and mask (1 for a token, 0 for padding), int32, (len(rows), width)."""
    width = _width(max(map(len, rows)))
    ids = np.full((len(rows), width), pad, dtype=np.int32)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask


def _width(length: int) -> int:
    return -(-length // _WIDTH_STEP) * _WIDTH_STEP
