"""Who joins while the runs are looked at is not told that its run is gone."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.api.broadcast import run_streams
from services.api.broadcast.run_streams import RunStreams
from shared.store.run_stream import HeadRow

FIRST, SECOND = UUID(int=1), UUID(int=2)


class Slow:
    """A database that answers the look at the runs only when it is let."""

    def __init__(self) -> None:
        self.looking, self.let = asyncio.Event(), asyncio.Event()

    async def fetch_one(self, _: Any, wanted: dict[str, list[UUID]]) -> HeadRow:
        return head(wanted["runs"][0])

    async def fetch(self, _: Any, wanted: dict[str, list[UUID]]) -> list[HeadRow]:
        self.looking.set()
        await self.let.wait()
        return [head(run) for run in wanted["runs"]]


def head(run: UUID) -> HeadRow:
    return HeadRow(
        run=str(run), status="running", error=None, report=None, attempts=1, spend_nano_usd=0, limit_nano_usd=None,
        changes=0,
    )  # fmt: skip


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_comes_during_a_look_at_the_others_is_not_sent_away(
    leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_streams, "LOOK_SECONDS", 0.01)

    async def follow() -> list[bytes]:
        database: Any = Slow()
        streams = RunStreams(database, lambda: False)
        first: Any = await streams.open(FIRST, 0)
        for _ in range(2):  # a comment, and the run
            await anext(first)
        await asyncio.sleep(0)  # the looking begins, with a pause
        # given that one goes before the look and comes back during it, or that another comes
        if leaves:
            await first.aclose()
        await asyncio.wait_for(database.looking.wait(), 20)
        second: Any = await streams.open(FIRST if leaves else SECOND, 0)
        heard = [await anext(second) for _ in range(2)]
        database.let.set()
        more = asyncio.ensure_future(anext(second))
        await asyncio.wait([more], timeout=0.2)
        if more.done():
            heard.append(more.result())
        more.cancel()
        return heard

    heard = asyncio.run(follow())
    assert not [event for event in heard if b"removed" in event]
    assert len(heard) == 2
