"""Terms: what is kept of a text, in several scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.terms import MAX_TERMS, is_marker, terms_of


def test_keeps_words_tags_and_cashtags_in_order_without_stop_words_mentions_and_numbers() -> None:
    text = "The Harbour bridge @ann.bsky.social has CLOSED at 2026 for #FloodWatch and $ACME, don't go to it"
    assert terms_of(text) == ["harbour", "bridge", "closed", "#floodwatch", "$acme"]


def test_links_in_the_text_give_nothing_and_links_of_the_post_give_host_and_page() -> None:
    terms = terms_of(
        "Read https://example.org/secret and example.com/abc",
        links=["https://www.Example.com:8443/News/Quake/?utm_source=1", "javascript:alert(1)", "https://nodots/"],
    )
    assert terms == ["read", "example.com", "example.com/News/Quake"]


def test_tags_of_the_post_and_of_the_text_are_one_term() -> None:
    assert terms_of("Look #Storm", tags=["storm", "#Sea Level", "7"]) == ["#storm", "#sea level"]


def test_compatibility_forms_and_possessives_are_folded() -> None:
    assert terms_of("Ｌｉｓｂｏｎ’s tram, Lisbon's tram") == ["lisbon", "tram"]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("緊急地震速報が東京で出ました", "昨夜の地震でスマホが鳴った", {"地震"}),
        ("昨日スマートフォンを買った", "新しいスマートフォンです", {"スマートフォン"}),
        ("今天北京发生大地震", "地震了快跑", {"地震"}),
        ("แผ่นดินไหวในกรุงเทพ", "เกิดแผ่นดินไหวใหญ่", {"แผ่นดิน", "ดินไหว"}),
        ("지진이 서울에서", "방금 지진은 컸다", {"지진"}),
        ("दिल्ली में भूकंप आया", "भूकंप के झटके", {"भूकंप"}),
        ("زلزال في المغرب", "زلزال قوي", {"زلزال"}),
    ],
)
def test_scripts_give_the_same_term_in_different_sentences(first: str, second: str, shared: set[str]) -> None:
    assert shared <= set(terms_of(first)) & set(terms_of(second))


def test_metadata_keeps_its_place_in_a_long_post() -> None:
    text = " ".join(f"word{chr(97 + i)}{chr(97 + i)}" for i in range(26))
    terms = terms_of(text, tags=["last"])
    assert len(terms) == MAX_TERMS
    assert terms[-1] == "#last"


def test_markers_are_tags_cashtags_and_pages_only() -> None:
    assert [is_marker(t) for t in ("#a1", "$acme", "a.org/x", "a.org", "word")] == [True, True, True, False, False]


@given(st.text(max_size=400), st.lists(st.text(max_size=20), max_size=8), st.lists(st.text(max_size=60), max_size=4))
def test_any_text_gives_few_distinct_short_terms(text: str, tags: list[str], links: list[str]) -> None:
    terms = terms_of(text, tags, links)
    assert len(terms) == len(set(terms)) <= MAX_TERMS
    assert all(1 < len(term) <= 128 for term in terms)
    assert terms == terms_of(text, tags, links)
