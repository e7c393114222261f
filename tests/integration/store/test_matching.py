"""What a rule's words match, in many scripts, on the real store."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as effort
from hypothesis import strategies as some

from shared.schemas.watch import WatchRule
from shared.schemas.watch import Words as RuleWords
from shared.store import matching
from shared.store.database import Database
from tests.support import records
from tests.support.watches import BEGAN, MINUTE, Words, put

BOUNDS = {"start": BEGAN, "end": BEGAN + 60 * MINUTE, "window": 1}


def matched(database: Database, rule: WatchRule) -> int:
    where = matching.condition(rule, None)
    return sum(row.posts for row in database.fetch(matching.moves(where), where.params | BOUNDS))


def any_of(*words: str) -> WatchRule:
    return WatchRule(words=RuleWords(any=list(words)))


@pytest.fixture(autouse=True)
def feed(database: Database) -> None:
    records.put_feed(database)


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("tea", "A cup of TEA, please", True),
        ("tea", "teapots", False),
        ("Climate Change", "on climate change again", True),
        ("climate change", "change the climate", False),
        ("мост", "МОСТ закрыт", True),
        ("ÉTÉ", "cet été", True),
        ("γέφυρα", "η ΓΈΦΥΡΑ έκλεισε", True),
        ("地震", "東京で地震がありました", True),
        ("แผ่นดินไหว", "เกิดแผ่นดินไหวขึ้น", True),
        ("지진", "오늘 지진 발생", True),
        ("زلزال", "وقع زلزال اليوم", True),
        ("भूकंप", "आज भूकंप आया", True),
        ("#Tea", "good #tea", True),
        ("#tea", "good tea", False),
        ("#tea", "#teatime", False),
        ("#地震", "また #地震 です", True),
        ("$TSLA", "buy $tsla now", True),
        ("$TSLA", "tsla", False),
        ("$TSLA", "$TSLAQ", False),
        ("C++", "I like c++ a lot", True),
        ("C++", "I like C a lot", False),
        ("🌊", "a wave 🌊 comes", True),
        ("100%", "I am 100% sure", True),
        ("100%", "I am 100 sure", False),
        ("don't", "I don’t know", True),
        ("example.org", "see https://example.org/page", True),
        ("a_b", "a_b", True),
        ("'; DROP TABLE post; --", "nothing", False),
    ],
)
def test_a_word_matches_what_people_mean_by_it(word: str, text: str, expected: bool, database: Database) -> None:
    put(database, [Words(1, text)])
    assert matched(database, any_of(word)) == int(expected)


def test_any_all_none_authors_languages_and_feeds_hold_together(database: Database) -> None:
    records.put_feed(database, "other")
    put(database, [Words(1, "tea milk"), Words(1, "tea sugar"), Words(1, "coffee milk"), Words(1, "tea milk lemon")])
    put(database, [Words(2, "tea milk", author="did:plc:z", language="pt-BR")], feed="other")
    base = {"words": RuleWords(any=["tea", "coffee"], all=["milk"], none=["lemon"])}
    assert matched(database, WatchRule(**base)) == 3
    assert matched(database, WatchRule(**base, authors=["did:plc:z"])) == 1
    assert matched(database, WatchRule(**base, languages=["pt"])) == 1
    assert matched(database, WatchRule(**base, languages=["pt-pt"])) == 0
    assert matched(database, WatchRule(**base, languages=["EN"])) == 2
    assert matched(database, WatchRule(**base, feeds=["other"])) == 1


def test_a_hashtag_is_also_one_of_the_posts_own_tags(database: Database) -> None:
    put(database, [Words(1, "no mark here", tags=("Tea",)), Words(1, "none", tags=("teatime",))])
    assert matched(database, any_of("#tea")) == 1


def test_authors_enter_and_leave_the_window(database: Database) -> None:
    put(database, [Words(0, "tea", "a"), Words(1, "tea", "b"), Words(4, "tea", "a"), Words(5, "tea", "a")])
    where = matching.condition(any_of("tea"), None)
    rows = database.fetch(matching.moves(where), where.params | BOUNDS | {"window": 3})
    first = int((BEGAN - BEGAN.replace(year=1970, month=1, day=1)).total_seconds()) // 60
    authors, seen = 0, {}
    changes = {row.minute - first: row for row in rows}
    for minute in range(10):
        authors += changes[minute].authors if minute in changes else 0
        seen[minute] = authors
    assert seen == {0: 1, 1: 2, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 0, 9: 0}


@effort(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.text(
        some.characters(exclude_characters="\0", exclude_categories=["Cs"]) | some.sampled_from("'\\%_$#&|!():*<>-"),
        min_size=1,
        max_size=30,
    )
)
@example("\x1f")
@example("#")
def test_no_word_whatever_is_more_than_a_word(database: Database, word: str) -> None:
    matched(database, any_of(word))
    matched(database, WatchRule(words=RuleWords(all=["tea"], none=[word])))
