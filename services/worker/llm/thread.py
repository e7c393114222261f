"""The gateway for a worker whose jobs run in threads: an event loop in a thread of its own, kept in order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable

from services.worker import metrics
from services.worker.llm.budget import Budget
from services.worker.llm.cache import Completes
from services.worker.llm.open import make_cached, make_gateway
from services.worker.llm.request import Answer, Contract, Listener, Request
from services.worker.llm.tiers import Tiers
from shared.config.settings import Settings
from shared.errors import GroundswellError, ModelUnavailable, StoreUnavailable
from shared.store.database import AsyncDatabase
from shared.telemetry import logs
from shared.telemetry.health import State

#: Between looks at what dead workers left, what waits to be booked and what is to be told.
KEEP_SECONDS = 5.0
#: Between looks at answers that are over their time.
SWEEP_SECONDS = 600.0
WIND_DOWN_SECONDS = 5.0

#: Told how the gateway is: its state, and why.
Reporting = Callable[[State, str | None], None]


class LlmThread:
    """``start`` before use, ``stop`` at the end. Calls under way get a few seconds to end."""

    def __init__(self, settings: Settings, tiers: Tiers, reporting: Reporting) -> None:
        self._settings, self._tiers, self._reporting = settings, tiers, reporting
        self._loop = asyncio.new_event_loop()
        self._gateway: Completes | None = None
        self._ready = threading.Event()
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="worker-llm", daemon=True)

    def start(self) -> None:
        """Begin; returns when questions can be asked."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End."""
        ended = self._ended
        if ended is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(ended.set)
            self._thread.join(2 * WIND_DOWN_SECONDS)

    def complete(
        self, request: Request, *, contract: Contract | None = None, listener: Listener | None = None, seconds: float
    ) -> Answer:
        """``Gateway.complete`` for a thread that waits at most ``seconds``. Raises ModelUnavailable.

        ``contract`` and ``listener`` are called in the gateway's thread: they must be quick.
        """
        if self._gateway is None:
            raise ModelUnavailable("The gateway to language models does not run.")
        asked = self._gateway.complete(request, contract=contract, listener=listener)
        future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise ModelUnavailable("No language model answered in time.", why=f"{seconds:g} s had passed.") from None
        except concurrent.futures.CancelledError:
            raise ModelUnavailable("The worker stops.") from None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        except Exception:
            logs.get(__name__).exception("llm_thread_failed")
            self._reporting("down", "The gateway to language models ended; the worker's log says why.")
        finally:
            self._gateway = None
            self._ready.set()
            self._loop.close()

    async def _live(self) -> None:
        self._ended = asyncio.Event()
        database = AsyncDatabase(self._settings, name="llm", size=self._settings.llm_pool_size, checks=False)
        await database.open()
        gateway, budget = make_gateway(self._settings, self._tiers, database)
        caching = make_cached(self._settings, gateway, database)
        adopted, swept = False, time.monotonic()
        try:
            self._gateway = caching
            self._ready.set()
            while not self._ended.is_set():
                try:
                    if not adopted:
                        await budget.adopt_limits()
                        adopted = True
                    await gateway.keep()
                    if time.monotonic() - swept > SWEEP_SECONDS:
                        await caching.sweep()
                        swept = time.monotonic()
                    await self._tell(budget, gateway.trouble)
                except StoreUnavailable as error:
                    self._reporting("degraded", f"The budget's ledger does not answer: {error.why}")
                except GroundswellError:
                    logs.get(__name__).exception("llm_keeping_failed")
                try:
                    await asyncio.wait_for(self._ended.wait(), KEEP_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._gateway = None
            await gateway.close(WIND_DOWN_SECONDS)
            await database.close()

    async def _tell(self, budget: Budget, trouble: str | None) -> None:
        """Alerts that nobody was told yet, and the state of the budget and of the providers."""
        for alert in await budget.untold():
            metrics.LLM_ALERTS.labels(alert.kind).inc()
            logs.get(__name__).warning("llm_budget_alert", alert=alert.id, percent=alert.percent, said=alert.said)
        month = await budget.month()
        if month is not None:
            metrics.LLM_SPENT.set(month.spent)
            metrics.LLM_COMMITTED.set(month.committed)
            metrics.LLM_LIMIT.set(month.cap)
        if month is not None and month.used_up:
            self._reporting("degraded", "The month's budget is used up: only free models are asked.")
        elif trouble:
            self._reporting("degraded", trouble)
        elif month is not None and month.marks:
            self._reporting("ok", f"{month.marks} % of the month's budget is spent.")
        else:
            self._reporting("ok", None)
