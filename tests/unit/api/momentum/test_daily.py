"""What is said with a daily thing in its hour is a part of it; a language waking up explains nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from services.api.momentum.cluster import Group
from services.api.momentum.daily import Daily
from services.api.momentum.engine import Engine, Observation
from services.api.momentum.evidence import match
from services.api.momentum.view import view_of
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, run


def posts_of(name: str, terms: tuple[str, ...], count: int, language: str = "en") -> list[Observation]:
    chance = random.Random(name)
    return [
        Observation(
            T0 + 30 * MINUTE + chance.randrange(20 * MINUTE),
            f"{name}{i}",
            chance.getrandbits(50),
            terms,
            i + 1,
            language,
        )
        for i in range(count)
    ]


def explained(posts: list[Observation], daily: tuple[str, ...], lift: float = 6.0, by_day: float = 1.0) -> bool:
    """Whether the daily things explain "guest", expected ``lift`` times above their average, in a language that is
    ``1 / by_day`` times as loud as by day."""
    engine = Engine(SMALL)
    run([*background(1, 61), *posts], engine, until=60)
    names = ("guest", *daily)
    view = view_of(engine.ring, engine.ring.vocabulary.find(names).tolist())
    evidence = match(view, [Group(None, [0])], set(), engine.intake.closed)[0]
    spoken = np.bincount(view.languages, minlength=256).astype(float)
    spoken[view.languages[evidence.rows][0]] *= by_day
    things = view_of(engine.ring, engine.ring.vocabulary.find(daily).tolist())
    return Daily.among(things, np.full(len(daily), lift), spoken).explains(SMALL, view, evidence)


@pytest.mark.parametrize(("with_show", "is_part"), [(6, True), (4, False)])
def test_a_guest_is_a_part_of_the_show_when_most_posts_name_it(with_show: int, is_part: bool) -> None:
    told = posts_of("g", ("guest", "show"), with_show) + posts_of("h", ("guest", "else"), 10 - with_show)
    assert explained(told, ("show",)) is is_part


def test_many_everyday_words_together_are_not_one_daily_thing() -> None:
    told = [p for i in range(10) for p in posts_of(f"g{i}", ("guest", f"daily{i % 5}"), 1)]
    assert not explained(told, tuple(f"daily{i}" for i in range(5)))


def test_an_everyday_word_of_a_language_that_wakes_up_explains_nothing() -> None:
    told = posts_of("g", ("guest", "wa"), 8, "ja")
    assert explained(told, ("wa",), lift=4.0)
    assert not explained(told, ("wa",), lift=4.0, by_day=0.5)
    assert explained(told, ("wa",), lift=8.0, by_day=0.5)
