"""The gateway over the real ledger and a provider that keeps its own bill."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from services.worker.llm.budget import Budget
from services.worker.llm.gateway import ATTEMPTS, CHEAPEST, Gateway
from services.worker.llm.request import Answer, Reply, Tool
from services.worker.llm.tiers import Model, times
from shared.errors import ModelUnavailable, StoreRejected
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.support.fake_llm import Fake
from tests.support.llm import ALERTS, BUDGETS, CALLS, PRICE, limits, model, open_gateway, request

SMALL = model("openai/small", tier="small", quality=2)
LARGE = model("anthropic/large", tier="large", quality=5)
LOCAL = model("ollama/local", tier="local", quality=1, can=("simple",), at_a_pinch=("analysis", "reasoning"))

Story = Callable[[Gateway, Budget], Awaitable[Any]]


class Slept(list[float]):
    """Pauses that were asked for; none of them is made."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


class Heard:
    """An answer as it is heard."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.pieces: list[str] = []
        self.first = asyncio.Event()

    def begin(self, model: str) -> None:
        self.begun.append(model)

    def text(self, piece: str) -> None:
        self.pieces.append(piece)
        self.first.set()


@pytest.fixture
def play(postgres_url: str, fake: Fake) -> Callable[..., Any]:
    def run(story: Story, *models: Model, **options: Any) -> Any:
        async def told() -> Any:
            async with open_gateway(postgres_url, fake.url, models, **options) as (gateway, budget):
                return await story(gateway, budget)

        return asyncio.run(told())

    return run


def asking(**about: Any) -> Story:
    async def story(gateway: Gateway, _: Budget) -> Answer:
        return await gateway.complete(request(**about))

    return story


def squared(database: Database, fake: Fake) -> None:
    """The ledger has a row for each attempt that the provider saw, and nothing is open."""
    calls = database.fetch(CALLS)
    assert len([call for call in calls if call.error != "Not sent."]) == len(fake.attempts)
    assert {call.state for call in calls} <= {"settled", "released"}
    spent = sum(call.cost_nano_usd or 0 for call in calls)
    for row in database.fetch(BUDGETS):
        assert row.committed == row.spent
        if row.id.startswith("month:"):
            assert row.spent == spent
    paid = [attempt for attempt in fake.attempts if attempt["model"] != "local"]
    assert sum(attempt["nano"] for attempt in paid) <= spent


# --- which model ---------------------------------------------------------------------------------------------------


def test_the_cheapest_that_can_do_it_is_asked_and_the_bill_agrees_to_the_nano_dollar(
    play: Any, database: Database, fake: Fake
) -> None:
    dear = model("anthropic/large", tier="large", price=PRICE)
    answer = play(asking(), LOCAL, SMALL, dear)
    assert (answer.model, answer.reason, answer.cost_nano_usd) == ("ollama/local", CHEAPEST, 0)
    answer = play(asking(kind="reasoning"), LOCAL, SMALL, dear)
    assert (answer.model, answer.tier, answer.attempts) == ("openai/small", "small", 1)
    call = database.fetch(CALLS)[-1]
    assert (call.kind, call.reason, call.agent, call.tier) == ("reasoning", CHEAPEST, "scout", "small")
    assert call.cost_nano_usd == answer.cost_nano_usd == fake.attempts[-1]["nano"]
    squared(database, fake)


def test_a_failure_goes_to_the_next_model_and_the_reason_is_on_its_row(
    play: Any, database: Database, fake: Fake
) -> None:
    fake.control(script=["400"])
    answer = play(asking(), SMALL, LARGE)
    assert answer.model == "anthropic/large"
    first, second = database.fetch(CALLS)
    assert (first.state, first.cost_nano_usd) == ("released", None)
    assert "400" in (first.error or "")
    assert second.reason.startswith("openai/small did not answer: openai refused the question")
    assert first.request == second.request
    squared(database, fake)


def test_a_broken_contract_goes_to_a_better_model_and_both_answers_are_paid(
    play: Any, database: Database, fake: Fake
) -> None:
    seen: list[Reply] = []

    def contract(reply: Reply) -> str | None:
        seen.append(reply)
        return None if len(seen) == 2 else "it cites nothing"

    async def story(gateway: Gateway, _: Budget) -> Answer:
        return await gateway.complete(request(), contract=contract)

    worse = model("gemini/worse", tier="worse", quality=1)
    answer = play(story, SMALL, worse, LARGE)
    assert answer.model == "anthropic/large"
    assert answer.reason == "openai/small broke its contract: it cites nothing"
    assert [call.error for call in database.fetch(CALLS)] == ["contract: it cites nothing", None]
    assert answer.cost_nano_usd == fake.bill
    assert answer.attempts == 2
    squared(database, fake)


def test_when_nobody_keeps_the_contract_it_says_so(play: Any, fake: Fake) -> None:
    async def story(gateway: Gateway, _: Budget) -> None:
        await gateway.complete(request(), contract=lambda _: "no")

    with pytest.raises(ModelUnavailable, match=r"openai/small broke its contract: no\. anthropic/large broke"):
        play(story, SMALL, LARGE)


def test_with_no_model_set_up_it_says_so(play: Any) -> None:
    with pytest.raises(ModelUnavailable, match="None is set up that can do this"):
        play(asking())


def test_a_model_that_cannot_use_tools_is_not_given_any(play: Any, fake: Fake) -> None:
    tool = Tool(name="search", description="Search.", parameters={"type": "object"})
    answer = play(asking(text="CALL TOOL", tools=(tool,)), LOCAL, SMALL)
    assert answer.model == "openai/small"
    assert [call.name for call in answer.reply.calls] == ["search"]


# --- money ---------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_asked_for_less_then_of_a_cheaper_model_then_of_a_free_one(
    play: Any, database: Database, fake: Fake
) -> None:
    # the better model reads dearer, so that a shorter answer of it does not fit where one of the other does
    dear = model("anthropic/large", tier="large", quality=5, can=("analysis",), price=times(PRICE, 4))
    cheap = model("openai/small", tier="small", quality=2, can=("simple",), at_a_pinch=("analysis",))
    models = (LOCAL, cheap, dear)
    allowed = {"allowed": limits(0.030)}
    fake.control(share=[1.0, 1.0])
    first = play(asking(kind="analysis", max_tokens=5_000, least_tokens=400), *models, **allowed)
    assert first.model == "anthropic/large"
    assert "for which there is money" in database.fetch(CALLS)[0].reason
    assert fake.attempts[0]["max"] < 5_000
    assert fake.attempts[0]["max"] == database.fetch(CALLS)[0].max_tokens
    second = play(asking(kind="analysis", max_tokens=400, least_tokens=400), *models, **allowed)
    assert second.model == "openai/small"
    assert second.reason.startswith("anthropic/large was not paid for:")
    while True:
        third = play(asking(kind="analysis", max_tokens=400, least_tokens=400), *models, **allowed)
        if third.model == "ollama/local":
            break
    assert third.cost_nano_usd == 0
    squared(database, fake)
    assert sum(attempt["nano"] for attempt in fake.attempts if attempt["model"] == "small") < 30_000_000


def test_after_exhaustion_free_models_go_on_and_without_any_it_says_what_is_left(
    play: Any, database: Database, fake: Fake
) -> None:
    nothing = {"allowed": limits(0.0)}
    assert play(asking(), SMALL, model("ollama/local"), **nothing).cost_nano_usd == 0
    with pytest.raises(ModelUnavailable, match=r"and \$0\.0000 of the month's budget is left"):
        play(asking(), SMALL, LARGE, **nothing)
    assert [attempt["model"] for attempt in fake.attempts] == ["local"]
    assert [alert.percent for alert in database.fetch(ALERTS)] == [100]


class Spend(Schema, frozen=True, kw_only=True):
    id: UUID
    spend_nano_usd: int


RUN = Statement(
    "INSERT INTO run (kind, topic, title) VALUES ('briefing', 't', 't') RETURNING id, spend_nano_usd", Spend
)
SPEND = Statement("SELECT id, spend_nano_usd FROM run", Spend)


def test_a_loop_of_fifty_steps_stays_within_its_runs_budget_and_the_run_says_what_it_spent(
    play: Any, database: Database, fake: Fake
) -> None:
    run = database.fetch(RUN)[0].id
    fake.control(share=[1.0, 1.0])

    async def story(gateway: Gateway, _: Budget) -> int:
        for step in range(50):
            if await _refused(gateway, f"step {step}", run):
                return step
        return 50

    steps = play(story, SMALL, allowed=limits(1.0, run=0.02))
    assert 10 < steps < 50
    assert fake.bill <= 20_000_000
    assert database.fetch(SPEND)[0].spend_nano_usd == fake.bill
    squared(database, fake)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", ["anthropic", "gemini", "openai"])
def test_usage_that_is_missing_is_charged_at_the_bound(
    play: Any, database: Database, fake: Fake, wire: str, stream: bool
) -> None:
    fake.control(script=["no-usage"])

    async def story(gateway: Gateway, _: Budget) -> Answer:
        return await gateway.complete(request(), listener=Heard() if stream else None)

    answer = play(story, model(f"{wire}/m"))
    [call] = database.fetch(CALLS)
    assert (call.basis, call.cost_nano_usd) == ("bound", call.bound_nano_usd)
    assert answer.cost_nano_usd == call.bound_nano_usd > fake.bill


def test_an_answer_written_to_the_cache_whole_is_within_its_bound_and_booked_exactly(
    play: Any, database: Database, fake: Fake
) -> None:
    fake.control(script=["cache-write"], share=[1.0, 1.0])
    answer = play(asking(text="気" * 3_000, cached=True), LARGE)
    [call] = database.fetch(CALLS)
    assert answer.cost_nano_usd == call.cost_nano_usd == fake.bill <= call.bound_nano_usd
    squared(database, fake)


def test_a_provider_that_bills_above_the_bound_is_booked_told_and_asked_no_more(
    play: Any, database: Database, fake: Fake
) -> None:
    fake.control(script=["over-max"])

    async def story(gateway: Gateway, _: Budget) -> Answer:
        await gateway.complete(request())
        return await gateway.complete(request())

    second = play(story, SMALL, LARGE, allowed=limits(10))
    assert second.model == "anthropic/large"
    first = database.fetch(CALLS)[0]
    assert first.cost_nano_usd == fake.attempts[0]["nano"] > first.bound_nano_usd
    assert [alert.kind for alert in database.fetch(ALERTS) if alert.kind == "overrun"] == ["overrun"]
    assert [attempt["model"] for attempt in fake.attempts] == ["small", "large"]


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "openai"])
def test_a_stream_cut_at_any_piece_is_charged_at_least_what_is_billed(
    play: Any, database: Database, fake: Fake, wire: str
) -> None:
    async def story(gateway: Gateway, _: Budget) -> None:
        for cut in range(10):
            fake.control(script=[f"cut:{cut}"])
            spent = sum(call.cost_nano_usd or 0 for call in database.fetch(CALLS))
            await gateway.complete(request(), listener=Heard())
            await gateway.booked()
            booked = sum(call.cost_nano_usd or 0 for call in database.fetch(CALLS)) - spent
            assert booked >= fake.bill, cut

    play(story, model(f"{wire}/m"), sleep=Slept())
    assert {call.state for call in database.fetch(CALLS)} == {"settled"}


def test_an_answer_does_not_wait_for_its_booking_and_the_next_request_does(
    play: Any, database: Database, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a budget in which the bound of one request fits, and not that of two
    settle, slow = Budget.settle, asyncio.Event()

    async def delayed(self: Budget, *args: Any) -> int:
        await slow.wait()
        return await settle(self, *args)

    monkeypatch.setattr(Budget, "settle", delayed)

    async def story(gateway: Gateway, _: Budget) -> None:
        first = await gateway.complete(request())
        assert first.cost_nano_usd == fake.bill > 0
        assert [call.state for call in database.fetch(CALLS)] == ["dispatched"]
        second = asyncio.create_task(gateway.complete(request()))
        await asyncio.sleep(0.05)
        assert len(fake.attempts) == 1  # it is not refused for the sake of what was not spent, and not sent either
        slow.set()
        assert (await second).reason == CHEAPEST

    play(story, SMALL, allowed=limits(0.007))
    squared(database, fake)


def test_a_booking_that_the_ledger_rejects_is_left_to_the_sweep(
    play: Any, database: Database, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rejected(*_: Any) -> int:
        raise StoreRejected("PostgreSQL rejected a statement.")

    monkeypatch.setattr(Budget, "settle", rejected)

    async def story(gateway: Gateway, _: Budget) -> None:
        await gateway.complete(request())
        await gateway.booked()

    play(story, SMALL)
    assert [call.state for call in database.fetch(CALLS)] == ["dispatched"]


# --- limits of providers -------------------------------------------------------------------------------------------


def test_every_attempt_is_reserved_anew_and_pauses_obey_retry_after(play: Any, database: Database, fake: Fake) -> None:
    fake.control(script=["429:3", "529"])
    slept = Slept()
    answer = play(asking(), SMALL, sleep=slept, chance=random.Random(1))
    assert answer.attempts == 3
    assert 3 <= slept[0] < 3.6
    assert [call.reason for call in database.fetch(CALLS)] == [
        CHEAPEST,
        "attempt 2 after limited",
        "attempt 3 after overloaded",
    ]
    squared(database, fake)


@pytest.mark.parametrize("failure", ["500", "garbage", "reset"])
def test_a_failure_of_unknown_cost_is_repeated_once_only(
    play: Any, database: Database, fake: Fake, failure: str
) -> None:
    fake.control(always={"small": failure})
    answer = play(asking(), SMALL, LARGE, sleep=Slept())
    assert answer.model == "anthropic/large"
    *failed, last = database.fetch(CALLS)
    assert [(call.model, call.basis) for call in failed] == [("openai/small", "bound")] * 2
    assert last.basis == "usage"
    squared(database, fake)


def test_what_was_not_billed_does_not_count_against_the_one_repeat(play: Any, database: Database, fake: Fake) -> None:
    fake.control(script=["500", "429:1", "ok"])
    assert play(asking(), SMALL, LARGE, sleep=Slept()).model == "openai/small"
    assert [call.state for call in database.fetch(CALLS)] == ["settled", "released", "settled"]


def test_what_costs_nothing_is_asked_three_times(play: Any, fake: Fake) -> None:
    fake.control(always={"local": "500"})
    play(asking(kind="simple"), LOCAL, SMALL, sleep=Slept())
    assert [attempt["model"] for attempt in fake.attempts].count("local") == ATTEMPTS


def test_a_pause_that_is_too_long_for_whoever_waits_leads_to_another_model(play: Any, fake: Fake) -> None:
    fake.control(script=["429:60"])
    slept = Slept()
    answer = play(asking(priority="interactive"), SMALL, LARGE, sleep=slept)
    assert answer.model == "anthropic/large"
    assert slept == []


def test_the_accounts_own_limit_is_never_tried_again(play: Any, database: Database, fake: Fake) -> None:
    fake.control(script=["429-cap"])

    async def story(gateway: Gateway, _: Budget) -> list[str]:
        return [(await gateway.complete(request())).model for _ in range(3)]

    assert play(story, SMALL, LARGE) == ["anthropic/large"] * 3
    assert [attempt["model"] for attempt in fake.attempts].count("small") == 1
    squared(database, fake)


def test_a_provider_that_does_not_answer_is_told_in_words_until_it_answers(play: Any, fake: Fake) -> None:
    fake.control(script=["429-cap", "400", "ok"])

    async def story(gateway: Gateway, _: Budget) -> None:
        assert gateway.trouble is None
        for why in ("openai says that its account's own spend limit is met", "; it is asked again in"):
            with pytest.raises(ModelUnavailable) as caught:
                await gateway.complete(request())
            assert why in caught.value.why
            assert "fake 429" not in caught.value.why, "what a provider says is kept with the attempt, not shown"
        assert gateway.trouble == "openai says that its account's own spend limit is met."
        gateway._gates["openai"]._paused_until = 0.0
        with pytest.raises(ModelUnavailable, match="openai refused the question"):
            await gateway.complete(request())
        await gateway.complete(request())
        assert gateway.trouble is None

    play(story, SMALL)


def test_a_refusal_tells_what_is_left_in_dollars(play: Any) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        play(asking(), SMALL, allowed=limits(month=0.0001))
    assert "it may cost $0.00" in caught.value.why
    assert "$0.0001 of the month's budget is left" in caught.value.why


def test_a_provider_in_trouble_is_left_alone(play: Any, database: Database, fake: Fake) -> None:
    fake.control(always={"small": "529"})

    async def story(gateway: Gateway, _: Budget) -> list[str]:
        return [(await gateway.complete(request())).model for _ in range(5)]

    assert play(story, SMALL, LARGE, sleep=Slept()) == ["anthropic/large"] * 5
    models = [attempt["model"] for attempt in fake.attempts]
    assert models.count("small") == 5
    assert ATTEMPTS == 3
    squared(database, fake)


def test_no_more_calls_are_at_a_provider_than_its_places(play: Any, database: Database, fake: Fake) -> None:
    fake.control(delay=[0.005, 0.01])

    async def story(gateway: Gateway, _: Budget) -> None:
        await asyncio.gather(*(gateway.complete(request()) for _ in range(60)))

    play(story, SMALL, allowed=limits(10))
    assert 2 <= fake.seen()["most_flying"] <= 16
    squared(database, fake)


# --- cancelling ----------------------------------------------------------------------------------------------------


def test_a_stream_that_nobody_hears_any_more_is_read_to_its_end_and_booked_exactly(
    play: Any, database: Database, fake: Fake
) -> None:
    fake.control(script=["dribble:0.05"])
    heard: list[Heard] = []

    async def story(gateway: Gateway, _: Budget) -> int:
        heard.append(Heard())
        task = asyncio.create_task(gateway.complete(request(), listener=heard[0]))
        await asyncio.wait_for(heard[0].first.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(heard[0].pieces)

    pieces = play(story, SMALL)
    [call] = database.fetch(CALLS)
    assert (call.state, call.basis, call.cost_nano_usd) == ("settled", "usage", fake.bill)
    assert len(heard[0].pieces) == pieces, "nobody is told any more"


def test_a_call_that_is_cancelled_before_it_is_sent_costs_nothing(play: Any, database: Database, fake: Fake) -> None:
    async def story(gateway: Gateway, budget: Budget) -> None:
        for steps in range(0, 60, 3):
            task = asyncio.create_task(gateway.complete(request()))
            for _ in range(steps):
                await asyncio.sleep(0.0002)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await gateway.close()
        await budget.sweep(unsent_seconds=0)

    play(story, SMALL)
    calls = database.fetch(CALLS)
    assert {call.state for call in calls} <= {"settled", "released"}
    assert len([call for call in calls if call.state == "settled"]) == len(fake.attempts)
    assert sum(call.cost_nano_usd or 0 for call in calls) == fake.bill


async def _refused(gateway: Gateway, text: str, run: UUID) -> bool:
    """Whether the run's budget has no room for another step."""
    try:
        await gateway.complete(request(text, run=run, least_tokens=200))
    except ModelUnavailable as error:
        return "the run's budget" in str(error)
    return False
