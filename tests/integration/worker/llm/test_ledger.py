"""The ledger alone, in the real PostgreSQL: all or nothing, once, in the right month, never above a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from services.worker.llm.budget import Attempt, Budget, Limits, Refused
from services.worker.llm.request import Usage
from shared.config.settings import Settings
from shared.errors import StoreRejected
from shared.store import destinations
from shared.store.budget import DISPATCH, RESERVE, reserve
from shared.store.database import AsyncDatabase, Command, Database
from tests.support.llm import ALERTS, BUDGETS, CALLS, BudgetRow

LIMITS = Limits(month=1_000, agent=800, run=500)
#: What the test moves instead of waiting for a month to end.
NEXT_MONTH = Command("CREATE OR REPLACE FUNCTION budget_month() RETURNS text LANGUAGE sql STABLE RETURN '2099-01'")


#: As if a worker had died two hours ago.
AGE = Command(
    """UPDATE llm_call SET created_at = now() - interval '2 hours',
                           dispatched_at = dispatched_at - interval '2 hours' WHERE id <> %(but)s"""
)


def attempt(bound: int, **about: Any) -> Attempt:
    facts: dict[str, Any] = {
        "request": uuid4(),
        "agent": "scout",
        "run": None,
        "priority": "pipeline",
        "kind": "simple",
        "tier": "small",
        "model": "openai/small",
        "reason": "test",
        "max_tokens": 10,
    }
    return Attempt(bound=bound, **(facts | about))


def play(url: str, story: Callable[[Budget], Awaitable[None]], limits: Limits = LIMITS, **options: Any) -> None:
    """Run ``story`` over a budget in the database ``url``."""

    async def told() -> None:
        database = AsyncDatabase(Settings(postgres_url=url), name="ledger", size=4)
        await database.open()
        try:
            await story(Budget(database, limits, **options))
        finally:
            await database.close()

    asyncio.run(told())


def budgets(database: Database) -> dict[str, BudgetRow]:
    """By scope; the months of a test are told apart by their order."""
    return {row.id.partition(":")[0]: row for row in database.fetch(BUDGETS)}


def figures(database: Database) -> dict[str, tuple[int, int]]:
    return {scope: (row.committed, row.spent) for scope, row in budgets(database).items()}


def test_a_call_is_reserved_sent_and_booked_in_every_budget_it_belongs_to(
    database: Database, postgres_url: str
) -> None:
    run = uuid4()

    async def story(budget: Budget) -> None:
        call = await budget.reserve(attempt(400, run=run))
        assert figures(database) == {"month": (400, 0), "agent": (400, 0), "run": (400, 0)}
        assert await budget.dispatch(call)
        assert not await budget.dispatch(call), "it is sent once"
        assert await budget.settle(call, 150, Usage(input=10, cache_write=3, cache_write_hour=2, output=7)) == 150
        assert await budget.settle(call, 150) == 0, "it is booked once"
        await budget.release(call, "no")

    play(postgres_url, story)
    assert figures(database) == {"month": (150, 150), "agent": (150, 150), "run": (150, 150)}
    [row] = database.fetch(CALLS)
    assert (row.state, row.cost_nano_usd, row.basis, row.output_tokens) == ("settled", 150, "usage", 7)


def test_what_fits_exactly_is_never_refused_and_one_nano_dollar_more_is(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        await budget.reserve(attempt(800))
        await budget.reserve(attempt(200, agent="writer"))
        with pytest.raises(Refused) as caught:
            await budget.reserve(attempt(1, agent="writer"))
        assert (caught.value.scope, caught.value.room) == ("month", 0)

    play(postgres_url, story)
    assert figures(database)["month"] == (1_000, 0)


@pytest.mark.parametrize(
    ("bound", "scope", "room"), [(1_001, "run", 500), (801, "run", 500), (501, "run", 500)], ids=str
)
def test_a_refusal_leaves_nothing_behind_and_names_the_narrowest_budget(
    database: Database, postgres_url: str, bound: int, scope: str, room: int
) -> None:
    async def story(budget: Budget) -> None:
        with pytest.raises(Refused) as caught:
            await budget.reserve(attempt(bound, run=uuid4()))
        assert (caught.value.scope, caught.value.room) == (scope, room)
        with pytest.raises(Refused) as caught:
            await budget.reserve(attempt(801))
        assert (caught.value.scope, caught.value.room) == ("agent", 800)

    play(postgres_url, story)
    assert set(figures(database).values()) == {(0, 0)}
    assert database.fetch(CALLS) == []


def test_a_call_whose_cost_is_not_known_is_charged_at_its_bound(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        call = await budget.reserve(attempt(400))
        await budget.dispatch(call)
        assert await budget.settle(call, None, error="cut") == 400

    play(postgres_url, story)
    [row] = database.fetch(CALLS)
    assert (row.basis, row.cost_nano_usd, row.error) == ("bound", 400, "cut")


def test_a_refusal_of_the_provider_gives_the_money_back(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        call = await budget.reserve(attempt(400, run=uuid4()))
        await budget.dispatch(call)
        await budget.release(call, "429")
        await budget.release(call, "429")
        assert await budget.settle(call, 400) == 0

    play(postgres_url, story)
    assert set(figures(database).values()) == {(0, 0)}
    assert [row.state for row in database.fetch(CALLS)] == ["released"]


def test_more_than_the_bound_is_booked_told_once_and_disables_the_model(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        calls = [await budget.reserve(attempt(100)) for _ in range(3)]
        for call in calls:
            await budget.dispatch(call)
            assert await budget.settle(call, 700) == 700
        with pytest.raises(Refused, match="disabled") as caught:
            await budget.reserve(attempt(1))
        assert caught.value.scope == "model"
        with pytest.raises(Refused) as caught:
            await budget.reserve(attempt(1, model="openai/other"))
        assert (caught.value.scope, caught.value.room) == ("agent", 0)

    play(postgres_url, story)
    month = budgets(database)["month"]
    assert (month.spent, month.committed, month.excess) == (2_100, 2_100, 1_800)
    overruns = [alert for alert in database.fetch(ALERTS) if alert.kind == "overrun"]
    assert len(overruns) == 1
    assert "700 nano-dollars for a call bounded by 100" in overruns[0].said


def test_alerts_at_50_80_and_100_percent_are_raised_and_told_exactly_once(
    database: Database, postgres_url: str
) -> None:
    told: list[str] = []
    row = {"name": "ops", "kind": "slack", "url": "https://hooks.example/x", "notices": True}
    destination = database.fetch(destinations.CREATE, row)[0].id

    async def story(budget: Budget) -> None:
        async def spend(_: int) -> None:
            call = await budget.reserve(attempt(10, agent="a"))
            await budget.dispatch(call)
            await budget.settle(call, 10)

        async def tell(_: int) -> None:
            told.extend(alert.id.rpartition(":")[2] for alert in await budget.untold())

        await asyncio.gather(*map(spend, range(49)))
        assert await budget.untold() == []
        await asyncio.gather(*map(spend, range(51)), *map(tell, range(10)))
        await asyncio.gather(*map(tell, range(10)))

    play(postgres_url, story, Limits(month=1_000, agent=1_000, run=1))
    assert sorted(told) == ["100", "50", "80"]
    assert [alert.percent for alert in database.fetch(ALERTS)] == [50, 80, 100]
    on_their_way = database.fetch(
        destinations.PAGE, {"state": "pending", "destination": destination, "before": None, "limit": 9}
    )
    assert sorted(str(one.notice).rpartition(":")[2] for one in on_their_way) == ["100", "50", "80"]


def test_a_refusal_near_the_end_says_that_the_budget_is_used_up_once_and_one_far_from_it_does_not(
    database: Database, postgres_url: str
) -> None:
    async def story(budget: Budget) -> None:
        await budget.reserve(attempt(700))
        await budget.exhausted()
        assert database.fetch(ALERTS) == []
        await budget.reserve(attempt(260, agent="writer"))
        for _ in range(3):
            budget._noted = -10.0
            await budget.exhausted()

    play(postgres_url, story)
    assert [alert.percent for alert in database.fetch(ALERTS)] == [100]


def test_a_limit_that_is_raised_is_not_used_up_any_more_and_its_marks_are_told_anew(
    database: Database, postgres_url: str
) -> None:
    row = {"name": "ops", "kind": "slack", "url": "https://hooks.example/x", "notices": True}
    destination = database.fetch(destinations.CREATE, row)[0].id

    async def spend(budget: Budget, nano: int) -> None:
        call = await budget.reserve(attempt(nano))
        await budget.dispatch(call)
        await budget.settle(call, nano)

    async def spent(budget: Budget) -> None:
        await spend(budget, 100)
        await budget.untold()
        month = await budget.month()
        assert month is not None
        assert (month.used_up, month.marks) == (True, 100)

    async def raised(budget: Budget) -> None:
        await budget.adopt_limits()
        month = await budget.month()
        assert month is not None
        assert (month.used_up, month.marks) == (False, 50), "100 of 200 are spent"
        await spend(budget, 60)
        assert [alert.percent for alert in await budget.untold()] == [80]

    play(postgres_url, spent, Limits(month=100, agent=100, run=1))
    play(postgres_url, raised, Limits(month=200, agent=200, run=1))
    page = {"state": "pending", "destination": destination, "before": None, "limit": 9}
    marks = sorted(str(one.notice).rpartition(":")[2] for one in database.fetch(destinations.PAGE, page))
    assert marks == ["100", "50", "80", "80"]


def test_money_that_comes_back_makes_the_budget_usable_again(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        call = await budget.reserve(attempt(960))
        await budget.exhausted()
        month = await budget.month()
        assert month is not None
        assert month.used_up
        await budget.release(call, "refused")
        month = await budget.month()
        assert month is not None
        assert not month.used_up

    play(postgres_url, story, Limits(month=1_000, agent=1_000, run=1))


def test_what_dead_workers_left_behind_is_given_back_unsent_and_charged_when_sent(
    database: Database, postgres_url: str
) -> None:
    async def story(budget: Budget) -> None:
        unsent, sent, young = [await budget.reserve(attempt(100)) for _ in range(3)]
        await budget.dispatch(sent)
        assert await budget.sweep() == 0, "it is too early"
        database.execute(AGE, {"but": young})
        assert await budget.sweep() == 2
        assert not await budget.dispatch(unsent), "what expired must not be sent"
        assert await budget.dispatch(young)

    play(postgres_url, story)
    assert figures(database)["month"] == (200, 100)
    assert {(row.state, row.basis) for row in database.fetch(CALLS)} == {
        ("released", None),
        ("settled", "bound"),
        ("dispatched", None),
    }


def test_a_call_that_straddles_the_months_end_is_booked_in_the_month_that_reserved_it(
    database: Database, postgres_url: str
) -> None:
    run = uuid4()

    async def story(budget: Budget) -> None:
        old = await budget.reserve(attempt(400, run=run))
        await budget.dispatch(old)
        database.execute(NEXT_MONTH)
        new = await budget.reserve(attempt(100, run=run))
        await budget.dispatch(new)
        await budget.settle(new, 60)
        await budget.settle(old, 300)
        await budget.reserve(attempt(800, agent="writer"))  # the new month has its whole budget but for those 60

    play(postgres_url, story)
    rows = {row.id: (row.committed, row.spent) for row in database.fetch(BUDGETS)}
    months = sorted(id for id in rows if id.startswith("month:"))
    assert [rows[id] for id in months] == [(300, 300), (860, 60)]
    assert rows[f"run:{run}"] == (360, 360), "a run's budget knows no months"


def test_a_limit_that_is_lowered_below_what_is_spent_refuses_and_one_that_is_raised_allows(
    database: Database, postgres_url: str
) -> None:
    async def spend(budget: Budget) -> None:
        await budget.reserve(attempt(700))

    async def lowered(budget: Budget) -> None:
        await budget.adopt_limits()
        with pytest.raises(Refused) as caught:
            await budget.reserve(attempt(1))
        assert caught.value.room == 0

    async def raised(budget: Budget) -> None:
        await budget.adopt_limits()
        await budget.reserve(attempt(1_300))

    play(postgres_url, spend)
    play(postgres_url, lowered, Limits(month=100, agent=100, run=100))
    play(postgres_url, raised, Limits(month=2_000, agent=2_000, run=100))
    assert figures(database)["month"] == (2_000, 0)


def test_without_its_condition_a_reservation_is_refused_by_the_table_itself(
    database: Database, postgres_url: str
) -> None:
    async def story(budget: Budget) -> None:
        await budget.reserve(attempt(900, agent="a"))
        with pytest.raises(StoreRejected, match="budget_never_passed"):
            await budget.reserve(attempt(101, agent="b"))

    play(postgres_url, story, Limits(month=1_000, agent=1_000, run=1), reserve=reserve("true"))
    assert figures(database)["month"] == (900, 0)


def test_the_statement_that_ships_has_the_condition() -> None:
    assert RESERVE.sql.count("committed + %(bound)s <= cap") == 2
    assert "synchronous_commit" not in DISPATCH.sql, "this one waits for the disk, for the reservation before it too"


def test_what_costs_nothing_needs_no_room_and_has_a_row(database: Database, postgres_url: str) -> None:
    async def story(budget: Budget) -> None:
        await budget.reserve(attempt(800))
        free = await budget.reserve(attempt(0, model="ollama/q"))
        await budget.dispatch(free)
        assert await budget.settle(free, 0) == 0

    play(postgres_url, story, Limits(month=800, agent=800, run=1))
    assert figures(database)["month"] == (800, 0)
    assert [row.state for row in database.fetch(CALLS)] == ["reserved", "settled"]
