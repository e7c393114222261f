"""The budget as the gateway uses it: reserve the most a call can cost, say that it is sent, book what it cost."""

from __future__ import annotations

import time
from typing import Any, TypeVar
from uuid import UUID

from services.worker.llm.pricing import dollars
from services.worker.llm.request import Usage
from shared.errors import GroundswellError, StoreUnavailable
from shared.schemas.base import Schema
from shared.store import budget as store
from shared.store import notices
from shared.store.database import AsyncDatabase, Statement

Row = TypeVar("Row")

#: A reservation that was not sent for so long is given back: its worker died.
UNSENT_SECONDS = 120.0
#: A call of which nothing was heard for so long is charged at its bound. Far above what a call may take.
UNKNOWN_SECONDS = 3_600.0
#: Between notes that the budget is used up.
NOTE_SECONDS = 1.0
#: A connection that is dead says so at once; so many of them may be in the pool.
QUICK_SECONDS, DEAD_CONNECTIONS = 1.0, 8
#: Characters kept of what was wrong with an answer.
WRONG_SHOWN = 300
#: Ended in one sweep.
BATCH = 200


class Limits(Schema, frozen=True, kw_only=True):
    """Nano-dollars: for a month, for one agent in a month, for one run."""

    month: int
    agent: int
    run: int


class Attempt(Schema, frozen=True, kw_only=True):
    """What is written down of an attempt before it is made. ``bound`` is in nano-dollars."""

    request: UUID
    agent: str
    run: UUID | None
    priority: str
    kind: str
    tier: str
    model: str
    reason: str
    bound: int
    max_tokens: int
    #: Of the request to the API that the question followed from.
    request_id: str | None = None


class Refused(GroundswellError):
    """There is no room. ``scope`` is "month", "agent", "run" or "model"; ``room`` what is left in nano-dollars."""

    def __init__(self, scope: str, room: int, why: str) -> None:
        super().__init__("The call was not paid for.", why=why)
        self.scope, self.room = scope, room


