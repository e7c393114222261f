"""Words to ids, on a vocabulary that can be reckoned by hand."""

from __future__ import annotations

import pytest

from shared.embedding.tokenizer import MOST_CHARACTERS, Tokenizer
from tests.support.vocabulary import small_vocabulary

UNKNOWN = 3


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(small_vocabulary())


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    names = small_vocabulary().pieces
    return [names[index] for index in tokenizer.encode(text, 100)]


def test_the_likeliest_cut_wins_over_more_pieces(tokenizer: Tokenizer) -> None:
    # "▁power" costs 4.0; "▁pow" + "er" costs 5.5
    assert pieces(tokenizer, "power") == ["▁power"]


def test_runs_of_spaces_and_edges_count_for_nothing(tokenizer: Tokenizer) -> None:
    assert pieces(tokenizer, "  power\t\n power ") == ["▁power", "▁power"]


def test_a_script_without_spaces_is_cut_into_its_pieces(tokenizer: Tokenizer) -> None:
    # 停電 costs 5.0 in one piece and 8.0 in two
    assert pieces(tokenizer, "停電停") == ["▁", "停電", "停"]


def test_the_normaliser_rules_apply_to_each_character(tokenizer: Tokenizer) -> None:
    assert pieces(tokenizer, "Ｐower\x01") == ["▁power"]


def test_decomposed_characters_are_composed(tokenizer: Tokenizer) -> None:
    assert pieces(tokenizer, "e\u0301") == ["▁", "é"]


def test_neighbouring_unknown_characters_are_one_unknown(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("ᚠᚢᚦ", 100) == [4, UNKNOWN]


def test_a_post_that_spells_a_control_symbol_stays_text(tokenizer: Tokenizer) -> None:
    assert not {0, 1, 2} & set(tokenizer.encode("</s> <s><pad>", 100))


@pytest.mark.parametrize("text", ["", "   ", "\x00", "\x01\x01"])
def test_a_text_without_content_has_no_ids(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text, 100) == []


def test_a_lone_surrogate_is_unknown_and_no_error(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("\ud800", 100) == [4, UNKNOWN]


def test_ids_are_cut_to_the_most_asked_for(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("power " * 50, 7)) == 7


def test_no_more_than_the_first_characters_are_looked_at(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("p" * MOST_CHARACTERS + "w" * 1_000_000, 10**6) == tokenizer.encode(
        "p" * MOST_CHARACTERS, 10**6
    )
