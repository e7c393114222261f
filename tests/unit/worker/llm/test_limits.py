"""Who may call a provider, when, and how often."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.worker.llm.breaker import COOL_SECONDS, FAILURES, MOST_SECONDS, Breaker, pause_seconds
from services.worker.llm.gate import Gate, GateFull
from services.worker.llm.providers.base import from_status, retry_after, shown
from services.worker.llm.request import Priority
from services.worker.llm.troubles import REMEMBERED_SECONDS, Troubles


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pauses_have_full_jitter_and_are_never_shorter_than_what_was_asked_for() -> None:
    chance = random.Random(1)
    plain = [pause_seconds(attempt, None, chance) for attempt in (1, 2, 9, 2_000) for _ in range(200)]
    assert min(plain) < 0.05
    assert max(plain[:200]) <= 0.5
    assert MOST_SECONDS * 0.9 < max(plain) <= MOST_SECONDS
    asked = [pause_seconds(1, 7.0, chance) for _ in range(200)]
    assert min(asked) >= 7.0
    assert max(asked) <= 7.5
    assert len(set(asked)) > 100, "those who were told the same time do not come back at the same time"


def test_a_trouble_is_told_until_it_is_over_or_long_past() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    assert troubles.told() is None
    troubles.failed("openai", "timeout")
    clock.now += REMEMBERED_SECONDS - 1
    troubles.failed("gemini", "connect")
    assert troubles.told() == "gemini cannot be reached. openai did not answer in time."
    clock.now += 2
    assert troubles.told() == "gemini cannot be reached."
    troubles.answered("gemini")
    assert troubles.told() is None


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_call_try() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.succeeded()
    for _ in range(FAILURES):
        assert breaker.allow()
        breaker.failed()
    assert breaker.state == "open"
    assert not breaker.allow()
    clock.now += COOL_SECONDS
    assert breaker.state == "half-open"
    assert breaker.allow()
    assert not breaker.allow(), "one call tries, not all"
    breaker.failed()
    clock.now += COOL_SECONDS * 1.5
    assert not breaker.allow(), "it waits twice as long after the second time"
    clock.now += COOL_SECONDS
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.state == "closed"


def test_a_trial_that_told_nothing_lets_another_one_try() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    clock.now += COOL_SECONDS
    assert breaker.allow()
    breaker.forgot()
    assert breaker.allow()


def test_people_go_before_runs_and_runs_before_what_nobody_waits_for() -> None:
    order: list[str] = []

    async def call(gate: Gate, priority: Priority, name: str) -> None:
        async with gate.place(priority):
            order.append(name)
            await asyncio.sleep(0)

    async def play() -> None:
        gate = Gate(places=1)
        async with gate.place("background"):
            wanted: list[tuple[Priority, str]] = [
                ("background", "b1"),
                ("pipeline", "p1"),
                ("interactive", "i1"),
                ("background", "b2"),
                ("interactive", "i2"),
            ]
            tasks = [asyncio.create_task(call(gate, priority, name)) for priority, name in wanted]
            await asyncio.sleep(0)
            assert gate.waiting == {"interactive": 2, "pipeline": 1, "background": 2}
        await asyncio.gather(*tasks)

    asyncio.run(play())
    assert order == ["i1", "i2", "p1", "b1", "b2"]


def test_a_queue_is_bounded_for_each_priority() -> None:
    async def play() -> None:
        gate = Gate(places=1, waiting=2)
        async with gate.place("background"):
            waiting = [asyncio.create_task(_hold(gate, "background")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(GateFull):
                await _hold(gate, "background")
            person = asyncio.create_task(_hold(gate, "interactive"))
            await asyncio.sleep(0)
        await asyncio.gather(person, *waiting)

    asyncio.run(play())


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_whoever_gives_up_waiting_takes_no_place_with_it(steps: int) -> None:
    async def play() -> None:
        gate = Gate(places=1)
        holder = asyncio.create_task(_hold(gate, "pipeline", 3))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(_hold(gate, "pipeline"))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(holder, waiting, return_exceptions=True)
        async with asyncio.timeout(1):
            await _hold(gate, "pipeline")
        assert gate.waiting["pipeline"] == 0

    asyncio.run(play())


async def _hold(gate: Gate, priority: Priority, steps: int = 0) -> None:
    async with gate.place(priority):
        for _ in range(steps):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_retry_after_is_read_where_it_is_a_number_of_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "body", "failure", "billed"),
    [
        (400, "", "rejected", False),
        (401, "", "rejected", False),
        (408, "", "broken", True),
        (429, "", "limited", False),
        (429, '{"error_code": "enforced_spend_limit_reached"}', "spend_cap", False),
        (529, "", "overloaded", False),
        (500, "", "broken", True),
        (503, "", "broken", True),
        (302, "", "broken", True),
    ],
)
def test_failures_are_told_apart_by_what_they_may_have_cost(status: int, body: str, failure: str, billed: bool) -> None:
    failed = from_status(status, {}, body)
    assert (failed.failure, failed.billed) == (failure, billed)


def test_a_key_is_never_shown() -> None:
    assert "sk-1" not in shown("no such key: sk-1\nplease", "sk-1")
