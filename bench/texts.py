"""Posts' texts with a large vocabulary: 30,000 words in each of eight languages, Zipf-distributed.

The simulator's posts are made of a few hundred sentences, so whatever remembers words looks better on
them than on people's. These are the everyday talk of the momentum score's world: no sentence comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.momentum_world import TONGUES, Language

_TOGETHER = 2_000
_HOUR = 12.0


def texts(seed: int = 3) -> Iterator[tuple[str, str]]:
    """Endless (text, language), in the languages' shares."""
    world = [Language(number, tongue, seed, drift=0.3) for number, tongue in enumerate(TONGUES)]
    chance = np.random.default_rng([seed, 7])
    while True:
        made: list[tuple[str, str]] = []
        for language in world:
            people = language.draw_authors(int(_TOGETHER * language.tongue.share))
            words, ends = language.draw_words(people, language.draw_topics(people, _HOUR))
            for drawn in np.split(words, ends[:-1]):
                made.append((language.join([str(word) for word in language.words[drawn]]), language.tongue.code))
        yield from (made[place] for place in chance.permutation(len(made)))
