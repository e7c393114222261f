"""A made-up world for the momentum score: languages, their words, who writes and what about.

Nothing here knows of events; it is the everyday talk that a detector must not mistake for news. Words
are Zipf-Mandelbrot distributed, topics swell and shrink over hours (a mean-reverting walk of their
log popularity) and by time of day, a few authors write most, and each has words of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CONSONANTS, _VOWELS = "b c d f g h j k l m n p r s t v w z br st tr pl ch sh", "a e i o u ai ea ou"
_LATIN = (_CONSONANTS.split(), _VOWELS.split())
_CYRILLIC = (list("бвгдзклмнпрст"), list("аеиоуыя"))
_ARABIC = (list("بتجحدرسشعفقكلمنه"), list("اوي"))
_THAI = (list("กขคงจชดตทนบปพมยรลวส"), ["า", "ี", "ู", "ิน", "าน", "อง"])
_HANGUL = ([chr(0xAC00 + 588 * i) for i in range(19)], [""])
_KANJI = ([chr(0x4E00 + 7 * i) for i in range(900)], [""])


@dataclass(frozen=True)
class Tongue:
    """A language: its code, share of posts, busiest hour (UTC), letters, syllables of a word."""

    code: str
    share: float
    busiest: float
    letters: tuple[list[str], list[str]]
    syllables: tuple[int, int] = (2, 4)


TONGUES = (
    Tongue("en", 0.46, 1.0, _LATIN),
    Tongue("ja", 0.20, 13.0, _KANJI, syllables=(2, 3)),
    Tongue("pt", 0.11, 23.5, _LATIN),
    Tongue("es", 0.08, 22.0, _LATIN),
    Tongue("ar", 0.06, 19.0, _ARABIC),
    Tongue("ru", 0.05, 17.0, _CYRILLIC),
    Tongue("th", 0.025, 14.0, _THAI),
    Tongue("ko", 0.015, 13.5, _HANGUL, syllables=(2, 4)),
)

_PARTICLES = "のはがをにでもと"
WORDS = 30_000
TOPICS = 300
TOPIC_WORDS = 40
AUTHORS = 120_000
_MANDELBROT = 12.0
_ZIPF = 1.07


class Language:
    """The words, topics and people of one tongue, drawn from ``seed``."""

    def __init__(self, number: int, tongue: Tongue, seed: int, drift: float) -> None:
        self.tongue, self.drift = tongue, drift
        self.chance = np.random.default_rng([seed, 101, number])
        self.words = np.array(_spell(tongue, WORDS, self.chance), dtype=object)
        weights = 1.0 / (np.arange(WORDS) + _MANDELBROT) ** _ZIPF
        self.frequency: Floats = np.cumsum(weights / weights.sum())
        # A topic's words are of middling frequency; its first ones are used most.
        self.topics: Ints = self.chance.integers(60, 12_000, (TOPICS, TOPIC_WORDS))
        self.tags = [f"#{self.words[row[0]]}{self.words[row[1]]}" for row in self.topics]
        self.popularity: Floats = 1.0 / (np.arange(TOPICS) + 15.0)
        self.hours: Floats = self.chance.uniform(0, 24, TOPICS)
        self.mood: Floats = np.zeros(TOPICS)
        people = int(AUTHORS * tongue.share)
        loud = 1.0 / (np.arange(people) + 60.0) ** 1.05
        self.loudness: Floats = np.cumsum(loud / loud.sum())
        self.first = number * AUTHORS
        self.habits: Ints = self.chance.integers(0, TOPICS, (people, 3))

    def turn(self) -> None:
        """An hour passes: topics drift."""
        self.mood = 0.85 * self.mood + self.drift * self.chance.standard_normal(TOPICS)

    def rhythm(self, hour: float) -> float:
        """Factor on this tongue's posts at an hour of the day; mean about 1."""
        angle = 2 * np.pi * (hour - self.tongue.busiest) / 24
        return float(1 + 0.6 * np.cos(angle) + 0.12 * np.cos(2 * angle))

    def draw_authors(self, count: int) -> Ints:
        """Authors by loudness, as places among the people of this tongue."""
        return np.minimum(np.searchsorted(self.loudness, self.chance.random(count)), len(self.habits) - 1)

    def draw_topics(self, people: Ints, hour: float) -> Ints:
        """What each writes about: mostly a habit, else what is popular at this hour."""
        daily = 1 + 0.5 * np.cos(2 * np.pi * (hour - self.hours) / 24)
        weights = np.cumsum(self.popularity * daily * np.exp(self.mood))
        popular = np.searchsorted(weights, self.chance.random(len(people)) * weights[-1])
        habit = self.habits[people, self.chance.integers(0, 3, len(people))]
        return np.where(self.chance.random(len(people)) < 0.5, habit, np.minimum(popular, TOPICS - 1))

    def draw_words(self, people: Ints, topics: Ints) -> tuple[Ints, Ints]:
        """Word numbers of all posts one after the other, and where each post's end."""
        lengths = np.clip(self.chance.lognormal(2.1, 0.5, len(people)), 2, 24).astype(np.int64)
        owner = np.repeat(np.arange(len(people)), lengths)
        coin = self.chance.random(len(owner))
        place = self.chance.random(len(owner))
        general = np.minimum(np.searchsorted(self.frequency, place), WORDS - 1)
        topical = self.topics[topics[owner], (TOPIC_WORDS * place**2).astype(np.int64)]
        own = (people[owner] * 7_919 + (6 * place).astype(np.int64) * 104_729) % 20_000 + 500
        words = np.where(coin < 0.66, general, np.where(coin < 0.95, topical, own))
        return words, np.cumsum(lengths)

    def join(self, words: list[str]) -> str:
        """A text of these words, as the tongue writes them: Japanese ties words with particles, not spaces."""
        if self.tongue.code != "ja":
            return " ".join(words)
        return "".join(word + _PARTICLES[len(word) * 31 % 7 + place % 3 - 3] for place, word in enumerate(words))

    def filler(self, count: int) -> list[str]:
        """Everyday words, for planted posts."""
        drawn = np.minimum(np.searchsorted(self.frequency, self.chance.random(count)), WORDS - 1)
        return [str(word) for word in self.words[drawn]]

    def fresh(self, count: int) -> list[str]:
        """Names that nobody used before, longer than any word there is."""
        heads, tails = self.tongue.letters
        length = 3 if self.tongue.code == "ja" else 5
        names = []
        for _ in range(count):
            parts = self.chance.integers(0, len(heads), length), self.chance.integers(0, len(tails), length)
            names.append("".join(heads[a] + tails[b] for a, b in zip(*parts, strict=True)))
        return names

    def known(self, count: int) -> list[str]:
        """Words of middling frequency, as news are told in."""
        return [str(word) for word in self.words[self.chance.integers(150, 6_000, count)]]


def _spell(tongue: Tongue, count: int, chance: np.random.Generator) -> list[str]:
    heads, tails = tongue.letters
    words: dict[str, None] = {}
    while len(words) < count:
        length = int(chance.integers(tongue.syllables[0], tongue.syllables[1] + 1))
        parts = chance.integers(0, len(heads), length), chance.integers(0, len(tails), length)
        word = "".join(heads[a] + tails[b] for a, b in zip(*parts, strict=True))
        if len(word) >= (2 if tongue.code in ("ja", "ko") else 3):
            words[word] = None
    return list(words)
