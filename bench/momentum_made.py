"""A made stream of any rate and length, quick to make: words by Zipf's law that come and go, a story an hour.

It has no planted truth; see ``momentum_stream`` for one that has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench.momentum_plant import MINUTE_US
from bench.momentum_stream import START_US
from services.api.momentum.engine import Observation

#: (minute since the start, its posts, ids deleted in it).
Minute = tuple[int, list[Observation], list[str]]

_WORDS = 400_000
#: Words below this rank stay, each of the others gives way to a new one every six hours.
_LASTING, _TURN = 20_000, 360
_LENGTHS = (3, 15)
_AUTHORS = 2_000_000
_STORY = 0.004
_DELETED, _DELETED_AFTER = 0.01, 7
_LANGUAGES = ("en", "pt", "ja", "de", "es", "")


def made(rate: int, posts: int, at_once: int | None = None) -> Iterator[Minute]:
    """At least ``posts`` posts, ``rate`` a second, a minute at once or at most ``at_once``. Every string is an
    object of its own, as in a real feed."""
    chance = np.random.default_rng(rate)
    number, minute = 0, 0
    doomed: dict[int, list[str]] = {}
    while number < posts:
        left = rate * 60
        while left:
            batch = _batch(chance, minute, number, min(left, at_once or left))
            number, left = number + len(batch), left - len(batch)
            gone = np.flatnonzero(chance.random(len(batch)) < _DELETED).tolist()
            doomed.setdefault(minute + _DELETED_AFTER, []).extend([batch[at].post for at in gone])
            yield minute, batch, doomed.pop(minute, [])
        minute += 1


def _batch(chance: np.random.Generator, minute: int, first: int, posts: int) -> list[Observation]:
    times = np.sort(chance.integers(0, MINUTE_US, posts)) + (START_US + minute * MINUTE_US)
    authors = (chance.pareto(1.1, posts) * 1000).astype(np.int64) % _AUTHORS * 2_654_435_761
    prints = chance.integers(1, 1 << 62, posts)
    spoken = chance.integers(0, len(_LANGUAGES), posts).tolist()
    lengths = chance.integers(*_LENGTHS, posts)
    words = np.searchsorted(_zipf(), chance.random(int(lengths.sum()), dtype=np.float32))
    turns = np.where(words < _LASTING, 0, (minute + words) // _TURN)
    names = [f"w{word:x}n{turn:x}" for word, turn in zip(words.tolist(), turns.tolist(), strict=True)]
    rising = _STORY * (minute % 60) / 60
    told = (chance.random(posts) < rising).tolist()
    ends = np.cumsum(lengths).tolist()
    made, begin = [], 0
    rows = zip(times.tolist(), authors.tolist(), prints.tolist(), spoken, told, ends, strict=True)
    for at, (time_us, author, text, language, story, end) in enumerate(rows, first):
        terms = dict.fromkeys(names[begin:end])
        begin = end
        if story:
            terms |= dict.fromkeys([f"story{minute // 60}{part}" for part in "abc"])
        post = f"did:plc:{author:024d}/{at:013d}"
        made.append(Observation(time_us, post, author, tuple(terms), text, _LANGUAGES[language]))
    return made


@cache
def _zipf() -> NDArray[np.float32]:
    """Cumulative shares of the words, most frequent first."""
    shares = np.cumsum(1.0 / (np.arange(_WORDS) + 8.0))
    return np.asarray(shares / shares[-1], dtype=np.float32)
