"""How often callers may call, by a clock that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.api.operations import rates
from services.api.operations.rates import Rates
from shared.errors import TooFast


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def granted(limits: Rates, kind: rates.Kind, caller: str, tries: int = 5_000) -> int:
    for number in range(tries):
        try:
            limits.take(kind, caller)
        except TooFast:
            return number
    return tries


def test_each_caller_and_kind_has_a_bucket_of_its_own() -> None:
    limits = Rates(3_000, Clock())
    found = {kind: granted(limits, kind, "a") for kind in ("request", "write", "heavy", "sign-in")}
    assert found == {"request": 1_200, "write": 300, "heavy": 120, "sign-in": 20}
    assert granted(limits, "write", "b") == 300


def test_who_waits_as_long_as_said_may_call_again() -> None:
    clock = Clock()
    limits = Rates(60, clock)
    granted(limits, "write", "a")
    with pytest.raises(TooFast) as refused:
        limits.take("write", "a")
    clock.now += refused.value.after_seconds
    limits.take("write", "a")


@given(some.lists(some.floats(0, 10), min_size=1, max_size=200))
def test_no_minute_grants_more_than_a_burst_and_the_rate(pauses: list[float]) -> None:
    clock = Clock()
    limits, given_at = Rates(600, clock), []
    for pause in pauses:
        clock.now += pause
        for _ in range(7):
            try:
                limits.take("write", "a")
            except TooFast:
                break
            given_at.append(clock.now)
    for start in given_at:
        assert sum(start <= at < start + 60 for at in given_at) <= 60 + 120


def test_without_a_limit_only_signing_in_is_bounded() -> None:
    limits = Rates(0, Clock())
    assert granted(limits, "heavy", "a") == 5_000
    assert granted(limits, "sign-in", "a") == 20


def test_callers_without_end_take_no_memory_without_end() -> None:
    limits = Rates(3_000, Clock())
    for number in range(rates.CALLERS_MOST + 50):
        limits.take("sign-in", str(number))
    assert len(limits._buckets) == rates.CALLERS_MOST
