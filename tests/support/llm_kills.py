"""Calls that are killed with their process at one point each.

``python -m tests.support.llm_kills POSTGRES_URL FAKE_URL``. The process forks for each point, so that the libraries are
loaded once. A child stands still at its point and is ended by SIGKILL there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

#: After which step of a call its process dies. "answered" is before the cost is booked.
POINTS = ("reserved", "dispatched", "sent", "answered", "settled")


def halt_at(point: str, pipe: int) -> None:
    """Make the ledger's methods stand still at ``point``, and say so."""
    from services.worker.llm.budget import Budget
    from services.worker.llm.providers.wire import WireProvider

    async def halt() -> None:
        os.write(pipe, b"x")
        await asyncio.Event().wait()

    def after(home: type, name: str) -> None:
        original = getattr(home, name)

        async def method(*args: Any, **options: Any) -> Any:
            value = await original(*args, **options)
            await halt()
            return value

        setattr(home, name, method)

    match point:
        case "reserved":
            after(Budget, "reserve")
        case "dispatched":
            after(Budget, "dispatch")
        case "answered":
            after(WireProvider, "send")
        case "settled":
            after(Budget, "settle")


async def call(url: str, fake: str, point: str, pipe: int) -> None:
    from tests.support.llm import model, open_gateway, request

    async with open_gateway(url, fake, (model("openai/small"),)) as (gateway, _):
        task = asyncio.create_task(gateway.complete(request(point)))
        if point == "sent":  # the provider is slow; nothing of ours runs while it is
            await asyncio.sleep(0.5)
            os.write(pipe, b"x")
        await task


def main() -> None:
    url, fake = sys.argv[1:]
    import tests.support.llm  # noqa: F401 - before the forks

    for point in POINTS:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            halt_at(point, writing)
            asyncio.run(call(url, fake, point, writing))
            os._exit(1)
        os.read(reading, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


if __name__ == "__main__":
    main()
