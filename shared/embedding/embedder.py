"""What an embedding model offers, whichever it is and whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from shared.schemas.vector import Vectors

Kind = Literal["passage", "query"]
#: Unit vectors, float32, shape (len(texts), DIMENSION), in the order given.
Embed = Callable[[Sequence[str], Kind], Vectors]


class Embedder(Protocol):
    """Turns texts into unit vectors. One instance per process; one call at a time, others wait their turn."""

    @property
    def model(self) -> str:
        """Id of the model; stored with every vector, since vectors of two models never compare."""
        ...

    @property
    def floor(self) -> float:
        """Posts that are not about a search mostly have a lower cosine with it; thresholds are carried over by it."""
        ...

    @property
    def available(self) -> bool:
        """False while nothing can run the model: meaning is off and everything else runs."""
        ...

    @property
    def turned_off(self) -> bool:
        """Whether nobody wants meaning: it never becomes available."""
        ...

    @property
    def reason(self) -> str:
        """One line: what runs the model, or why nothing does and when it is tried again."""
        ...

    def refresh(self) -> None:
        """Try again what failed, if it is time; loading is slow. Never raises."""
        ...

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), DIMENSION), in the order given.

        Raises EmbedderUnavailable when nothing runs the model or it gave unusable vectors, and
        TextsRefused, one of its kind, when the model works and some of the texts are at fault.
        """
        ...
