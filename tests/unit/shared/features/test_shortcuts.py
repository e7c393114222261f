"""What is done for speed changes nothing: terms and fingerprints are those of their plain definitions."""

from __future__ import annotations

import random
import re
from hashlib import blake2b
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.solo.simulator import corpus
from shared.features import fingerprint, phrases, terms
from shared.features.fingerprint import fingerprint_of
from shared.features.plain import plain_words
from shared.features.post import Said, features_of, features_of_each
from shared.features.terms import MAX_LENGTH, compose, terms_of

_ADDRESS = r"https?://\S+|www\.\S+|@[\w.\-]+|(?<![a-z0-9.-])(?:[a-z0-9-]++\.)+[a-z]{2,}/\S*"
_WORD = re.compile(
    _ADDRESS + r"|[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff]"
    r"|[a-z]+|[^\W\u3041-\u30ff\u3400-\u9fff\u0e00-\u0effa-z]+"
)
_NAME = re.compile(rf"(?<![\w#@$/.])[{phrases._UPPER}]\w{{1,30}}+(?: [{phrases._UPPER}]\w{{1,30}}+)+")

_ASCII = [
    "a",
    "B",
    "1",
    "42",
    "_",
    "'",
    ".",
    "-",
    "/",
    "@",
    "#",
    "$",
    "www.",
    "http://",
    "https://a.b/",
    "news.example",
    "x.example/p",
    "don't",
    "soooo",
    "#tag",
    "$abc",
    "$5",
    "#a_b",
    "dog's",
    "dog's's",
    "and/or",
    "the",
    " @name.example, ",
    " https://a.example/b\x1c ",
    "b" * MAX_LENGTH,
    "#" + "c" * MAX_LENGTH,
]
_OTHER = (
    "é",
    "Ö",
    "ß",
    "İ",
    "’",
    "東京",
    "で",
    "カレー",
    "ヶ",
    "ความ",
    "ำ",
    "서울은",
    "🎉",
    "ﬁ",
    "“",
    "—",
    "ً",
    "ㆩ",
    "Ω",
    "ς",
    "²",
)
_PIECES = st.sampled_from(
    [*_ASCII, *_OTHER, " ", "  ", "\n", "\x1f", "\x1c", "\ud800", "Silver Bridge", "Привет Мир", "a1 " * 50]
)
TEXTS = st.lists(_PIECES, max_size=60).map("".join) | st.text(max_size=400)


def _plain_fingerprint(text: str) -> int:
    """The definition, bit by bit."""
    words = _WORD.findall(compose(text).lower())[:96]
    if len(words) > 1 and not words[0].isascii():
        words = [*words, *(a + b for a, b in pairwise(words))][:96]
    counts, counted = [0] * 64, 0
    for word in words:
        if word[0] == "@" or "/" in word or word.startswith("www."):
            continue
        folded = re.sub(r"(\w)\1{2,}", r"\1", re.sub(r"[\d_]+", "", word))
        if folded:
            counted += 1
            digest = blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            for bit in range(64):
                counts[bit] += int.from_bytes(digest, "big") >> bit & 1
    value = sum(1 << bit for bit in range(64) if counts[bit] > counted // 2)
    return value - (1 << 64) if value >> 63 else value


def _plain_terms(text: str) -> list[str]:
    """With every form of address tried everywhere, nothing remembered, and no text taken for plain."""
    with (
        patch.object(terms, "plain_words", lambda lowered: None),
        patch.object(terms, "may_hold_address", lambda lowered: True),
        patch.object(terms, "_remembered", terms._special),
        patch.object(phrases, "_NAME", _NAME),
    ):
        return terms_of(text)


@given(TEXTS)
def test_any_fingerprint_is_that_of_the_definition(text: str) -> None:
    assert fingerprint_of(text) == _plain_fingerprint(text)


@given(TEXTS)
def test_any_terms_are_those_of_the_plain_way(text: str) -> None:
    assert terms_of(text) == _plain_terms(text)


@pytest.mark.parametrize("text", ["1 " * 95 + "a b c", "1 " * 96 + "a", "a " * 96 + "1 b", "_ " * 40 + "a " * 70])
def test_numbers_take_places_of_the_last_words(text: str) -> None:
    assert fingerprint_of(text) == _plain_fingerprint(text)


def test_posts_of_the_simulator_come_out_as_before() -> None:
    chance = random.Random(5)
    for tongue in corpus.load().tongues.values():
        for text in (text for texts in tongue.topics.values() for text in texts):
            filled = re.sub(r"\{(\w+)\}", lambda m: chance.choice(tongue.slots[m[1]]), text)  # noqa: B023
            for post in (filled, f"{filled} https://a.example/1?b=2", f"@someone.example {filled}"):
                assert fingerprint_of(post) == _plain_fingerprint(post)
                assert terms_of(post) == _plain_terms(post)


@given(st.lists(TEXTS, max_size=8))
def test_posts_together_are_as_each_alone(texts: list[str]) -> None:
    assert features_of_each([Said(text) for text in texts]) == [features_of(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "Don't say it's over: the “old” bridge won’t close, 3 of 5 lanes and/or tracks stay open 🎉 #bridge",
        "@someone.example: look at https://a.example/1?b=2 and www.b.example, it costs $5 — não é tão caro",
        "Вчера мост закрыли",
    ],
)
def test_usual_posts_are_plain(text: str) -> None:
    assert plain_words(text.lower()) is not None
    assert terms_of(text) == _plain_terms(text)
    assert fingerprint_of(text) == _plain_fingerprint(text)


def test_long_tokens_are_not_remembered() -> None:
    terms._remembered.cache_clear()
    terms_of("#" + "a" * MAX_LENGTH + " é" + "b" * MAX_LENGTH)
    fingerprint._remembered.cache_clear()
    fingerprint._of_token.cache_clear()
    for text in ("x" * 3_000, "é" * 65, "東" + "é" * 65, "a " * 40 + "y" * 65):
        assert fingerprint_of(text) == _plain_fingerprint(text)
    caches = (terms._remembered, fingerprint._remembered, fingerprint._of_token)
    assert [cache.cache_info().currsize for cache in caches] == [0, 0, 0]
    assert fingerprint._MAX_WORDS < 128  # a lane's bits
