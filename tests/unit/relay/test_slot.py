"""One feed's place: opened, ended, opened again, never twice at the same time."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from services.relay.backoff import Backoff
from services.relay.slot import HANGS_SECONDS, STEADY_SECONDS, Slot
from services.relay.spec import FeedSpec
from shared.errors import ConfigurationError, StoreUnavailable

SPEC = FeedSpec("a", "jetstream", "ws://a.example", 0)
OTHER = msgspec.structs.replace(SPEC, url="ws://b.example")


class FakeUnit:
    """A unit whose threads end when the test says so."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.running = self.told = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.told = True

    def alive(self) -> bool:
        return self.running and self.failure is None

    def ended(self) -> bool:
        return not self.running

    def join(self, timeout: float) -> None:
        self.running = False


class Bench:
    """A slot with a clock and an opener under the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.units: list[tuple[FeedSpec, FakeUnit]] = []
        self.raises: Exception | None = None
        self.backoff = Backoff(1.0, 60.0, lambda: 1.0)
        self.slot = Slot("a", self.open, self.backoff, lambda: self.now)

    def open(self, spec: FeedSpec, _stop: threading.Event) -> Any:
        if self.raises:
            raise self.raises
        unit = FakeUnit()
        self.units.append((spec, unit))
        return unit

    @property
    def unit(self) -> FakeUnit:
        return self.units[-1][1]


def test_a_feed_is_opened_once_and_ended_when_it_is_no_longer_wanted() -> None:
    bench = Bench()
    for _ in range(3):
        bench.slot.turn(SPEC)
    assert len(bench.units) == 1
    bench.slot.turn(None)
    assert bench.unit.told
    assert not bench.slot.empty
    bench.unit.running = False
    bench.slot.turn(None)
    assert bench.slot.empty


def test_a_changed_description_opens_it_anew_only_when_the_old_one_has_ended() -> None:
    bench = Bench()
    bench.slot.turn(SPEC)
    bench.slot.turn(OTHER)
    bench.slot.turn(OTHER)
    assert len(bench.units) == 1
    bench.unit.running = False
    bench.slot.turn(OTHER)
    assert [spec for spec, _ in bench.units] == [SPEC, OTHER]


def test_a_pause_taken_back_before_the_end_still_opens_it_anew() -> None:
    bench = Bench()
    bench.slot.turn(SPEC)
    bench.slot.turn(None)
    bench.unit.running = False
    bench.slot.turn(SPEC)
    assert len(bench.units) == 2


def test_a_failure_is_told_and_tried_again_with_growing_pauses() -> None:
    bench = Bench()
    bench.slot.turn(SPEC)
    for pause in (1.0, 2.0, 4.0):
        bench.unit.failure = "An internal error: TypeError."
        bench.slot.turn(SPEC)
        assert bench.unit.told  # the other threads are taken along
        bench.unit.running = False
        number = len(bench.units)
        bench.slot.turn(SPEC)
        assert bench.slot.failure == f"An internal error: TypeError. It is tried again in {pause:.0f} s."
        bench.now += pause - 0.1
        bench.slot.turn(SPEC)
        assert len(bench.units) == number
        bench.now += 0.2
        bench.slot.turn(SPEC)
        assert len(bench.units) == number + 1
        assert bench.slot.failure is None
    # a unit that ran for long begins with short pauses again
    bench.now += STEADY_SECONDS + 1
    bench.unit.failure, bench.unit.running = "Again.", False
    bench.slot.turn(SPEC)
    assert bench.backoff.attempts == 1


def test_a_feed_that_cannot_be_opened_says_why_and_a_change_is_tried_at_once() -> None:
    bench = Bench()
    bench.raises = ConfigurationError("No source speaks this.", do="Use another.")
    bench.slot.turn(SPEC)
    assert "No source speaks this. Use another." in str(bench.slot.failure)
    bench.raises = None
    bench.slot.turn(SPEC)
    assert bench.units == []
    bench.slot.turn(OTHER)
    assert len(bench.units) == 1
    assert bench.slot.failure is None


def test_while_postgresql_is_away_nothing_counts_as_a_failure() -> None:
    bench = Bench()
    bench.raises = StoreUnavailable("PostgreSQL did not answer.")
    bench.slot.turn(SPEC)
    bench.slot.turn(SPEC)
    assert (bench.slot.failure, bench.backoff.attempts) == (None, 0)
    bench.raises = None
    bench.slot.turn(SPEC)
    assert len(bench.units) == 1


def test_a_unit_that_does_not_end_is_said_to_hang_and_is_not_opened_twice() -> None:
    bench = Bench()
    bench.slot.turn(SPEC)
    bench.slot.turn(OTHER)
    bench.now += HANGS_SECONDS + 1
    bench.slot.turn(OTHER)
    assert "do not end" in str(bench.slot.failure)
    assert len(bench.units) == 1
