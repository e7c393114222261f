"""Posts with texts and vectors, as many as wanted, for the benches and tests of search.

A few thousand different texts of the simulator are embedded by the real model. Each made post has one of
the texts, and as its vector that text's, moved part of the way to one of its nearest neighbours of the
same language, plus noise of about the size that separates paraphrases. So near things lie as near and
languages as far apart as the model puts them, but a million posts have fewer themes than people's have:
neighbourhoods are denser, which makes exact ranks harder to keep, not easier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import numpy as np

from services.solo.simulator.options import SimulatorOptions
from shared.embedding.embedder import Embedder
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.index import Entry

#: 1 June 2026, noon.
BEGIN_US = 1_780_315_200_000_000
NEIGHBOURS = 8
#: Length of the noise beside a unit vector.
NOISE = 0.25
#: Authors write more the lower their number (Zipf). Links and feeds go with what is said: some texts
#: are linked and some are of the smaller feeds more often than others.
AUTHORS, AUTHOR_SKEW = 20_000, 1.3
FEEDS = ("sky", "nostr", "sealed")

_POST = "app.bsky.feed.post"


class Seeds(msgspec.Struct, frozen=True):
    """Different texts, the language of each, and their vectors: float32 (len(texts), DIMENSION)."""

    texts: list[str]
    languages: list[str]
    vectors: Vectors


class Made(msgspec.Struct, frozen=True):
    """Made posts: ``seeds`` says which text each has. ``vectors`` is float32 (len(entries), DIMENSION)."""

    entries: list[Entry]
    seeds: list[int]
    vectors: Vectors


def simulated_texts(count: int, seed: int = 11) -> list[tuple[str, str]]:
    """``count`` different (text, language) of the simulator's posts."""
    stream = SimulatorOptions(rate=50, seed=seed, anchor_us=BEGIN_US).stream(BEGIN_US)
    found: dict[str, str] = {}
    second = 0
    while len(found) < count:
        for event in stream.events(second):
            if event.collection == _POST:
                record = msgspec.json.decode(event.frame)["commit"].get("record") or {}
                if record.get("text"):
                    found.setdefault(record["text"], (record.get("langs") or ["en"])[0])
        second += 1
    return list(found.items())[:count]


def embed(embedder: Embedder, texts: Sequence[tuple[str, str]]) -> Seeds:
    """The vectors of ``texts`` as passages."""
    words = [text for text, _language in texts]
    return Seeds(words, [language for _text, language in texts], embedder.embed(words, "passage"))


class World:
    """Endless posts from ``begin`` on, one every ``apart``; the same for the same ``seed``."""

    def __init__(self, seeds: Seeds, begin: datetime, apart: timedelta, seed: int = 5) -> None:
        self._seeds, self._begin, self._apart, self._seed = seeds, begin, apart, seed
        self._neighbours = _neighbours(seeds)

    def posts(self, start: int, count: int) -> Made:
        """Posts ``start`` to ``start + count``, whatever was asked for before."""
        chance = np.random.default_rng([self._seed, start % 2**32, start // 2**32])
        picked = chance.integers(len(self._seeds.texts), size=count)
        others = self._neighbours[picked, chance.integers(self._neighbours.shape[1], size=count)]
        share = chance.uniform(0, 0.5, size=(count, 1)).astype(np.float32)
        vectors = self._seeds.vectors[picked] * (1 - share) + self._seeds.vectors[others] * share
        vectors += chance.normal(0, NOISE / np.sqrt(DIMENSION), size=vectors.shape).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        authors = chance.zipf(AUTHOR_SKEW, size=count) % AUTHORS
        drawn = chance.random(count)
        feeds = np.where(drawn < np.where(picked % 7 == 0, 0.5, 0.03), 1, np.where(drawn > 0.99, 2, 0))
        linked = chance.random(count) < np.where(picked % 5 == 0, 0.8, 0.05)
        entries = [
            Entry(
                _id(start + place),
                FEEDS[feeds[place]],
                self._begin + (start + place) % 2**31 * self._apart,
                (self._seeds.languages[picked[place]],),
                int(authors[place]),
                bool(linked[place]),
            )
            for place in range(count)
        ]
        return Made(entries, picked.tolist(), vectors)

    def batches(self, start: int, end: int, size: int = 5_000) -> Iterator[Made]:
        """Posts ``start`` to ``end``, ``size`` at a time."""
        for place in range(start, end, size):
            yield self.posts(place, min(size, end - place))


def _neighbours(seeds: Seeds) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Of each seed the nearest of its language, itself where it has none."""
    found = np.repeat(np.arange(len(seeds.texts))[:, None], NEIGHBOURS, axis=1)
    for language in set(seeds.languages):
        own = np.array([place for place, spoken in enumerate(seeds.languages) if spoken == language])
        order = np.argsort(-(seeds.vectors[own] @ seeds.vectors[own].T), axis=1)[:, 1 : NEIGHBOURS + 1]
        if order.shape[1]:
            found[own] = own[order[:, np.arange(NEIGHBOURS) % order.shape[1]]]
    return found


def _id(number: int) -> UUID:
    return UUID(bytes=hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest())
