"""Phrases, links and tags: one thing said in several ways is one term."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.momentum.config import MomentumConfig
from shared.features.fingerprint import distance, fingerprint_of
from shared.features.links import MAX_PAGE, link_terms
from shared.features.phrases import MAX_PHRASES, phrases_of
from shared.features.post import features_of
from shared.features.terms import _ASCII_TOKEN, _TOKEN, MAX_TERMS, MAX_TEXT, terms_of


def test_capitalised_neighbours_are_a_phrase_and_their_words_stay() -> None:
    terms = terms_of("They closed the Silver Bridge near Lake Tahoe today")
    assert {"silver bridge", "lake tahoe", "silver", "bridge", "lake", "tahoe"} <= set(terms)


@pytest.mark.parametrize("text", ["The Bridge is closed", "silver bridge", "BREAKING NEWS NOW", "Silver. Bridge", ""])
def test_stop_words_small_letters_and_shouting_make_no_phrase(text: str) -> None:
    assert phrases_of(text) == []


def test_phrases_know_other_alphabets_and_have_a_limit() -> None:
    assert phrases_of("Владимир Иванов в Łódź Fabryczna") == ["владимир иванов", "łódź fabryczna"]
    assert len(phrases_of("Alpha Beta Gamma Delta Epsilon Zeta")) == MAX_PHRASES


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example/a/Quake",
        "http://www.news.example:80/a/Quake/",
        "HTTPS://user:pass@News.Example/a/Quake?utm_source=x&fbclid=1#top",
        "https://m.news.example/a/Quake?ref=home",
    ],
)
def test_one_page_is_one_term(link: str) -> None:
    assert link_terms([link]) == ["news.example", "news.example/a/Quake"]


def test_parameters_that_name_the_page_are_kept_in_order_and_giants_have_no_site_term() -> None:
    assert link_terms(["https://a.example/?b=2&a=1"]) == ["a.example", "a.example/?a=1&b=2"]
    assert (
        link_terms(["https://youtu.be/Xy1?si=abc", "https://www.youtube.com/watch?v=Xy1&t=3"])
        == ["youtube.com/watch?v=Xy1"] * 2
    )


@given(st.text(max_size=3_000))
def test_any_address_gives_short_terms(link: str) -> None:
    assert all(1 < len(term) <= MAX_PAGE for term in link_terms([link, "https://" + link, "https://a.b/" + link]))


def test_a_cashtag_stands_alone() -> None:
    assert terms_of("$TSLA $tsla US$ABC A$AP $toolongtag") == ["$tsla", "abc", "toolongtag"]


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_ascii_text_is_cut_as_any_other(text: str) -> None:
    lowered = text.lower()
    words = [w for w in _ASCII_TOKEN.findall(lowered) if w.isalpha()]
    assert words == [w for w in _TOKEN.findall(lowered) if w.isalpha()]


@pytest.mark.parametrize(
    "unit", ["a.", "-", "東", "ก", "A ", "Aa ", "#", "$a", "'", "a'", "@", "\u0301\u0323", "ﷺ", "https://"]
)
def test_hostile_text_is_cut_before_the_work(unit: str) -> None:
    short = unit * (MAX_TEXT // len(unit) + 1)
    terms, fingerprint = features_of(short)
    assert features_of(short + unit * 100_000) == (terms, fingerprint)
    assert len(terms) <= MAX_TERMS


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=5), st.lists(st.text(max_size=60), max_size=3))
def test_both_features_are_those_of_the_parts(text: str, tags: list[str], links: list[str]) -> None:
    assert features_of(text, tags, links) == (terms_of(text, tags, links), fingerprint_of(text))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "Congratulations Maria, you won 500 dollars in our Friday draw, claim the prize at https://a.example/1 now",
            "Congratulations Kofi, you won 9,000 dollars in our Friday draw, claim the prize at https://b.example now",
        ),
        (
            "Join our free trading group today and earn daily profit with signals from coach Anna, message us now",
            "Join our free trading group today and earn daily profit with signals from coach Pedro, message us now",
        ),
    ],
)
def test_a_template_with_another_name_is_a_near_copy(first: str, second: str) -> None:
    assert distance(fingerprint_of(first), fingerprint_of(second)) <= MomentumConfig().near_text_bits
