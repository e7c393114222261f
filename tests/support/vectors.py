"""Vectors that lie as a multilingual model's do: languages apart, themes within them, posts around themes."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.index import Entry, Filter, language_keys

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
LANGUAGES, SHARES = ("en", "ja", "es", "pt-BR", "fr", "sv"), (0.42, 0.2, 0.15, 0.12, 0.1, 0.01)
THEMES = 40


class Crowd:
    """``count`` posts, one a second, with filters that go with what is said, as people's do."""

    def __init__(self, count: int, seed: int = 1) -> None:
        chance = np.random.default_rng(seed)
        spoken = chance.choice(len(LANGUAGES), size=count, p=SHARES)
        theme = chance.integers(THEMES, size=count)
        tongues = _unit(chance.normal(size=(len(LANGUAGES), DIMENSION)))
        themes = _unit(chance.normal(size=(len(LANGUAGES), THEMES, DIMENSION)))
        noise = _unit(chance.normal(size=(count, DIMENSION)))
        self.vectors = _unit(0.5 * tongues[spoken] + 0.5 * themes[spoken, theme] + 0.45 * noise)
        nostr = chance.random(count) < np.where(theme % 5 == 0, 0.4, 0.02)
        linked = chance.random(count) < np.where(theme % 4 == 0, 0.8, 0.05)
        author = chance.zipf(1.4, size=count) % 1000
        self.entries = [
            Entry(
                UUID(int=(n + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128),
                "nostr" if nostr[n] else "sky",
                BEGIN + timedelta(seconds=n),
                (LANGUAGES[spoken[n]],),
                int(author[n]),
                bool(linked[n]),
            )
            for n in range(count)
        ]

    def first(self, count: int) -> Crowd:
        """The first ``count`` of them."""
        other = copy.copy(self)
        other.entries, other.vectors = self.entries[:count], self.vectors[:count]
        return other

    def queries(self, count: int, seed: int = 2) -> Vectors:
        """Near some of the posts, of all languages."""
        chance = np.random.default_rng(seed)
        picked = self.vectors[chance.integers(len(self.vectors), size=count)]
        return _unit(picked + 0.4 * _unit(chance.normal(size=picked.shape)))

    def passing(self, where: Filter) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Places of the posts that ``where`` lets through."""
        return np.array([place for place, entry in enumerate(self.entries) if _meets(entry, where)], dtype=np.int64)

    def nearest(self, query: Vectors, places: np.ndarray[tuple[int], np.dtype[np.int64]], limit: int) -> list[UUID]:
        """The true answer among the posts at ``places``."""
        order = places[np.argsort(-(self.vectors[places] @ query), kind="stable")[:limit]]
        return [self.entries[place].post for place in order]


def _meets(entry: Entry, where: Filter) -> bool:
    return (
        where.feed in (None, entry.feed)
        and (where.language is None or where.language.lower() in language_keys(entry.languages))
        and where.author in (None, entry.author)
        and where.linked in (None, entry.linked)
        and (where.posts is None or entry.post in where.posts)
        and (where.since is None or entry.time >= where.since)
        and (where.until is None or entry.time < where.until)
    )


def _unit(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
