"""The parts of a search that need no database: marks, folding, cursors, reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest

from services.api.operations.search_cursor import MOST_HELD, Cursor, Held, read, write
from services.api.operations.search_folding import fold
from services.api.operations.search_fusion import fuse
from services.api.operations.search_highlights import MOST_MARKS, mark
from services.api.operations.search_wording import why
from shared.errors import InputError
from shared.features.fingerprint import fingerprint_of
from shared.features.query import Term
from shared.features.query import read as read_query


def marked(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in mark(text, read_query(query)).ranges]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Power and POWER, powerful", "power", ["Power", "POWER"]),
        ("Au MARCHÉ, le marche\u0301", "marche", ["MARCHÉ", "marche"]),
        ("🔥🔥 power🔥cut", "power cut", ["power", "cut"]),
        ("a power-cut, power   cut", '"power cut"', ["power-cut", "power   cut"]),
        ("electric electricity", "electri*", ["electri", "electri"]),
        ("#Tag #tagged tag", "#tag", ["#Tag"]),
        ("C++ and C", "C++", ["C++"]),
        ("Pingo落ちてる", "pingo", ["Pingo"]),
        ("月面に着陸した", "月面着陸", ["月面", "着陸"]),
        ("İstanbul ﬁne ǅ", "istanbul", ["İstanbul"]),
        ("हिन्दी में", "हिन्दी", ["हिन्दी"]),
        ("nothing of it", "power", []),
        ("", "power", []),
        ("<b>power</b> & more", "power b", ["b", "power", "b"]),
    ],
)
def test_marks_stand_where_the_words_are(text: str, query: str, expected: list[str]) -> None:
    assert marked(text, query) == expected


def test_marks_are_in_order_apart_and_bounded() -> None:
    ranges = mark("ab abc " * 500, read_query("ab abc ab*")).ranges
    assert len(ranges) == MOST_MARKS
    assert all(left[1] < right[0] for left, right in pairwise(ranges))


def test_near_copies_are_folded_and_what_has_no_words_is_not() -> None:
    texts = ["the lights went out in town!", "The lights went out in town 😳", "rain all day here", "🔥", "🔥"]
    assert fold(texts, [fingerprint_of(text) for text in texts]) == [texts[:2], ["rain all day here"], ["🔥"], ["🔥"]]


def test_an_arm_weighs_as_it_is_told() -> None:
    assert [one.item for one in fuse({"a": ["x"], "b": ["y"]}, {"b": 2.0})] == ["y", "x"]


HELD = tuple(
    Held(UUID(int=n), ("meaning", "words") if n % 2 else ("words",), 0.8125 if n % 2 else None, 0.0125, n, n % 3 == 0)
    for n in range(MOST_HELD)
)
CURSOR = Cursor(HELD, (datetime(2026, 5, 1, 12, 0, 0, 7, tzinfo=UTC), UUID(int=5)), True)


def test_a_cursor_gives_back_what_it_was_given() -> None:
    text = write(CURSOR, b"search")
    back = read(text, b"search")
    assert (back.position, back.text_only) == (CURSOR.position, True)
    assert [(one.post, one.matched, one.alike, one.spare) for one in back.held] == [
        (one.post, one.matched, min(one.alike, 127), one.spare) for one in HELD
    ]
    assert back.held[1].similarity == pytest.approx(0.8125, abs=1e-4)
    assert back.held[0].similarity is None
    assert len(text) < 6_000


@pytest.mark.parametrize("place", range(0, 4_000, 173))
def test_a_damaged_cursor_is_refused(place: int) -> None:
    text = write(CURSOR, b"search")
    place %= len(text)
    other = "A" if text[place] != "A" else "B"
    with pytest.raises(InputError, match="cursor"):
        read(text[:place] + other + text[place + 1 :], b"search")


def test_a_cursor_of_another_search_is_refused() -> None:
    with pytest.raises(InputError, match="cursor"):
        read(write(CURSOR, b"search"), b"another")


def test_reasons_are_sentences() -> None:
    power, tag = Term("word", "power"), Term("tag", "x")
    assert why(["meaning"], [], liked=False) == "Close in meaning to what you asked."
    assert why(["meaning", "words"], [power, tag], liked=False) == (
        "Holds ‘power’ and ‘#x’; close in meaning to what you asked."
    )
    assert why(["words"], [power] * 6, liked=False).endswith("‘power’ and 2 more.")
    assert why(["meaning"], [], liked=True) == "Close in meaning to the post you chose."
    assert why([], [], liked=False) == "Meets the filters."
    assert why([], [], liked=False, left_out=True) == "Holds nothing that you left out."
    assert why(["words"], [], liked=False, in_part=True) == "Holds a part of what you asked for."
