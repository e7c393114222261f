"""When planted stories happen: a schedule that is a pure function of seed and anchor, without end.

A new story starts every 6 to 10 minutes. Each rises for 10 minutes, stays near its peak for 10 and
fades for 14, so that one of each is on at any time once the first half hour is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from services.solo.simulator.chance import lane, permutation, uniform
from services.solo.simulator.corpus import Phase, Story

_MINUTE_US = 60_000_000
_EVERY_US = 8 * _MINUTE_US
_JITTER_US = 1 * _MINUTE_US
_FIRST_US = 12 * _MINUTE_US
_RISE, _PEAK, _FADE = 10.0, 10.0, 14.0  # minutes
_SHORTEST_GAP = 6.0
_GOLDEN_RATIO = 0.6180339887498949
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.08


class PlantedStory(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one story. It is at ``peak_share`` of all posts around ``peak_us``.

    ``number`` counts stories since the anchor; the same ``key`` returns only after all were told.
    Its posts lie in [onset_us, end_us).
    """

    number: int
    key: str
    label: str
    terms: list[str]
    languages: list[str]
    onset_us: int
    peak_us: int
    end_us: int
    peak_share: float


class Current(NamedTuple):
    """A story at one moment: its number, its share of all posts now, and how far it is told."""

    number: int
    share: float
    phase: Phase


class Schedule:
    """Stories one after another from ``anchor_us`` on, in an order that belongs to the seed."""

    def __init__(self, seed: int, anchor_us: int, stories: Sequence[Story], languages: Sequence[str]) -> None:
        self._stories = stories
        self._languages = languages
        self._anchor_us = anchor_us
        self._order = permutation(lane(seed, "story order"), len(stories))
        self._chance = lane(seed, "story schedule")
        # With few stories each is told faster, so that none ever overlaps its own repetition.
        pace = min(1.0, len(stories) * _SHORTEST_GAP / (_RISE + _PEAK + _FADE))
        self._rise_us = int(_RISE * pace * _MINUTE_US)
        self._peak_us = int(_PEAK * pace * _MINUTE_US)
        self._fade_us = int(_FADE * pace * _MINUTE_US)

    def story(self, number: int) -> Story:
        """The story told as number ``number``."""
        return self._stories[self._order[number % len(self._order)]]

    def planted(self, number: int) -> PlantedStory:
        """The truth about story ``number``."""
        story, onset = self.story(number), self._onset_us(number)
        spread = math.log(_MOST_SHARE / _LEAST_SHARE)
        # A golden-ratio sequence: big and small ones alternate, so that one worth watching is always on.
        size = (uniform(self._chance, 1) + number * _GOLDEN_RATIO) % 1
        return PlantedStory(
            number=number,
            key=story.key,
            label=story.label,
            terms=story.terms,
            languages=[name for name in self._languages if name in story.texts],
            onset_us=onset,
            peak_us=onset + self._rise_us + self._peak_us // 2,
            end_us=onset + self._rise_us + self._peak_us + self._fade_us,
            peak_share=_LEAST_SHARE * math.exp(spread * size),
        )

    def between(self, start_us: int, end_us: int) -> Iterator[PlantedStory]:
        """Stories with posts in [start_us, end_us), by onset."""
        length = self._rise_us + self._peak_us + self._fade_us
        first = (start_us - length - self._anchor_us - _FIRST_US) // _EVERY_US - 1
        last = (end_us - self._anchor_us - _FIRST_US) // _EVERY_US + 1
        for number in range(max(0, first), last + 1):
            story = self.planted(number)
            if story.onset_us < end_us and story.end_us > start_us:
                yield story

    def current(self, time_us: int) -> list[Current]:
        """Stories being told at a moment."""
        return [
            Current(story.number, story.peak_share * self._shape(time_us - story.onset_us), phase)
            for story in self.between(time_us, time_us + 1)
            for phase in (self.phase(story, time_us),)
        ]

    def phase(self, story: PlantedStory, time_us: int) -> Phase:
        """Which of a story's texts are told at a moment."""
        age = time_us - story.onset_us
        if age < self._rise_us * 0.6:
            return "early"
        return "mid" if age < self._rise_us + self._peak_us + self._fade_us * 0.3 else "late"

    def _onset_us(self, number: int) -> int:
        jitter = round((2 * uniform(self._chance, number, 0) - 1) * _JITTER_US)
        return self._anchor_us + _FIRST_US + number * _EVERY_US + jitter

    def _shape(self, age_us: int) -> float:
        """Loudness from 0 to 1: a smooth rise, a gently arched peak, a smooth fade."""
        if age_us < self._rise_us:
            return 0.9 * _smooth(age_us / self._rise_us)
        if age_us < self._rise_us + self._peak_us:
            return 0.9 + 0.1 * math.sin(math.pi * (age_us - self._rise_us) / self._peak_us)
        return 0.9 * _smooth(1 - (age_us - self._rise_us - self._peak_us) / self._fade_us)


def _smooth(part: float) -> float:
    part = min(1.0, max(0.0, part))
    return part * part * (3 - 2 * part)
