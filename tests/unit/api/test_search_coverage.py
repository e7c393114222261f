"""What a search can find is counted behind the back of searches: only the first one waits."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from services.api.operations import search_coverage
from services.api.operations.search_coverage import Coverage, Covered
from shared.embedding.null import NullEmbedder
from shared.errors import StoreUnavailable
from shared.store import pending
from shared.store.database import AsyncDatabase
from shared.store.vectors import Count
from shared.vectors.memory import MemoryIndex


class Slow(AsyncDatabase):
    """A store that answers when told, with one more post waiting each time."""

    def __init__(self) -> None:
        self.go, self.asked, self.broken = asyncio.Event(), 0, False

    async def fetch_one(self, statement: Any, params: Any = None) -> Any:
        if statement is not pending.COUNT:
            return None
        self.asked += 1
        await self.go.wait()
        if self.broken:
            raise StoreUnavailable("away")
        return Count(self.asked)


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**given: Any) -> None:
        asyncio.run(test(**given))

    return run


def coverage() -> Coverage:
    return Coverage(MemoryIndex(), NullEmbedder("off"))


@in_a_loop
async def test_only_the_first_search_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    covers, store = coverage(), Slow()
    first = [asyncio.ensure_future(covers(store)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in first)
    store.go.set()
    assert [await one for one in first] == [Covered(pending=1)] * 3
    # when it is old, what was known is given and asked anew
    store.go.clear()
    monkeypatch.setattr(search_coverage, "COVERAGE_SECONDS", -1.0)
    assert (await covers(store)).pending == 1
    await asyncio.sleep(0.05)
    assert store.asked == 2
    store.go.set()
    await asyncio.sleep(0.05)
    assert (await covers(store)).pending == 2


@in_a_loop
async def test_a_search_that_is_given_up_does_not_take_the_answer_from_the_others() -> None:
    covers, store = coverage(), Slow()
    one, other = [asyncio.ensure_future(covers(store)) for _ in range(2)]
    await asyncio.sleep(0.05)
    one.cancel()
    store.go.set()
    assert (await other).pending == 1


@in_a_loop
async def test_a_store_that_is_away_is_told_until_something_is_known() -> None:
    covers, store = coverage(), Slow()
    store.broken = True
    store.go.set()
    with pytest.raises(StoreUnavailable):
        await covers(store)
    store.broken = False
    assert (await covers(store)).pending == 2
