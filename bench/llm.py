"""What the gateway adds to a call: its ledger, queue and wire, beside litellm's own overhead, in the same run.

    python -m bench.llm [--rounds N]

A provider that answers at once runs in a process of its own. In each round the same question goes, one after another
in changing order, over bare httpx, through the gateway (reserve, dispatch, settle in PostgreSQL with the settings of
``make run``), through ``litellm.acompletion``, and, for Claude, through Anthropic's SDK alone and the gateway.
Added is the difference to bare httpx at the same percentile. On a shared machine the ratio is the figure to trust.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from services.solo.children import Child
from services.solo.engines import Postgres
from services.worker.llm.open import make_provider
from services.worker.llm.providers.through_litellm import _imported
from shared.config.load import foreign_environment
from shared.store.database import Database
from shared.store.migrate import migrate
from tests.support.budget_proof import fake_process
from tests.support.llm import limits, model, open_gateway, request, settings
from tests.support.waiting import until

ROUNDS, WARM = 400, 40
GOAL_P50_MS, GOAL_P99_MS, GOAL_RATIO = 3.0, 9.0, 0.6
TEXT = "What do people say about the tide? " * 20

Way = Callable[[], Awaitable[object]]


async def measure(url: str, fake: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, by way."""
    about = settings(url, fake)
    asked = request(TEXT)
    wire: Any = make_provider("openai", about)
    claude: Any = make_provider("anthropic", about)
    body = wire.prepare("small", asked, asked.max_tokens, stream=False)
    sdk = claude.prepare("small", asked, asked.max_tokens, stream=False)
    litellm = _imported()
    await claude.ready()
    models = (model("openai/small", can=("simple",)), model("anthropic/small", can=("reasoning",)))
    async with (
        httpx.AsyncClient(trust_env=False) as bare,
        open_gateway(url, fake, models, limits(1_000)) as (gateway, _),
    ):
        headers = {"content-type": "application/json", "authorization": "Bearer k"}

        async def through_httpx() -> object:
            response = await bare.post(f"{fake}/v1/chat/completions", content=body.body, headers=headers)
            return response.json()

        ways: dict[str, Way] = {
            "bare httpx": through_httpx,
            "gateway": lambda: gateway.complete(request(TEXT)),
            "litellm.acompletion": lambda: litellm.acompletion(
                model="openai/small",
                messages=[{"role": "user", "content": TEXT}],
                max_tokens=asked.max_tokens,
                api_base=f"{fake}/v1",
                api_key="k",
                num_retries=0,
                max_retries=0,
            ),
            "Anthropic's SDK": lambda: claude.send(sdk, None, 10),
            "gateway, Claude": lambda: gateway.complete(request(TEXT, kind="reasoning")),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        chance = random.Random(1)
        for number in range(rounds + WARM):
            for name in chance.sample(list(ways), len(ways)):
                begun = time.perf_counter()
                await ways[name]()
                if number >= WARM:
                    took[name].append((time.perf_counter() - begun) * 1e3)
                await gateway.booked()  # else the next way would pay for it
        await claude.close()
        await wire.close()
    return took


def table(took: dict[str, list[float]]) -> str:
    """The figures, and how they stand to the goals."""
    bare = took["bare httpx"]
    lines = [
        "| way | p50 ms | p99 ms | added p50 ms | added p99 ms | of litellm's added |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    litellm = (
        at(took["litellm.acompletion"], 0.5) - at(bare, 0.5),
        at(took["litellm.acompletion"], 0.99) - at(bare, 0.99),
    )
    added = {}
    for name, times in took.items():
        p50, p99 = at(times, 0.5), at(times, 0.99)
        added[name] = p50 - at(bare, 0.5), p99 - at(bare, 0.99)
        line = f"| {name} | {p50:.2f} | {p99:.2f} |"
        if times is bare:
            line += " | | |"
        else:
            line += f" {added[name][0]:.2f} | {added[name][1]:.2f} | {added[name][0] / litellm[0]:.0%} |"
        lines.append(line)
    p50, p99 = added["gateway"]
    said = [
        f"p50 {'kept' if p50 <= GOAL_P50_MS else 'MISSED'} ({GOAL_P50_MS:g} ms)",
        f"p99 {'kept' if p99 <= GOAL_P99_MS else 'MISSED'} ({GOAL_P99_MS:g} ms)",
        f"share of litellm's {'kept' if p50 <= GOAL_RATIO * litellm[0] else 'MISSED'} ({GOAL_RATIO:.0%})",
    ]
    return "\n".join([*lines, "", f"Goals of the gateway: {', '.join(said)}. {len(bare)} calls a way, one at a time."])


def at(times: list[float], share: float) -> float:
    """The time that ``share`` of the calls were faster than."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def main(arguments: list[str] | None = None) -> None:
    """Measure, or say what is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.llm")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    if missing := [name for name in ("anthropic", "litellm") if importlib.util.find_spec(name) is None]:
        print(f"Not measured: {' and '.join(missing)} not installed (make llm).")
        return
    # Not a folder that only we may enter: PostgreSQL runs as another user under root.
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder, fake_process() as fake:
        Path(folder).chmod(0o755)
        postgres = Postgres(Path(folder) / "data", foreign_environment())
        postgres.prepare()
        child = Child(postgres.spec(), Path(folder))
        child.start()
        try:
            until(lambda: child.poll() or child.state == "running", 60)
            database = Database(settings(postgres.url), name="bench", size=1)
            database.open()
            migrate(database)
            database.close()
            print(table(asyncio.run(measure(postgres.url, fake.url, options.rounds))))
        finally:
            child.ask_to_stop()
            child.wait_stopped()


if __name__ == "__main__":
    main()
