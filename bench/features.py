"""Posts through terms and fingerprint, and through all of ``detect``'s parse, against the plain way.

    python -m bench.features

The texts are the simulator's in its shares of languages, and the recording's lines are made of them.
The peer splits at spaces and counts with ``Counter``: it cannot tell a word from a link, knows no
script without spaces, and is the least that anybody could do.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from services.cli.recorded import readings
from services.relay.frames import Frame
from services.solo.simulator import corpus
from services.solo.simulator.population import LANGUAGE_SHARES
from shared.features.post import features_of
from tests.support import wire

POSTS, ROUNDS = 20_000, 5


def main() -> None:
    """Print posts per CPU-second of each, best of some rounds that take turns, and their ratios."""
    chance = random.Random(11)
    languages = chance.choices(list(LANGUAGE_SHARES), list(LANGUAGE_SHARES.values()), k=POSTS)
    texts = _texts(chance, languages)
    lines = [wire.encode(wire.post(n % 5_000, f"3k{n:09d}", wire.T0 + n * 3_000, text)) for n, text in enumerate(texts)]
    print(f"{POSTS} posts, {sum(map(len, texts)) / POSTS:.0f} characters each on average")
    rates = _measure(
        {
            "split and count (peer)": lambda: _peer(texts),
            "terms and fingerprint": lambda: [features_of(text) for text in texts],
            "detect's parse, all of it": lambda: _parse(lines),
        }
    )
    for name, rate in rates.items():
        print(f"{name:28} {rate:9,.0f} posts per CPU-second")
    peer, features, parse = rates.values()
    print(f"ratio {features / peer:.2f} of the peer; decoding leaves {parse / features:.2f} of that")
    _by_language(chance)


def _by_language(chance: random.Random) -> None:
    for language in LANGUAGE_SHARES:
        texts = _texts(chance, [language] * 4_000)
        (rate,) = _measure({language: lambda texts=texts: [features_of(text) for text in texts]}).values()
        print(f"  {language}: {len(texts) * rate / POSTS:9,.0f} posts per CPU-second")


def _texts(chance: random.Random, languages: Sequence[str]) -> list[str]:
    tongues = corpus.load().tongues
    pools = {name: [text for texts in tongue.topics.values() for text in texts] for name, tongue in tongues.items()}
    return [
        re.sub(r"\{(\w+)\}", lambda m: chance.choice(tongues[name].slots[m[1]]), chance.choice(pools[name]))  # noqa: B023
        for name in languages
    ]


def _measure(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - began)
    return {name: POSTS / seconds for name, seconds in best.items()}


def _peer(texts: Sequence[str]) -> list[Counter[str]]:
    return [Counter(text.split()) for text in texts]


def _parse(lines: Sequence[bytes]) -> None:
    for _ in readings(Frame(line, len(line)) for line in lines):
        pass


if __name__ == "__main__":
    main()
