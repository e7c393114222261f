"""Reading a stretch whole from relays that answer newest first, cap silently, or do not do what they are asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.relay.sources.nostr_messages import Glance, told
from services.relay.sources.nostr_window import MOST_EVENTS, Window


def message(key: str, created_at: int, words: str = "") -> bytes:
    return json.dumps(["EVENT", "g1", {"id": key, "created_at": created_at, "content": words}]).encode()


class Answers:
    """A relay with events at given seconds, which caps every answer."""

    def __init__(self, seconds: list[int], cap: int) -> None:
        self.events = [(f"id{number:04d}", second) for number, second in enumerate(seconds)]
        self.cap = cap

    def page(self, wanted: dict[str, Any]) -> list[tuple[str, int]]:
        found = [event for event in self.events if wanted["since"] <= event[1] <= wanted["until"]]
        return sorted(found, key=lambda event: (-event[1], event[0]))[: min(self.cap, wanted["limit"])]


def read(window: Window, relay: Answers) -> list[Any]:
    for _ in range(1_000):
        for key, second in relay.page(window.wanted()):
            window.add(Glance(key, second), message(key, second))
        if window.page_ended():
            return window.frames(0)
    raise AssertionError("the window never ends")


@pytest.mark.parametrize("cap", [1, 2, 3, 7, 50, 500, 10_000])
@pytest.mark.parametrize("each", [1, 2])
def test_all_is_found_oldest_first_whatever_the_cap(cap: int, each: int) -> None:
    seconds = [second for second in range(100, 160, 3) for _ in range(each)]
    relay = Answers(seconds, cap)
    *frames, mark = read(Window(90, 200), relay)
    found = [json.loads(frame.data)[2]["created_at"] for frame in frames]
    if cap > each:
        assert found == seconds
        assert mark.missing is None
    else:
        # a cap as small as one second: that more may be missing is said
        assert found == sorted(found)
        assert mark.missing is not None or found == seconds


def test_an_empty_stretch_takes_one_page() -> None:
    window = Window(0, 1_000)
    assert [frame.missing for frame in read(window, Answers([], 10))] == [None]
    assert window.pages == 1


def test_a_relay_that_ignores_the_end_asked_for_leaves_what_it_hides_missing() -> None:
    window = Window(100, 200)
    assert not window.add(Glance("late", 900), message("late", 900))
    assert window.page_ended()
    (mark,) = window.frames(0)
    assert (mark.missing.cause, mark.missing.start_us, mark.missing.end_us) == (
        "not_pageable",
        100_000_000,
        201_000_000,
    )


def test_an_event_whose_time_cannot_be_read_is_not_kept_here() -> None:
    answer = told(b'["EVENT","g1",{"id":7}]')
    assert (answer.word, answer.event) == ("EVENT", None)
    assert not Window(0, 9).add(answer.event, b"")


def test_a_forgery_under_a_true_events_id_hides_nothing() -> None:
    window = Window(0, 9)
    for words in ("forged", "true", "true"):
        window.add(Glance("one", 5), message("one", 5, words))
    assert not window.page_ended()
    assert [json.loads(frame.data)[2]["content"] for frame in window.frames(0)[:-1]] == ["forged", "true"]


def test_a_window_says_when_it_holds_too_much() -> None:
    window = Window(0, 9)
    for number in range(MOST_EVENTS + 1):
        assert not window.overflows
        window.add(Glance(str(number), 5), message(str(number), 5))
    assert window.overflows


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"[1]", b'["EVENT"]', b'["OK","x"]', b'["NEWS","x"]', b"[[[[", b'["EOSE",5]', b"\xff"]
)
def test_what_is_no_message_of_a_relay_says_nothing(data: bytes) -> None:
    assert told(data).word == ""


def test_words_of_a_relay_are_one_short_line() -> None:
    answer = told(json.dumps(["CLOSED", "g1", "auth-required: " + "a\n\x1b[31m" * 200]).encode())
    assert answer.reason == "auth-required"
    assert len(answer.text) <= 200
    assert answer.text.isprintable()
