"""What a graph asks of a model's weights, however they are kept."""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Codes = npt.NDArray[np.uint8]

#: Weights that share one scale, where they are packed.
BLOCK = 32


class Sizes(msgspec.Struct, frozen=True):
    """The model's dimensions."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


class Weights(Protocol):
    """Weights of a BERT encoder by name. Raises EmbedderUnavailable for one that is missing or too short.

    ``emb.word``, ``emb.pos``, ``emb.type``, ``emb.ln``; of layer n ``ln.q``, ``.k``, ``.v``, ``.ao`` (attention's
    output), ``.aln`` (its norm), ``.fi``, ``.fo`` (feed-forward in and out) and ``.oln``; ``.w`` and ``.b`` after
    what has both.
    """

    sizes: Sizes

    @property
    def packed(self) -> bool:
        """Whether ``codes`` gives the matrices as they are kept, in 4 bits."""
        ...

    def vector(self, name: str) -> Floats:
        """A tensor as float32, flat."""
        ...

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """A matrix as float32, (rows, columns): outputs by inputs."""
        ...

    def codes(self, name: str, rows: int, columns: int) -> tuple[Codes, Halves]:
        """Codes 0 to 15, (rows, columns // 32, 32), and scales, (rows, columns // 32)."""
        ...


def place_table(weights: Weights) -> Floats:
    """(positions, width): what a token's place adds, with the row of type 0, which every token is of."""
    places = weights.vector("emb.pos").reshape(weights.sizes.positions, weights.sizes.width)
    return places + weights.vector("emb.type")[: weights.sizes.width]
