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


class Round(msgspec.Struct):
    """``fits`` is the reservation's condition: a mutant takes it away. ``wires`` are providers to choose from."""

    seed: int
    concurrent: int
    dollars: float
    wires: list[str]
    fits: str
    tries: int = 2
    streams: bool = False


class Outcome(msgspec.Struct):
    """Requests answered; refused for good; the nano-dollars that the answers said they cost; other errors."""

    answered: int = 0
    refused: int = 0
    errors: list[str] = []


async def play(url: str, fake: str, round_: Round) -> Outcome:
    from services.worker.llm.gate import Gate
    from shared.errors import GroundswellError, ModelUnavailable
    from shared.store.budget import reserve
    from tests.support.llm import limits, model, open_gateway, request

    chance = random.Random(round_.seed)
    outcome = Outcome()
    models = tuple(model(f"{wire}/big", output=64_000) for wire in round_.wires)

    class Deaf:
        def begin(self, model: str) -> None: ...
        def text(self, piece: str) -> None: ...

    async def spend(gateway: Any, chance: random.Random) -> None:
        asked = request(max_tokens=chance.randint(4_000, 9_000), least_tokens=200, agent=f"agent{chance.randint(0, 3)}")
        for _ in range(round_.tries):
            try:
                await gateway.complete(asked, listener=Deaf() if round_.streams else None)
                outcome.answered += 1
                return
            except ModelUnavailable:
                await asyncio.sleep(chance.uniform(0.05, 0.4))
            except GroundswellError as error:
                outcome.errors.append(str(error))
                return
        outcome.refused += 1

    async def soon(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    gates = {wire: Gate(places=64, waiting=1_000) for wire in round_.wires}
    allowed = limits(round_.dollars)
    options: dict[str, Any] = {"gates": gates, "sleep": soon, "chance": chance, "reserve": reserve(round_.fits)}
    async with open_gateway(url, fake, models, allowed, **options) as (gateway, _):
        await asyncio.gather(*(spend(gateway, random.Random(chance.random())) for _ in range(round_.concurrent)))
        await gateway.keep()
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
