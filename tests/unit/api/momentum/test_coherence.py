"""What makes a rise news: people who say the same, a word out of its daily round, people not of a campaign."""

from __future__ import annotations

import random

import numpy as np
import pytest

from services.api.momentum.baseline import Baseline
from services.api.momentum.coherence import Coherence
from services.api.momentum.engine import Engine, Observation
from services.api.momentum.packed import hash_of
from services.api.momentum.score import deviation_of, score_terms
from services.api.momentum.view import view_of
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, run, topic_ids


def uses(
    word: str, posts: int, beside: tuple[str, ...] = (), share: float = 1.0, language: str = "en"
) -> list[Observation]:
    """``posts`` posts of one word within twenty minutes from minute 40, each by another; ``share`` of them also
    hold ``beside``."""
    chance = random.Random(word)
    return [
        Observation(
            T0 + 40 * MINUTE + int(chance.random() * 20 * MINUTE),
            f"{word}{number}",
            chance.getrandbits(50),
            (word, *(beside if number < share * posts else ()), *(f"w{chance.getrandbits(40)}" for _ in range(5))),
            chance.getrandbits(62) + 1,
            language,
        )
        for number in range(posts)
    ]


def coherence_of(posts: list[Observation], word: str) -> float:
    engine = Engine(SMALL)
    run(background(1, 61) + posts, engine, until=60)
    number = int(engine.ring.vocabulary.find([word])[0])
    view = view_of(engine.ring, [number])
    return Coherence(SMALL, engine.ring, engine.baseline, view, engine.intake.closed).of(0, word)


def test_coherence_is_the_share_of_people_who_also_use_a_companion() -> None:
    assert coherence_of(uses("quake", 20, beside=("tremor",), share=0.6), "quake") == pytest.approx(0.6)
    assert coherence_of(uses("quake", 20), "quake") == 0.0


def test_an_everyday_word_is_no_companion() -> None:
    # given that word0 is in every other post of the language
    assert coherence_of(uses("quake", 20, beside=("word0",), share=0.5), "quake") == 0.0


def test_an_everyday_word_of_a_small_language_is_no_companion_either() -> None:
    # given a particle that is rare among all posts and in every other one of its own language
    chance = random.Random(5)
    others = [
        Observation(
            T0 + minute * MINUTE + chance.randrange(MINUTE),
            f"th{minute}-{i}",
            chance.getrandbits(50),
            ("naka" if i % 2 else "mana", f"t{chance.getrandbits(30)}"),
            chance.getrandbits(62) + 1,
            "th",
        )
        for minute in range(61)
        for i in range(4)
    ]
    told = uses("fai", 20, beside=("naka",), share=0.5, language="th")
    assert coherence_of(others + told, "fai") == 0.0
    assert coherence_of(others + uses("fai", 20, beside=("wai",), share=0.5, language="th"), "fai") > 0.4


def test_two_pieces_of_one_name_are_no_companions() -> None:
    assert coherence_of(uses("惺捩伃", 20, beside=("惺捩",)), "惺捩伃") == 0.0


def test_a_word_in_fashion_is_no_news_and_a_story_of_as_many_people_is() -> None:
    assert topic_ids(run(background(1, 70) + uses("vibe", 24))) == []
    assert len(topic_ids(run(background(1, 70) + uses("quake", 24, beside=("tremor",))))) == 1


def test_seven_people_tell_a_story_and_five_do_not() -> None:
    for people, topics in ((5, 0), (7, 1)):
        config = SMALL
        ticks = run(
            background(1, 1_560, rate=lambda _: 10.0) + later(uses("quake", people, beside=("tremor",)), 1_500),
            Engine(config),
        )
        assert len(topic_ids(ticks)) == topics


def later(posts: list[Observation], minutes: int) -> list[Observation]:
    return [
        Observation(p.time_us + minutes * MINUTE, p.post, p.author, p.terms, p.fingerprint, p.language) for p in posts
    ]


def test_doubt_grows_with_what_is_expected() -> None:
    # given words used once and thirty times an hour among 6,000 posts
    base = Baseline(SMALL)
    names = np.array([hash_of("rare"), hash_of("common")], dtype=np.uint64)
    for minute in range(0, 1_440, 10):
        base.absorb(minute, names, np.array([1, 30]) if minute % 60 == 0 else np.array([0, 0]), 1_000)
        base.minutes += 10
    totals = (1_000, 3_000, 6_000)
    scores = score_terms(SMALL, base, 1_500, names, np.array([[0, 0], [0, 0], [10, 90]]), totals)
    usual = scores.usual * totals[-1]
    assert (scores.variance >= SMALL.clustering * usual + (SMALL.drift * usual) ** 2).all()
    # then ten of a rare word say more than three times the usual of a common one
    assert scores.deviation[0] > scores.deviation[1]


def test_in_a_larger_stream_a_small_circle_says_less() -> None:
    count, none = np.array([8.0]), np.zeros(1)
    quiet = deviation_of(SMALL, count, none, none, SMALL.floor_posts // 2)
    assert quiet == deviation_of(SMALL, count, none, none, SMALL.floor_posts) == 8.0 / SMALL.deviation_floor
    assert deviation_of(SMALL, count, none, none, 4 * SMALL.floor_posts) == pytest.approx(quiet / 2)
