"""Where a connection to a Nostr relay begins, and how much it asks for at once."""

from __future__ import annotations

import json

from services.relay.sources.nostr_headway import FIRST_SPAN, MOST_OVERLAP, Failures, Headway
from services.relay.sources.nostr_messages import Glance
from services.relay.sources.nostr_window import Window


def window(start: int, end: int, events: int = 0) -> Window:
    found = Window(start, end)
    for number in range(events):
        found.add(Glance(str(number), start), json.dumps(["EVENT", "g", {"id": number}]).encode())
    return found


def test_a_connection_goes_on_where_the_one_before_broke_off() -> None:
    headway = Headway()
    assert headway.begin(1_000, 1_900) == 1_000
    headway.read(window(1_000, 1_299))
    headway.read(window(1_300, 1_399))
    # what was read again did not move the position
    assert headway.begin(1_000, 1_900) == 1_400 - MOST_OVERLAP


def test_the_overlap_is_at_most_half_of_what_was_gained_and_goes_when_nothing_was() -> None:
    headway = Headway()
    headway.begin(1_000, 1_000)
    headway.read(window(1_000, 1_019))
    assert headway.begin(120, 1_020) == 1_010
    headway.read(window(1_010, 1_019))
    assert headway.begin(120, 1_020) == 1_020


def test_nothing_the_record_does_not_hold_is_passed_over() -> None:
    headway = Headway()
    headway.begin(1_000, 1_000)
    headway.read(window(1_000, 1_400))
    assert headway.begin(100, 1_200) == 1_200 - MOST_OVERLAP


def test_once_live_the_stored_position_counts_again() -> None:
    headway = Headway()
    headway.begin(1_000, 1_000)
    headway.read(window(1_000, 1_400))
    headway.caught_up()
    assert headway.begin(500, 1_401) == 500


def test_the_span_follows_what_windows_hold() -> None:
    headway = Headway()
    headway.read(window(0, FIRST_SPAN - 1))
    assert headway.span == 2 * FIRST_SPAN
    headway.halve(window(0, 6))
    assert headway.span == 3
    headway.halve(window(0, 0))
    assert headway.span == 1
    full = window(0, 9, events=200)
    headway.read(full)
    assert headway.span == 1
    full.pages = 5
    headway.read(full)
    assert headway.span == 5


def test_only_a_second_that_had_a_connection_for_itself_and_gave_something_is_stuck() -> None:
    headway = Headway()
    headway.begin(1_000, 1_000)
    assert headway.stuck(window(1_000, 1_000, events=1))
    assert not headway.stuck(window(1_000, 1_000))
    assert not headway.stuck(window(1_000, 1_001, events=1))
    assert not headway.stuck(window(1_001, 1_001, events=1))


def test_failures_in_a_row_are_those_of_one_second() -> None:
    failures = Failures()
    assert [failures.again(second) for second in (5, 5, 6, 5)] == [1, 2, 1, 1]
    failures.clear()
    assert failures.again(5) == 1
