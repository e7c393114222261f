"""Small seeded streams with planted stories, for the momentum tests. Minute 0 is ``T0``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from services.api.momentum.config import MomentumConfig
from services.api.momentum.engine import Engine, Observation, Tick

MINUTE = 60_000_000
T0 = 1_790_000_000 // 86_400 * 86_400 * 1_000_000

#: Small tables: the streams here hold a few thousand words.
SMALL = MomentumConfig(sketch_bits=14, profile_bits=12, pair_bits=18, copy_bits=14)


def _steady(minute: int) -> float:
    return 100.0


@lru_cache(maxsize=8)
def background(
    seed: int,
    minutes: int,
    rate: Callable[[int], float] = _steady,
    words: tuple[str, ...] = (),
    start: int = 0,
) -> list[Observation]:
    """Posts of six words each, Zipf-distributed over words and authors, at ``rate(minute)`` a minute.

    The list is shared between tests: do not change it."""
    chance = random.Random(seed)
    vocabulary = words or [f"word{i}" for i in range(1500)]
    weights = [1.0 / (i + 8) for i in range(len(vocabulary))]
    return [
        Observation(
            time_us=T0 + minute * MINUTE + chance.randrange(MINUTE),
            post=f"b{minute}-{number}",
            author=int(chance.paretovariate(1.1) * 1000) % 20_000,
            terms=tuple(dict.fromkeys(chance.choices(vocabulary, weights, k=6))),
            fingerprint=chance.getrandbits(62) + 1,
            language="en",
        )
        for minute in range(start, start + minutes)
        for number in range(round(rate(minute)))
    ]


def story(
    name: str,
    words: Sequence[str],
    onset: int,
    minutes: int = 30,
    peak: float = 10.0,
    language: str = "en",
    authors: Sequence[int] = (),
    prints: Sequence[int] = (),
) -> list[Observation]:
    """A planted story: rises for two fifths of its ``minutes`` to ``peak`` posts a minute, then fades.

    Each post holds up to four of ``words`` and a background word. ``authors`` and ``prints`` restrict
    who writes and which texts there are; otherwise every post has its own.
    """
    chance = random.Random(name)
    posts = []
    for minute in range(minutes):
        part = minute / minutes
        rate = peak * min(part / 0.4, (1 - part) / 0.6, 1.0)
        posts += [
            Observation(
                time_us=T0 + (onset + minute) * MINUTE + chance.randrange(MINUTE),
                post=f"{name}{minute}-{number}",
                author=chance.choice(authors) if authors else chance.getrandbits(50),
                terms=(*chance.sample(list(words), min(4, len(words))), f"word{chance.randrange(1500)}"),
                fingerprint=chance.choice(prints) if prints else chance.getrandbits(62) + 1,
                language=language,
            )
            for number in range(int(rate + chance.random()))
        ]
    return posts


def by_minute(posts: Iterable[Observation]) -> dict[int, list[Observation]]:
    held: dict[int, list[Observation]] = {}
    for post in sorted(posts, key=lambda o: (o.time_us, o.post)):
        held.setdefault((post.time_us - T0) // MINUTE, []).append(post)
    return held


def run(posts: Iterable[Observation], engine: Engine | None = None, until: int | None = None) -> list[Tick]:
    """Feed minute by minute and close everything up to minute ``until`` (default: all)."""
    engine = engine or Engine(SMALL)
    ticks: list[Tick] = []
    minutes = by_minute(posts)
    for minute, batch in minutes.items():
        engine.observe(batch)
        ticks += engine.advance(T0 + (minute + 1) * MINUTE)
    last = max(minutes) + 1 if until is None else until
    return ticks + engine.advance(T0 + last * MINUTE + engine.config.lateness_us)


def detected(ticks: Iterable[Tick]) -> list[tuple[int, str]]:
    """(minute, label) of every detection."""
    return [((d.time_us - T0) // MINUTE, d.topic) for tick in ticks for d in tick.detections]


def topic_ids(ticks: Iterable[Tick]) -> list[str]:
    """Distinct topics in order of birth."""
    return list(dict.fromkeys(topic.id for tick in ticks for topic in tick.topics))
