"""A model on this machine, whichever runtime runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np

from shared.embedding.batching import TOKENS_PER_BATCH, batches, padded
from shared.embedding.models import MOST_TOKENS, Model, TextTokenizer
from shared.embedding.session import Session
from shared.errors import EmbedderOutOfMemory, EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors

Rows = list[list[int]]


class LocalEmbedder:
    """Tokenizes, sorts by length, runs in batches, checks. One call at a time; others wait their turn."""

    def __init__(self, model: Model, tokenizer: TextTokenizer, session: Session) -> None:
        self.model = model.id
        self._tokenizer = tokenizer
        self._session = session
        self._turn = threading.Lock()
        self._prefixes = {kind: tokenizer.encode(prefix, MOST_TOKENS) for kind, prefix in model.prefixes.items()}
        #: Padded tokens in a batch; less once memory was short.
        self.tokens_per_batch = TOKENS_PER_BATCH

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Unit vectors, float32, (len(texts), DIMENSION), in the order given.

        Equal texts are computed once; an empty text gets the vector of its prefix. A batch for which
        memory is short is halved, down to one text. Raises EmbedderUnavailable if a vector is not
        finite, not of unit length or of another dimension.
        """
        with self._turn:
            return self._embed(texts, kind)

    def _embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = [self.tokens(text, kind) for text in places]
        distinct = np.zeros((len(rows), DIMENSION), dtype=np.float32)
        for batch in batches([len(row) for row in rows], self.tokens_per_batch):
            distinct[batch] = self._run([rows[index] for index in batch])
        return distinct[[places[text] for text in texts]]

    def _run(self, rows: Rows) -> Vectors:
        try:
            ids, mask = padded(rows, self._tokenizer.pad)
            return checked(self._session.run(ids, mask), len(rows))
        except EmbedderOutOfMemory:
            if len(rows) == 1:
                raise
            self.tokens_per_batch = max(self.tokens_per_batch // 2, MOST_TOKENS)
            half = len(rows) // 2
        return np.concatenate([self._run(rows[:half]), self._run(rows[half:])])

    def tokens(self, text: str, kind: Literal["passage", "query"]) -> list[int]:
        """What the model reads of ``text``: at most MOST_TOKENS ids."""
        tokenizer, prefix = self._tokenizer, self._prefixes[kind]
        content = tokenizer.encode(text, MOST_TOKENS - len(prefix) - 2)
        return [tokenizer.begin, *prefix, *content, tokenizer.end]


def checked(vectors: Vectors, rows: int) -> Vectors:
    """``vectors``, if they are ``rows`` unit vectors of our dimension. Raises EmbedderUnavailable."""
    if vectors.shape != (rows, DIMENSION):
        raise EmbedderUnavailable(
            "The model gave unusable vectors.", why=f"Shape {vectors.shape}, not {(rows, DIMENSION)}."
        )
    norms = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(norms - 1) < 0.01):  # false for NaN too
        raise EmbedderUnavailable("The model gave unusable vectors.", why="Some are not of unit length.")
    return vectors
