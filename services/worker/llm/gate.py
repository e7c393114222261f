"""How many calls a provider gets at once, and who goes first: people, then runs, then what nobody waits for."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import get_args

from services.worker.llm.request import Priority
from shared.errors import ModelUnavailable

#: Calls to one provider at the same time.
PLACES = 16
#: Calls of one priority that may wait for a place; more are turned away at once.
WAITING = 256
_RANK = {priority: rank for rank, priority in enumerate(get_args(Priority))}


class GateFull(ModelUnavailable):
    """Too many calls wait already."""


class Gate:
    """``pause`` holds every call back until a provider's retry-after is over."""

    def __init__(
        self, places: int = PLACES, waiting: int = WAITING, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._places, self._most_waiting, self._clock = places, waiting, clock
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waiting = dict.fromkeys(_RANK, 0)
        self._numbers = itertools.count()
        self._paused_until = 0.0

    @asynccontextmanager
    async def place(self, priority: Priority) -> AsyncIterator[None]:
        """A place at the provider. Raises GateFull."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._places += 1
            self._next()

    @property
    def waiting(self) -> dict[Priority, int]:
        """Calls that wait, by priority."""
        return dict(self._waiting)

    def pause(self, seconds: float) -> None:
        """Let nobody in before ``seconds`` have passed."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    @property
    def paused_seconds(self) -> float:
        """How long the pause still lasts."""
        return max(self._paused_until - self._clock(), 0.0)

    async def _enter(self, priority: Priority) -> None:
        if self._places > 0 and not self._queue:
            self._places -= 1
            return
        if self._waiting[priority] >= self._most_waiting:
            raise GateFull(f"{self._most_waiting} calls of priority {priority} wait already.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (_RANK[priority], next(self._numbers), turn))
        self._waiting[priority] += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the place came at the same moment
                self._places += 1
                self._next()
            else:
                self._queue = [entry for entry in self._queue if entry[2] is not turn]
                heapq.heapify(self._queue)
            raise
        finally:
            self._waiting[priority] -= 1

    def _next(self) -> None:
        while self._places > 0 and self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                self._places -= 1
                turn.set_result(None)
