"""Whatever dies in the middle of a call, the ledger never has less than the provider's bill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from services.solo.children import Child
from services.solo.engines import Postgres
from services.worker.llm.budget import Budget
from services.worker.llm.gateway import Gateway
from shared.config.load import foreign_environment
from shared.errors import GroundswellError, ModelUnavailable, StoreUnavailable
from shared.store.database import Database
from shared.store.migrate import migrate
from tests.support.fake_llm import Fake
from tests.support.llm import BUDGETS, CALLS, DOLLAR, limits, model, open_gateway, request, settings
from tests.support.llm_kills import POINTS
from tests.support.severable import severable
from tests.support.waiting import until

SMALL = model("openai/small")


def run(story: Any, url: str, fake: Fake, *models: Any, **options: Any) -> Any:
    async def told() -> Any:
        async with open_gateway(url, fake.url, models or (SMALL,), **options) as (gateway, budget):
            return await story(gateway, budget)

    return asyncio.run(told())


def test_a_worker_killed_at_any_point_of_a_call_leaves_the_ledger_at_or_above_the_bill(
    database: Database, postgres_url: str, fake: Fake
) -> None:
    # given a provider that is slow when the process is killed while it works
    fake.control(script=["slow:1", "ok", "ok"])
    command = [sys.executable, "-m", "tests.support.llm_kills", postgres_url, fake.url]
    subprocess.run(command, check=True, timeout=60)
    calls = database.fetch(CALLS)
    assert [call.state for call in calls] == ["reserved", "dispatched", "dispatched", "dispatched", "settled"]
    until(lambda: len(fake.attempts) == 3)

    # when another worker cleans up after them
    async def sweep(_: Gateway, budget: Budget) -> int:
        return await budget.sweep(unsent_seconds=0, unknown_seconds=0)

    assert run(sweep, postgres_url, fake) == 4
    # then what was never sent is given back, what may have been is charged whole, and what is known is exact
    calls = dict(zip(POINTS, database.fetch(CALLS), strict=True))
    assert {point: (call.state, call.basis) for point, call in calls.items()} == {
        "reserved": ("released", None),
        "dispatched": ("settled", "bound"),
        "sent": ("settled", "bound"),
        "answered": ("settled", "bound"),
        "settled": ("settled", "usage"),
    }
    assert calls["settled"].cost_nano_usd == fake.attempts[-1]["nano"]
    month = database.fetch(BUDGETS)[-1]
    assert fake.bill <= month.spent == month.committed == sum(call.cost_nano_usd or 0 for call in calls.values())


def test_without_its_ledger_nothing_paid_is_sent_and_free_models_go_on(
    postgres_url: str, database: Database, fake: Fake
) -> None:
    local = model("ollama/local")

    async def story(gateway: Gateway, _: Budget) -> None:
        line.cut()
        answer = await gateway.complete(request())
        assert answer.model == "ollama/local"
        line.mend()
        assert (await gateway.complete(request(kind="reasoning"))).model == "openai/small"

    with severable(postgres_url) as (line, url):
        run(story, url, fake, model("ollama/local", can=("simple",)), SMALL)
        with pytest.raises(ModelUnavailable, match="the ledger did not answer"):
            run(_cut_first(line), url, fake)
    assert [attempt["model"] for attempt in fake.attempts] == ["local", "small"]
    assert local.free


def _cut_first(line: Any) -> Any:
    async def story(gateway: Gateway, _: Budget) -> None:
        line.cut()
        await gateway.complete(request())

    return story


def test_a_cost_that_cannot_be_booked_is_booked_when_the_ledger_is_back(
    postgres_url: str, database: Database, fake: Fake
) -> None:
    fake.control(script=["slow:0.4"])

    async def story(gateway: Gateway, _: Budget) -> int:
        task = asyncio.create_task(gateway.complete(request()))
        await asyncio.to_thread(until, lambda: fake.attempts)
        line.cut()
        cost = (await task).cost_nano_usd
        with pytest.raises(StoreUnavailable):
            await gateway.keep()
        assert database.fetch(CALLS)[0].state == "dispatched"
        line.mend()
        await gateway.keep()
        return cost

    with severable(postgres_url) as (line, url):
        cost = run(story, url, fake)
    [call] = database.fetch(CALLS)
    assert (call.state, call.basis, call.cost_nano_usd) == ("settled", "usage", fake.bill)
    assert cost == fake.bill


def test_that_an_answer_broke_its_contract_is_noted_when_the_ledger_is_back(
    postgres_url: str, database: Database, fake: Fake
) -> None:
    fake.control(script=["slow:0.4"])

    async def story(gateway: Gateway, _: Budget) -> None:
        task = asyncio.create_task(gateway.complete(request(), contract=lambda _: "it cites nothing"))
        await asyncio.to_thread(until, lambda: fake.attempts)
        line.cut()
        with pytest.raises(ModelUnavailable):
            await task
        line.mend()
        await gateway.keep()

    with severable(postgres_url) as (line, url):
        run(story, url, fake)
    [call] = database.fetch(CALLS)
    assert (call.state, call.basis, call.error) == ("settled", "usage", "contract: it cites nothing")


@pytest.fixture
def own_postgres() -> Iterator[tuple[Child, str]]:
    """A server of its own, which may be killed."""
    with tempfile.TemporaryDirectory(prefix="groundswell-ledger-") as folder:
        Path(folder).chmod(0o755)
        postgres = Postgres(Path(folder) / "data", foreign_environment())
        postgres.prepare()
        child = Child(postgres.spec(), Path(folder))
        child.start()
        try:
            until(lambda: child.poll() or child.state == "running", 60)
            database = Database(settings(postgres.url), name="migrate", size=1)
            database.open()
            migrate(database)
            database.close()
            yield child, postgres.url
        finally:
            child.ask_to_stop()
            child.wait_stopped()


def test_with_postgresql_killed_and_valkey_emptied_under_load_nothing_is_overspent(
    own_postgres: tuple[Child, str], valkey_url: str, fake: Fake
) -> None:
    child, url = own_postgres
    fake.control(delay=[0.0, 0.05], mix={"ok": 0.8, "no-usage": 0.1, "500": 0.05, "429": 0.05}, share=[0.5, 1.0])
    over = threading.Event()
    kills = 0

    def disturb() -> None:
        nonlocal kills
        while not over.wait(0.1):
            child.poll()
            if kills < 2 and len(fake.attempts) >= 30 * (kills + 1) and child.state == "running":
                kills += 1
                assert child.pid
                os.kill(child.pid, signal.SIGKILL)
                with redis.Redis.from_url(valkey_url) as valkey:
                    valkey.flushall()

    async def story(gateway: Gateway, budget: Budget) -> None:
        async def spend(number: int) -> None:
            asked = request(max_tokens=3_000, least_tokens=100, agent=f"agent{number % 3}")
            for _ in range(30):
                try:
                    await gateway.complete(asked)
                except GroundswellError:
                    await asyncio.sleep(0.2)

        disturber.start()
        async with asyncio.timeout(60):
            await asyncio.gather(*map(spend, range(40)), return_exceptions=True)
        await asyncio.to_thread(until, lambda: child.state == "running", 60)
        await gateway.close()
        await asyncio.to_thread(until, lambda: _swept(url), 60)

    disturber = threading.Thread(target=disturb)
    try:  # the server that was started anew ends with the thread that started it
        run(story, url, fake, allowed=limits(2.0))  # enough for calls after both kills
        database = Database(settings(url), name="judge", size=1)
        database.open()
        calls, month = database.fetch(CALLS), database.fetch(BUDGETS)[-1]
        database.close()
    finally:
        over.set()
        disturber.join()
    assert kills == 2
    assert fake.bill <= month.spent == month.committed <= 2 * DOLLAR
    assert month.spent == sum(call.cost_nano_usd or 0 for call in calls)
    assert {call.state for call in calls} <= {"settled", "released"}
    charged = [attempt for attempt in fake.attempts if attempt["nano"]]
    assert len(charged) <= len([call for call in calls if call.state == "settled"])


def _swept(url: str) -> bool:
    """End what was left open when the server died."""

    async def sweep() -> None:
        async with open_gateway(url, "http://127.0.0.1:9", (SMALL,)) as (_, budget):
            await budget.sweep(unsent_seconds=0, unknown_seconds=0)

    try:
        asyncio.run(sweep())
    except StoreUnavailable:
        return False
    return True
