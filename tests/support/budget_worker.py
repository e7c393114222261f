"""A process whose clock is wrong, that spends as much as it is let.

``python -m tests.support.budget_worker POSTGRES_URL FAKE_URL CLOCK_OFFSET_SECONDS``. Each line on standard input is a
round (``Round`` as JSON); each line on standard output what became of it.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import msgspec

from tests.support.mover_process import set_clock

#: Refusals in a row after which nothing is thought to be left.
PATIENCE = 4
MOST_REFILLS = 60


class Round(msgspec.Struct):
    """``concurrent`` requests at once, then refills: ``refills`` go on as long as there is money, as it comes back.

    ``fits`` is the reservation's condition: a mutant takes it away. ``wires`` are providers to choose from.
    """

    seed: int
    concurrent: int
    dollars: float
    wires: list[str]
    fits: str
    refills: int = 4
    streams: bool = False


class Outcome(msgspec.Struct):
    """Requests answered; refused for good; the nano-dollars that the answers said they cost; other errors."""

    answered: int = 0
    refused: int = 0
    errors: list[str] = []


async def play(url: str, fake: str, round_: Round) -> Outcome:
    from services.worker.llm.gate import Gate
    from shared.errors import GroundswellError, ModelUnavailable, StoreUnavailable
    from shared.store.budget import reserve
    from tests.support.llm import limits, model, open_gateway, request

    chance = random.Random(round_.seed)
    outcome = Outcome()
    models = tuple(model(f"{wire}/big", output=64_000) for wire in round_.wires)

    class Deaf:
        def begin(self, model: str) -> None: ...
        def text(self, piece: str) -> None: ...

    async def spend(gateway: Any, chance: random.Random) -> bool:
        """Whether there was money for it."""
        asked = request(max_tokens=chance.randint(4_000, 9_000), least_tokens=200, agent=f"agent{chance.randint(0, 3)}")
        try:
            await gateway.complete(asked, listener=Deaf() if round_.streams else None)
        except ModelUnavailable:
            outcome.refused += 1
            return False
        except GroundswellError as error:
            outcome.errors.append(str(error))
        else:
            outcome.answered += 1
        return True

    async def refill(gateway: Any, chance: random.Random) -> None:
        refused = 0
        for _ in range(MOST_REFILLS):
            if refused == PATIENCE:
                return
            refused = 0 if await spend(gateway, chance) else refused + 1
            await asyncio.sleep(chance.uniform(0.05, 0.3) if refused else 0)

    async def soon(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    gates = {wire: Gate(places=64, waiting=1_000) for wire in round_.wires}
    allowed = limits(round_.dollars)
    options: dict[str, Any] = {"gates": gates, "sleep": soon, "chance": chance, "reserve": reserve(round_.fits)}
    async with open_gateway(url, fake, models, allowed, **options) as (gateway, _):
        await asyncio.gather(*(spend(gateway, random.Random(chance.random())) for _ in range(round_.concurrent)))
        await asyncio.gather(*(refill(gateway, random.Random(chance.random())) for _ in range(round_.refills)))
        for _ in range(20):
            try:
                await gateway.keep()
                break
            except StoreUnavailable:  # on a machine that starves, connections are given up
                await asyncio.sleep(0.5)
    return outcome


def main() -> None:
    url, fake, offset = sys.argv[1], sys.argv[2], float(sys.argv[3])
    set_clock(offset)
    import tests.support.llm  # noqa: F401 - the time it takes belongs to no round
    from shared.telemetry import logs

    logs.configure("worker", level="error", form="json")

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            outcome = runner.run(play(url, fake, msgspec.json.decode(line, type=Round)))
            sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
