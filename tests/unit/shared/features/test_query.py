"""What a search says, whatever is typed."""

from __future__ import annotations

import random
import re
from importlib import resources

import pytest

from shared.features import scripts
from shared.features.query import MOST_TERMS, Query, Term, read


def said(query: Query) -> list[list[str]]:
    return [[f"{term.kind}:{term.text}" for term in group] for group in query.wanted]


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("power cut in the city", [["word:power"], ["word:cut"], ["word:city"]], []),
        ("in the", [["word:in"], ["word:the"]], []),
        ('"power cut" tonight', [["phrase:power cut"], ["word:tonight"]], []),
        ("“power cut” «no light»", [["phrase:power cut"], ["phrase:no light"]], []),
        ("outage OR blackout lisbon", [["word:outage", "word:blackout"], ["word:lisbon"]], []),
        ("OR outage OR", [["word:outage"]], []),
        ('outage -lisbon -"old town" -#tag', [["word:outage"]], ["word:lisbon", "phrase:old town", "tag:tag"]),
        ("wi-fi C++ C# ¿luz?", [["word:wi-fi"], ["word:c++"], ["word:c#"], ["word:luz"]], []),
        ("#LisbonBlackout $TSLA electri* a*", [["tag:lisbonblackout"], ["cashtag:tsla"], ["prefix:electri"]], []),
        ("月面着陸 fire🔥", [["piece:月面着陸"], ["word:fire"], ["piece:🔥"]], []),
        ("", [], []),
        ("--- - OR | \"\" ''", [], []),
        ('"unclosed words', [["phrase:unclosed words"]], []),
    ],
)
def test_signs_are_understood(text: str, wanted: list[list[str]], unwanted: list[str]) -> None:
    query = read(text)
    assert said(query) == wanted
    assert [f"{term.kind}:{term.text}" for term in query.unwanted] == unwanted


def test_what_is_left_to_meaning_is_without_signs_and_exclusions() -> None:
    assert read('big "power cut" #Tag -lisbon OR electri*').said == "big power cut Tag electri"


def test_what_has_a_sign_is_strict_and_words_are_loose() -> None:
    query = read('lisbon "power cut" 停電 #tag')
    assert [group[0].kind for group in query.strict] == ["phrase", "tag"]
    assert query.loose == ((Term("word", "lisbon"),), (Term("piece", "停電"),))


def test_any_text_is_a_search_of_bounded_size() -> None:
    signs = "ab-\"'#$*|() OR \\%_停電🔥é\u200d\ufe0f\u202e"
    chance = random.Random(7)
    for _ in range(3_000):
        query = read("".join(chance.choice(signs) for _ in range(chance.randrange(60))))
        assert sum(map(len, query.wanted)) + len(query.unwanted) <= MOST_TERMS
        assert all(term.text.strip() for group in query.wanted for term in group)


def test_the_classes_of_characters_are_those_of_the_database() -> None:
    files = resources.files("shared.store.migrations").iterdir()
    sql = next(file.read_text() for file in files if file.name[4:] == "_words.sql")
    assert set(re.findall(r"said(?: ~|,) '\[(.*?)\]", sql)) - {"#＃"} == {scripts.PAIRED}
    assert re.findall(r"\"pg_c_utf8\"\), '\[(.*?)\]\+'", sql) == [scripts.CUT]
