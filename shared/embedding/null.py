"""No model: meaning is off, and everything else runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.errors import EmbedderUnavailable
from shared.schemas.vector import Vectors


class NullEmbedder:
    """Nobody wants a model. Refuses every text with the reason."""

    model = "none"
    floor = 1.0
    available = False
    turned_off = True

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def refresh(self) -> None:
        """Nothing to try."""

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Raises EmbedderUnavailable, always."""
        raise EmbedderUnavailable("There is no embedding model.", why=self.reason)


class AbsentEmbedder(NullEmbedder):
    """A model that is wanted and cannot be had."""

    turned_off = False

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(reason)
        self.model = model
