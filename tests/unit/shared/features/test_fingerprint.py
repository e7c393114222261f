"""Fingerprints: spam variations coincide, different posts do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.fingerprint import distance, fingerprint_of

SPAM = "Win 500 dollars today, click here and claim your prize now https://a.example/1"


@pytest.mark.parametrize(
    "variation",
    [
        "WIN 900 dollars today!!! Click here and claim your prize NOW https://b.example/2?x=3",
        "win 7 dollars today 🎉🎉 click here and claim your prize nowwww @someone.example",
        "Win 500 dollars today, click here and claim your prize now short.example/abc",
    ],
)
def test_numbers_links_mentions_case_and_stretching_do_not_change_it(variation: str) -> None:
    assert fingerprint_of(variation) == fingerprint_of(SPAM)


def test_a_changed_word_moves_few_bits_and_another_text_many() -> None:
    near = fingerprint_of("Win 500 euros today, click here and claim your prize now")
    far = fingerprint_of("the tram to the harbour was late again because of the storm")
    assert distance(fingerprint_of(SPAM), near) <= 12
    assert distance(fingerprint_of(SPAM), far) > 18


def test_japanese_texts_differ_by_what_they_say() -> None:
    first, second = fingerprint_of("東京で地震がありました"), fingerprint_of("今日の夕飯はカレーです")
    assert distance(first, second) > 14
    assert fingerprint_of("東京で地震がありました！！ https://a.example/1") == first


def test_a_text_without_words_has_none() -> None:
    assert fingerprint_of("") == fingerprint_of("🎉 123 https://a.example") == 0


@given(st.text(max_size=500))
def test_any_text_fits_a_signed_64_bit_integer(text: str) -> None:
    assert -(2**63) <= fingerprint_of(text) < 2**63
