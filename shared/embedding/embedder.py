"""What an embedding model offers, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from shared.schemas.vector import Vectors


class Embedder(Protocol):
    """Turns texts into unit vectors. One instance per process; not thread-safe."""

    @property
    def model(self) -> str:
        """Id of the model; stored with every vector, since vectors of two models never compare."""
        ...

    @property
    def available(self) -> bool:
        """False for the null embedder: meaning is off and everything else runs."""
        ...

    @property
    def reason(self) -> str:
        """One line: why this embedder was chosen, or why there is none."""
        ...

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), DIMENSION), in the order given.

        Raises EmbedderUnavailable when there is no model or it gave unusable vectors.
        """
        ...
