"""A crowd or a campaign: many people in their own words, or one text with its parts exchanged."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from services.api.momentum import gate
from services.api.momentum.engine import Engine, Observation
from services.api.momentum.gate import likeness
from shared.features.fingerprint import fingerprint_of
from shared.features.terms import terms_of
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, run, topic_ids

PAGE = "https://win.example/prize"


def written(text: Callable[[random.Random], str], posts: int = 90, links: tuple[str, ...] = ()) -> list[Observation]:
    """``posts`` posts within twenty minutes from minute 40 on, each by another account."""
    chance = random.Random("crowd")
    made = []
    for number in range(posts):
        words = text(chance)
        made.append(
            Observation(
                T0 + 40 * MINUTE + int(chance.random() * 20 * MINUTE),
                f"w{number}",
                chance.getrandbits(50),
                tuple(terms_of(words, (), links)),
                fingerprint_of(words),
                "en",
            )
        )
    return made


def _other(chance: random.Random, count: int) -> list[str]:
    return ["".join(chance.choices("abcdefgh", k=7)) for _ in range(count)]


def own_words(chance: random.Random) -> str:
    told = [word for word in ("volcano", "ashfall", "harbour", "evacuated") if chance.random() < 0.6]
    return " ".join([*(told or ["volcano"]), *_other(chance, 7)])


def exchanged(chance: random.Random) -> str:
    slots = ("amazing", "wallet", "friday", "winner", "quickly")
    parts = [f"{slot}{chance.choice('abcdef')}" for slot in slots]
    return " ".join(
        ["airdrop", parts[0], "claim", parts[1], "bonus", parts[2], "tokens", "portal", *parts[3:], "unlock"]
    )


def rewritten(chance: random.Random) -> str:
    points = [w for w in ("airdrop", "claim", "bonus", "tokens", "portal", "unlock") if chance.random() < 0.8]
    words = [*points, *_other(chance, 4)]
    chance.shuffle(words)
    return " ".join(words)


def test_many_people_in_their_own_words_are_a_topic() -> None:
    assert len(topic_ids(run(background(1, 70) + written(own_words)))) == 1


@pytest.mark.parametrize(
    ("text", "links"), [(exchanged, ()), (exchanged, (PAGE,)), (rewritten, (PAGE,))], ids=["parts", "parts+page", "ai"]
)
def test_a_campaign_of_many_accounts_is_no_topic(text: Callable[[random.Random], str], links: tuple[str, ...]) -> None:
    assert topic_ids(run(background(1, 70) + written(text, links=links))) == []


def test_likeness_is_the_part_of_a_post_that_another_shares() -> None:
    posts = [np.array(terms, dtype=np.int32) for terms in ([1, 2, 3, 4], [1, 2, 5, 6], [1, 2, 7, 8])]
    assert likeness(posts) == pytest.approx(0.5)
    assert likeness([posts[0], posts[0]]) == 1.0


@pytest.mark.parametrize(
    ("told", "links", "term"),
    [
        ("volcano ashfall", (), "volcano"),
        ("#volcano", (), "#volcano"),
        ("$ashx", (), "$ashx"),
        ("", ("https://news.example/volcano",), "news.example/volcano"),
        ("火山噴火", (), "火山"),
    ],
    ids=["words", "tag", "cashtag", "link", "japanese"],
)
def test_each_kind_of_term_is_followed(told: str, links: tuple[str, ...], term: str) -> None:
    def text(chance: random.Random) -> str:
        return " ".join([told, *_other(chance, 6)])

    topics = [topic for tick in run(background(1, 70) + written(text, links=links)) for topic in tick.topics]
    assert topics
    assert any(term in held for topic in topics for held in topic.terms)


def test_a_headline_that_many_pass_on_makes_no_campaign_of_a_story() -> None:
    # given that four in ten pass on the headline, with a word or two before it
    headline = "volcano ashfall closes harbour as thousands leave northern villages"

    def text(chance: random.Random) -> str:
        told = chance.random() < 0.4
        return " ".join([*_other(chance, chance.randint(0, 2)), headline]) if told else own_words(chance)

    assert len(topic_ids(run(background(1, 70) + written(text, links=(PAGE,))))) == 1


def test_a_headline_that_nearly_all_pass_on_is_no_crowd() -> None:
    headline = "volcano ashfall closes harbour as thousands leave northern villages"

    def text(chance: random.Random) -> str:
        return (
            " ".join([*_other(chance, chance.randint(1, 2)), headline]) if chance.random() < 0.9 else own_words(chance)
        )

    assert topic_ids(run(background(1, 70) + written(text, links=(PAGE,)))) == []


@pytest.mark.parametrize(("remembered", "topics"), [(20_000, 0), (0, 1)], ids=["remembered", "forgotten"])
def test_the_people_of_a_campaign_are_no_crowd_within_the_hour(remembered: int, topics: int) -> None:
    # given accounts that ran a campaign and then write about one thing in their own words
    accounts = list(range(40))
    campaign = _by(accounts, written(exchanged, posts=120, links=(PAGE,)))
    afterwards = _later(_by(accounts, written(own_words, posts=60)), 30)
    again = [msgspec.structs.replace(post, post=f"again{post.post}") for post in afterwards]
    config = msgspec.structs.replace(SMALL, suspects=remembered)
    assert len(topic_ids(run(background(1, 100) + campaign + again, Engine(config)))) == topics


def _by(accounts: list[int], posts: list[Observation]) -> list[Observation]:
    return [msgspec.structs.replace(post, author=accounts[i % len(accounts)]) for i, post in enumerate(posts)]


def _later(posts: list[Observation], minutes: int) -> list[Observation]:
    return [msgspec.structs.replace(p, time_us=p.time_us + minutes * MINUTE) for p in posts]


def test_a_large_crowd_of_few_phrasings_is_a_crowd() -> None:
    # given a story so loud that everybody's words are close to somebody's
    phrasings = [["volcano", "ashfall", *_other(random.Random(f"phrase {n}"), 8)] for n in range(6)]

    def text(chance: random.Random) -> str:
        return " ".join([*chance.choice(phrasings), *_other(chance, 3)])

    posts = [terms_of(text(chance), (), ()) for chance in map(random.Random, range(60))]
    numbers: dict[str, int] = {}
    held = [np.array([numbers.setdefault(t, len(numbers)) for t in terms], dtype=np.int32) for terms in posts]
    assert len(gate.own_words(held, SMALL.quote_likeness)) < SMALL.min_text_share * len(held)
    assert len(topic_ids(run(background(1, 70) + written(text, posts=120)))) == 1
