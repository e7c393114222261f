"""Whether the store can be used, known at once: no request waits for a server that is away.

A small task asks PostgreSQL for its schema's revision, quickly while something is wrong and seldom
while all is well. A request that meets a broken store says so here, and the task asks again at once.
"""

from __future__ import annotations

import asyncio
import contextlib

from shared.errors import GroundswellError, SchemaNotReady, StoreUnavailable
from shared.store.database import AsyncDatabase
from shared.store.migrate import check_schema_async
from shared.telemetry import logs

#: Seconds between questions: while well, and first and last while not.
WELL_SECONDS = 5.0
FIRST_SECONDS = 0.2
LAST_SECONDS = 2.0


class Readiness:
    """The last answer, as the error a request would meet. Begins as "not known yet"."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._error: GroundswellError | None = StoreUnavailable("The API is starting.")
        self._doubt = asyncio.Event()

    def check(self) -> None:
        """Raise StoreUnavailable or SchemaNotReady unless the store was well when last asked."""
        if self._error is not None:
            raise self._error.with_traceback(None)

    def doubt(self) -> None:
        """Someone met a broken store: ask again now."""
        self._doubt.set()

    async def run(self) -> None:
        """Ask for ever. Cancel to end."""
        pause = FIRST_SECONDS
        while True:
            await self._ask()
            pause = WELL_SECONDS if self._error is None else min(max(pause, FIRST_SECONDS) * 2, LAST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._doubt.wait()
                await asyncio.sleep(FIRST_SECONDS)  # a hundred broken requests are one question
            self._doubt.clear()
            pause = pause if self._error is not None else FIRST_SECONDS

    async def _ask(self) -> None:
        before, self._error = self._error, await self._answer()
        if type(before) is not type(self._error):
            logs.get(__name__).info("store_state_changed", error=str(self._error) if self._error else None)

    async def _answer(self) -> GroundswellError | None:
        try:
            await check_schema_async(self._database)
        except (StoreUnavailable, SchemaNotReady) as error:
            return error
        except GroundswellError as error:
            return StoreUnavailable("PostgreSQL did not answer.", why=str(error))
        return None
