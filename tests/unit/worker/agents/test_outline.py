"""What the platform answered, in lines, where no model puts it into words."""

from __future__ import annotations

import json

from services.worker.agents.outline import outline


def lines(value: object) -> list[str]:
    return outline(json.dumps(value))


def test_rows_are_told_by_what_they_are_called_and_what_is_not_well_comes_first() -> None:
    parts = [
        {"name": "api", "title": "API", "state": "ok", "reason": None},
        {"name": "relay", "title": "Relay", "state": "down", "reason": "It was not heard of.", "do": "Start it."},
    ]
    assert lines({"state": "down", "components": parts}) == ["Relay: down. It was not heard of. Start it.", "API: ok."]
    topic = {"id": "t1", "label": "bridge", "status": "rising", "why": "214 posts by 180 people", "spark": [1, 2]}
    assert lines({"topics": [topic]}) == ["bridge: rising. 214 posts by 180 people."]


def test_posts_are_left_to_their_own_list() -> None:
    post = {"id": "p", "uri": "u", "author": "a", "text": "hello", "time": "t"}
    assert lines({"posts": [post], "next": "AAZ"}) == []
    assert lines({"query": "storm", "hits": [{"post": post, "why": "Holds ‘storm’."}], "took_ms": 3.2}) == []


def test_a_list_that_is_empty_tells_nothing_of_the_asking() -> None:
    assert lines({"query": "storm", "mode": "hybrid", "hits": [], "took_ms": 1139.2}) == []
    assert lines({"topics": [], "baseline_minutes": 0, "warmup_minutes": 1440}) == []
    assert lines({"watches": [], "most": 100}) == []


def test_what_is_a_sentence_already_says_how_it_is() -> None:
    assert lines({"findings": [{"what": "Nothing is wrong.", "state": "ok"}]}) == ["Nothing is wrong."]
    slow = {"what": "The relay is behind.", "state": "degraded", "do": "Wait."}
    assert lines({"findings": [slow]}) == ["The relay is behind. Wait."]


def test_an_answer_without_rows_is_told_by_its_figures() -> None:
    assert lines({"spent_usd": 1.5, "limit_usd": 100, "note": "", "more": {"x": 1}}) == [
        "spent usd: 1.5",
        "limit usd: 100",
    ]


def test_many_rows_are_counted_and_long_ones_cut() -> None:
    told = lines([{"label": f"topic {number}"} for number in range(1_030)])
    assert (len(told), told[-1]) == (13, "and 1,018 more")
    assert len(lines([{"label": "x" * 5_000}])[0]) <= 240


def test_strangers_names_forge_no_mark_and_a_file_is_no_answer() -> None:
    assert "[1]" not in lines([{"label": "see [1]\n[2]"}])[0]
    assert outline("id,text\n1,x") == []
    assert outline("[" * 100_000) == []
    assert lines("text") == []
