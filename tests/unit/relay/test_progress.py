"""Behind by how much, and caught up when."""

from __future__ import annotations

import pytest

from services.relay import progress, state
from services.relay.drops import Drop
from services.relay.progress import Progress
from services.relay.state import DatabaseClock, FeedState, duration

SECOND = 1_000_000


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(state.time, "monotonic", clock)
    monkeypatch.setattr(progress.time, "monotonic", clock)
    return clock


def test_the_end_is_reached_at_the_speed_gained_on_the_clock() -> None:
    clock = Clock()
    measured = Progress(clock)
    assert measured.speed is None
    for second in range(11):
        clock.now = 100.0 + second
        measured.note(second * 11 * SECOND)
    assert measured.speed == pytest.approx(11.0)
    # 11 seconds of event time a second gain 10: 600 s behind are gone in a minute
    assert measured.seconds_left(600.0) == pytest.approx(60.0)


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 1.04])
def test_a_feed_that_gains_nothing_is_never_said_to_catch_up(speed: float) -> None:
    clock = Clock()
    measured = Progress(clock)
    for second in range(11):
        clock.now = 100.0 + second
        measured.note(int(second * speed * SECOND))
    assert measured.seconds_left(600.0) is None


def test_a_feed_that_stands_still_slows_down() -> None:
    clock = Clock()
    measured = Progress(clock)
    for second in range(11):
        clock.now = 100.0 + second
        measured.note(second * 10 * SECOND)
    clock.now += 10
    assert measured.speed == pytest.approx(5.0)


def test_only_the_last_half_minute_counts_and_memory_is_bounded() -> None:
    clock = Clock()
    measured = Progress(clock)
    for tenth in range(6_000):
        clock.now = 100.0 + tenth / 10
        measured.note(tenth * (SECOND if tenth < 5_000 else 0) // 10 + max(tenth - 5_000, 0) * 300_000)
    assert measured.speed == pytest.approx(3.0, rel=0.05)
    assert len(measured._samples) < 40


def feed_state(clock: Clock) -> tuple[FeedState, DatabaseClock]:
    database_clock = DatabaseClock()
    feed = FeedState(database_clock, "x")
    feed._progress = Progress(clock)
    feed.connected()
    return feed, database_clock


def test_the_reason_says_how_far_behind_and_when_that_ends(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, database_clock = feed_state(clock)
    now = 10_000 * SECOND
    monkeypatch.setattr(database_clock, "now_us", lambda: now)
    feed.stored(1, now - 2_500 * SECOND)
    assert feed.view().reason == "42 minutes behind."
    for _ in range(10):
        clock.now += 1
        feed.stored(1, now - 2_500 * SECOND)
    view = feed.view()
    assert (view.status, view.behind_seconds, view.catch_up_seconds) == ("catching_up", 2_500.0, None)
    assert view.reason == "42 minutes behind, and not catching up at this speed."
    for step in range(1, 31):
        clock.now += 1
        feed.stored(1, now - (2_500 - step * 16) * SECOND)
    view = feed.view()
    assert view.catch_up_seconds == pytest.approx(2_020 / 15, rel=0.01)
    assert view.reason == "34 minutes behind, caught up in about 2 minutes."
    # a feed that sends faster than can be stored says both
    feed.held(True)
    assert feed.view().reason.startswith("34 minutes behind, caught up in about 2 minutes. The feed sends")
    feed.held(False)
    feed.stored(1, now - SECOND)
    view = feed.view()
    assert (view.status, view.reason, view.behind_seconds, view.catch_up_seconds) == ("live", None, None, None)


def test_a_quiet_feed_is_not_behind(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, database_clock = feed_state(clock)
    now = 100_000 * SECOND
    monkeypatch.setattr(database_clock, "now_us", lambda: now)
    feed.stored(1, now - 3_600 * SECOND)
    assert feed.view().status == "catching_up"
    clock.now += state.QUIET_SECONDS + 1
    view = feed.view()
    assert (view.status, view.behind_seconds) == ("live", None)
    assert view.reason == "Quiet: its last event is 60 minutes old."
    # frames that cannot be stored yet are no silence
    feed.frames += 1
    assert feed.view().status == "catching_up"


def test_a_note_stands_beside_the_reason_while_the_connection_lasts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, database_clock = feed_state(clock)
    now = 10_000 * SECOND
    monkeypatch.setattr(database_clock, "now_us", lambda: now)
    feed.connected("Read uncompressed: no dictionary.")
    feed.stored(1, now - 2_500 * SECOND)
    assert feed.view().reason == "42 minutes behind. Read uncompressed: no dictionary."
    feed.stored(1, now)
    assert (feed.view().status, feed.view().reason) == ("live", "Read uncompressed: no dictionary.")
    feed.disconnected("The feed cannot be reached.", stalled=False)
    assert feed.view().reason == "The feed cannot be reached."
    feed.connected()
    assert feed.view().reason is None


def test_a_feed_that_was_read_before_knows_how_far_behind_it_is_before_it_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database_clock = DatabaseClock()
    monkeypatch.setattr(database_clock, "now_us", lambda: 1_000 * SECOND)
    feed = FeedState(database_clock, "x", 400 * SECOND)
    feed.dropped(Drop("refused", "The feed cannot be reached.", {"cause": "refused", "code": 1006, "detail": ""}))
    view = feed.view()
    assert (view.status, view.behind_seconds, view.catch_up_seconds) == ("unreachable", 600.0, None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (1.0, "1 second"),
        (59.6, "60 seconds"),
        (150, "2 minutes"),
        (7_300, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_said_in_the_largest_unit_of_which_there_are_two(seconds: float, said: str) -> None:
    assert duration(seconds) == said
