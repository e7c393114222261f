"""Hostile text made harmless, and how long to wait."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.worker.delivery.harmless import harmless, slack_escaped
from services.worker.delivery.outcome import scrubbed
from services.worker.delivery.retry import MOST_SECONDS, pause_seconds, retry_after_seconds

URL = "https://hooks.example/services/T0SECRET/B0SECRET?key=QSECRET"


@given(some.text(max_size=200))
def test_no_text_keeps_a_mention_a_link_or_a_mark_of_slack(text: str) -> None:
    made = slack_escaped(harmless(f"<!channel> @here https://e.example {text}", 1000))
    assert "<" not in made.replace("&lt;", "")
    assert "@here" not in made
    assert "://e" not in made
    assert "\n" not in made


def test_text_is_cut_to_one_line_and_hides_nothing() -> None:
    assert len(harmless("word " * 200, 50)) <= 51
    assert harmless("a\u202eb\n\nc\x1b[31m", 50).replace("\u200b", "") == "ab c [31m"


@given(some.integers(1, 50), some.floats(0, 1e9), some.integers())
def test_a_pause_is_bounded_and_never_shorter_than_asked_for(attempts: int, asked: float, seed: int) -> None:
    seconds = pause_seconds(attempts, asked, random.Random(seed))
    assert min(asked, 21_600) <= seconds <= max(MOST_SECONDS, min(asked, 21_600))


@pytest.mark.parametrize(("value", "seconds"), [("30", 30.0), (None, 0.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0)])
def test_retry_after_in_seconds(value: str | None, seconds: float) -> None:
    assert retry_after_seconds(value) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    at = (now + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_seconds(at, now) == 90
    assert retry_after_seconds(at, now + timedelta(hours=1)) == 0


def test_an_answer_that_repeats_the_address_does_not_give_it_away() -> None:
    said = scrubbed(f"no route {URL} nor /services/T0SECRET/B0SECRET, B0SECRET or QSECRET", URL)
    assert "SECRET" not in said
    assert said.startswith("no route")
