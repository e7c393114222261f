"""No model: meaning is off, and everything else runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.errors import EmbedderUnavailable
from shared.schemas.vector import Vectors


class NullEmbedder:
    """Refuses every text with the reason why there is no model."""

    model = "none"
    available = False

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Raises EmbedderUnavailable, always."""
        raise EmbedderUnavailable("There is no embedding model.", why=self.reason)
