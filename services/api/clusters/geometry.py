"""Vectors made comparable: without what all posts share, and without what all posts of a language share.

Vectors of a language model lie in a narrow cone, so that every cosine is high (Mu & Viswanath, "All-but-the-top",
2018): the mean is taken away. Those of a multilingual model keep a part that only tells the language; taking away each
language's own mean makes the same subject meet across languages (Libovický, Rosa & Fraser, "On the Language Neutrality
of Pre-trained Multilingual Representations", 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.schemas.vector import DIMENSION, Vectors

#: A language's mean counts as much as the mean of all when it has so many posts.
_PRIOR = 50.0
#: Of more languages the rarest share the mean of all.
_MOST_LANGUAGES = 24
#: Share of a refresh in the running means, so that the space does not shake from one to the next.
_NEWS = 0.25
#: Key of the mean of all posts.
_ALL = "*"

Weights = NDArray[np.float32]


class Means:
    """Running means, by language and of all. ``kept`` is what a later process begins with."""

    def __init__(self, kept: dict[str, bytes] | None = None) -> None:
        self._means: dict[str, Vectors] = {
            language: np.frombuffer(raw, dtype=np.float16).astype(np.float32)
            for language, raw in (kept or {}).items()
            if len(raw) == 2 * DIMENSION
        }

    def kept(self) -> dict[str, bytes]:
        """The means as bytes."""
        return {language: mean.astype(np.float16).tobytes() for language, mean in self._means.items()}

    def centre(self, vectors: Vectors, languages: Sequence[str], weights: Weights) -> Vectors:
        """Unit vectors, float32 (n, DIMENSION), with their language's mean taken away; the means learn from them."""
        if not len(vectors):
            return vectors
        codes = np.asarray(languages)
        self._learn(_ALL, _mean(vectors, weights))
        names, counts = np.unique(codes, return_counts=True)
        own = set(names[np.argsort(-counts, kind="stable")][:_MOST_LANGUAGES].tolist()) - {""}
        moved = vectors - self._means[_ALL]
        for language in own:
            rows = np.flatnonzero(codes == language)
            shift = _mean(moved[rows], weights[rows]) * (len(rows) / (len(rows) + _PRIOR))
            self._learn(language, shift)
            moved[rows] -= self._means[language]
        for language in set(self._means) - own - {_ALL}:
            del self._means[language]
        return unit(moved)

    def _learn(self, language: str, mean: Vectors) -> None:
        known = self._means.get(language)
        self._means[language] = mean if known is None else (1 - _NEWS) * known + _NEWS * mean


def unit(vectors: Vectors) -> Vectors:
    """Rows of length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Vectors = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32, copy=False)
    return found


def weights_of(authors: NDArray[np.int64], prints: NDArray[np.int64]) -> Weights:
    """One over how many of the posts a post's author has, or its text has, whichever is more.

    So whoever posts a hundred times counts as one, and so does a text that a hundred accounts post.
    """
    most = np.maximum(_counts(authors), _counts(prints))
    return (1.0 / most).astype(np.float32)


def _counts(values: NDArray[np.int64]) -> NDArray[np.int64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[places]
    return found


def _mean(vectors: Vectors, weights: Weights) -> Vectors:
    found: Vectors = (weights @ vectors / max(float(weights.sum()), 1e-9)).astype(np.float32)
    return found
