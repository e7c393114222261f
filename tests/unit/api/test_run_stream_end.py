"""A client that goes while something is being sent to it: the stream ends, and its place is given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.api.doors.run_stream import _respond


@pytest.mark.parametrize("turns", range(8))
def test_a_client_that_goes_in_the_moment_in_which_an_event_is_sent_is_let_go(turns: int) -> None:
    closed: list[bool] = []

    async def told() -> None:
        gone, sent = asyncio.Event(), 0

        async def events() -> AsyncIterator[bytes]:
            try:
                for number in range(3):
                    yield b"%d" % number
                await asyncio.Event().wait()
            finally:
                closed.append(True)

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            nonlocal sent
            sent += 1
            if sent == 3:
                gone.set()
                for _turn in range(turns):  # the end of the sending meets the news that the client has gone
                    await asyncio.sleep(0)

        async with asyncio.timeout(5):
            await _respond(events(), receive, send)

    asyncio.run(told())
    assert closed == [True]
