"""The packed weights as constants of an OpenVINO graph.

A word table of 4 bits always keeps them: expanded it would be 192 MB of float16, and a batch reads only a
thousand rows of it. The encoder's matrices have two forms. As float16 they are ready for the bfloat16
units of newer CPUs, a third faster in batches. Kept in 4 bits they save 100 MB of memory, are as fast for one
text, and are the faster form on CPUs without those units. Both hold the packed weights, so their vectors
agree to a cosine of 0.9999. A model that is not packed has one form, float16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.embedding.runtime import op, ov
from shared.embedding.weights import BLOCK, Codes, Floats, Halves, Weights, place_table

Node = Any  # OpenVINO's nodes carry no types


class Constants:
    """Reads weights by name and gives nodes; ``compact`` keeps matrices in 4 bits."""

    def __init__(self, weights: Weights, *, compact: bool) -> None:
        self.sizes = weights.sizes
        self._weights = weights
        self._compact = compact

    def word_table(self) -> Node:
        """(vocabulary, width), float32 by the row: OpenVINO expands the rows it gathers."""
        rows, columns = self.sizes.vocabulary, self.sizes.width
        if self._weights.packed:
            return _four_bits(*self._weights.codes("emb.word", rows, columns))
        return half(self._weights.matrix("emb.word", rows, columns))

    def place_table(self) -> Node:
        """(positions, width): what a token's place adds. Every token is of type 0, whose row is in it."""
        return half(place_table(self._weights))

    def matrix(self, names: list[str], rows: int, columns: int) -> Node:
        """Quantised matrices, each (rows, columns), below one another."""
        if self._compact and self._weights.packed:
            codes, scales = zip(*(self._weights.codes(name, rows, columns) for name in names), strict=True)
            return _four_bits(np.concatenate(codes), np.concatenate(scales))
        return half(np.concatenate([self._weights.matrix(name, rows, columns) for name in names]))

    def vector(self, names: list[str]) -> Node:
        """Vectors, one after another."""
        return half(np.concatenate([self._weights.vector(name) for name in names]))


def half(values: Floats | np.float32) -> Node:
    """A constant kept as float16 and used as float32."""
    # OpenVINO reads the bytes as they lie, whatever the order of an array's axes.
    return op.convert(op.constant(np.ascontiguousarray(values, dtype=np.float16)), "f32")


def ints(*values: int) -> Node:
    """A constant vector of int64."""
    return op.constant(np.array(values, dtype=np.int64))


def _four_bits(codes: Codes, scales: Halves) -> Node:
    """(rows, blocks, 32) codes and (rows, blocks) scales as a (rows, columns) matrix, in the form of
    operations that OpenVINO's CPU plugin knows to keep packed."""
    rows, blocks, _ = codes.shape
    pairs = codes.reshape(-1, 2)
    packed = ov.Tensor(ov.Type.u4, ov.Shape([rows, blocks, BLOCK]))
    packed.data[...] = (pairs[:, 0] | (pairs[:, 1] << 4)).reshape(packed.data.shape)
    table = op.convert(op.constant(packed, shared_memory=False), "f16")
    centred = op.subtract(table, op.convert(op.constant(np.array(8, np.uint8)), "f16"))
    scaled = op.multiply(centred, op.constant(scales[..., None]))
    return op.convert(op.reshape(scaled, ints(rows, blocks * BLOCK), False), "f32")