class Budget:
    """Over the ledger in PostgreSQL, which alone decides. All methods raise StoreUnavailable."""

    def __init__(
        self, database: AsyncDatabase, limits: Limits, *, reserve: Statement[store.Reserved] = store.RESERVE
    ) -> None:
        self._database, self._limits, self._reserve = database, limits, reserve
        self._noted = -NOTE_SECONDS

    async def adopt_limits(self) -> None:
        """Make this month's limits those of the settings."""
        async with self._database.transaction() as transaction:
            await transaction.execute(store.OPEN_MONTH, {"cap": self._limits.month})
            for scope, cap in (("month", self._limits.month), ("agent", self._limits.agent)):
                await transaction.execute(store.SET_CAP, {"scope": scope, "cap": cap})
            await transaction.execute(store.UNMARK)

    async def reserve(self, attempt: Attempt) -> UUID:
        """The attempt's id. Raises Refused."""
        row = {name: getattr(attempt, name) for name in attempt.__struct_fields__}
        reserved = await self._surely(self._reserve if attempt.bound else store.PLACE, row)
        if reserved is None or (reserved.id is None and reserved.opened < (3 if attempt.run else 2)):
            await self._open(row)
            reserved = await self._surely(self._reserve, row)
        if reserved is None or reserved.id is None:
            raise self._refusal(attempt, reserved)
        return reserved.id

    async def _surely(self, statement: Statement[Row], params: dict[str, Any]) -> Row | None:
        """``fetch_alone``, again where a connection turned out to be dead. What may be committed twice is harmless:
        a second booking finds nothing, and a reservation that nobody knows of is given back by the sweep.
        """
        for _ in range(DEAD_CONNECTIONS):
            begun = time.monotonic()
            try:
                return await self._database.fetch_alone(statement, params)
            except StoreUnavailable:
                if time.monotonic() - begun > QUICK_SECONDS:
                    raise
        return await self._database.fetch_alone(statement, params)

    async def _open(self, row: dict[str, Any]) -> None:
        caps = {"month_cap": self._limits.month, "agent_cap": self._limits.agent, "run_cap": self._limits.run}
        await self._database.execute(store.OPEN, row | caps)

    @staticmethod
    def _refusal(attempt: Attempt, refused: store.Reserved | None) -> Refused:
        if refused is None:  # pragma: no cover - the month's row was made a moment ago
            return Refused("month", 0, "the ledger has no budget for this month")
        if refused.off:
            return Refused("model", 0, f"{attempt.model} is disabled: {refused.off}")
        scope, left = refused.scope or "month", max(refused.room or 0, 0)
        owner = {"month": "the month's budget", "agent": f"the budget of {attempt.agent}", "run": "the run's budget"}
        why = f"it may cost {dollars(attempt.bound)}, and {dollars(left)} of {owner[scope]} is left"
        return Refused(scope, left, why)

    async def dispatch(self, call: UUID) -> bool:
        """Say that the call is about to be sent. False: it expired, and must not be."""
        return await self._database.fetch_alone(store.DISPATCH, {"call": call}) is not None

    async def settle(self, call: UUID, cost: int | None, usage: Usage | None = None, error: str | None = None) -> int:
        """Book ``cost``, or the bound where it is not known (``None``); the nano-dollars booked, 0 if it was ended."""
        ended = await self._surely(
            store.SETTLE,
            {
                "call": call,
                "cost": cost,
                "error": error,
                "input": usage.input if usage else None,
                "cache_read": usage.cache_read if usage else None,
                "cache_write": usage.cache_write + usage.cache_write_hour if usage else None,
                "output": usage.output if usage else None,
            },
        )
        return ended.cost_nano_usd if ended else 0

    async def release(self, call: UUID, error: str) -> None:
        """Give the reservation back: the call cannot have been billed."""
        await self._surely(store.RELEASE, {"call": call, "error": error})

    async def broke(self, call: UUID, wrong: str) -> None:
        """Note that the answer did not keep its contract; ``wrong`` says how."""
        await self._surely(store.BROKE, {"call": call, "said": f"{store.CONTRACT} {wrong[:WRONG_SHOWN]}"})

    async def exhausted(self) -> None:
        """Note that a paid call was refused; an alert follows where hardly anything is left of the month's budget."""
        now = time.monotonic()
        if now >= self._noted + NOTE_SECONDS:  # a crowd of refusals says the same
            self._noted = now
            await self._database.execute(store.EXHAUSTED)

    async def sweep(self, unsent_seconds: float = UNSENT_SECONDS, unknown_seconds: float = UNKNOWN_SECONDS) -> int:
        """End what dead workers left behind; their number."""
        ended = 0
        limits = {"seconds": unsent_seconds, "limit": BATCH}
        for row in await self._database.fetch(store.UNSENT, limits):
            expired = {"call": row.id, "error": "Never sent: its worker ended.", "seconds": unsent_seconds}
            touched = await self._database.fetch_alone(store.EXPIRE, expired)
            ended += touched.rows if touched else 0
        for row in await self._database.fetch(store.UNKNOWN, {**limits, "seconds": unknown_seconds}):
            await self.settle(row.id, None, error="Nobody said how it ended.")
            ended += 1
        return ended

    async def untold(self) -> list[store.AlertRow]:
        """Alerts that nobody was told yet. They are marked as told, and on their way, when this returns."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(store.UNTOLD)
            for row in rows:
                # A mark that is passed once more, after the limit was raised, is told once more.
                about = {
                    "id": f"budget:{row.raised_at.timestamp():.3f}:{row.id}",
                    "title": "Language models",
                    "said": row.said,
                    "page": "/models",
                }
                await transaction.execute(notices.RAISE, about)
            if rows:
                await transaction.execute(store.TOLD, {"ids": [row.id for row in rows]})
        return rows

    async def month(self) -> store.MonthRow | None:
        """This month's budget; ``None`` until something is reserved in it."""
        return await self._database.fetch_one(store.MONTH)
