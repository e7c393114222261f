"""What runs one batch of token ids, whichever runtime does it."""

from __future__ import annotations

from typing import Protocol

from shared.embedding.batching import Ids
from shared.errors import EmbedderOutOfMemory, EmbedderUnavailable
from shared.schemas.vector import Vectors

_NO_MEMORY = ("bad_alloc", "out of memory", "failed to allocate", "cannot allocate", "bad allocation")


class Session(Protocol):
    """A model in one runtime. Not thread-safe."""

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        """Vectors, float32, (batch, width). Raises EmbedderUnavailable, and EmbedderOutOfMemory of its kind."""
        ...


def refusal(runtime: str, verb: str, error: Exception) -> EmbedderUnavailable:
    """A runtime's own error as ours; what means that memory is short becomes EmbedderOutOfMemory."""
    what = f"{runtime} could not {verb} the model."
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text.lower() for sign in _NO_MEMORY):
        return EmbedderOutOfMemory(what, why="There is not enough memory.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return EmbedderUnavailable(what, why=lines[-1] if lines else type(error).__name__)
