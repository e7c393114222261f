"""One attempt at one model: place, reservation, word that it is sent, the call, its cost. Nothing is sent unreserved.

Once sent it goes on to its end even if nobody waits any more: only then is it known what it cost.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.llm import pricing
from services.worker.llm.budget import Attempt, Budget, Refused
from services.worker.llm.gate import Gate
from services.worker.llm.providers.base import Prepared, Provider, ProviderFailed
from services.worker.llm.request import Kind, Listener, Reply, Request, Usage
from services.worker.llm.tiers import Model
from shared.errors import StoreUnavailable
from shared.telemetry import logs

#: Ended calls whose booking waits for PostgreSQL. Beyond it they are charged at their bound by the sweep.
MOST_UNBOOKED = 10_000


class Asked(msgspec.Struct, kw_only=True):
    """One request on its way, and what its attempts came to. ``call`` is the row of the last one that was answered."""

    id: UUID
    request: Request
    kind: Kind
    listener: Listener | None = None
    attempts: int = 0
    cost_nano_usd: int = 0
    call: UUID | None = None


class _Ticket:
    """``sent``: it may have reached the provider. ``gone``: nobody waits for it any more."""

    sent = False
    gone = False


class _Booking(msgspec.Struct, frozen=True):
    call: UUID
    cost: int | None
    usage: Usage | None
    error: str | None
    released: bool


class _Broke(msgspec.Struct, frozen=True):
    call: UUID
    wrong: str


class Attempts:
    """Carries attempts out. ``seconds`` bounds each call."""

    def __init__(self, budget: Budget, seconds: float) -> None:
        self._budget, self._seconds = budget, seconds
        self._running: set[asyncio.Task[Reply]] = set()
        self._booking: set[asyncio.Task[int]] = set()
        self._unbooked: deque[_Booking | _Broke] = deque(maxlen=MOST_UNBOOKED)

    async def once(self, asked: Asked, model: Model, provider: Provider, gate: Gate, reason: str) -> Reply:
        """The model's reply. Raises ProviderFailed, GateFull, Refused."""
        ticket = _Ticket()
        task = asyncio.create_task(self._carry(ticket, asked, model, provider, gate, reason))
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            ticket.gone = True
            if not ticket.sent:
                task.cancel()
            raise

    def _ended(self, task: asyncio.Task[Reply]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: whoever was cancelled does not fetch it

    async def _carry(
        self, ticket: _Ticket, asked: Asked, model: Model, provider: Provider, gate: Gate, reason: str
    ) -> Reply:
        await provider.ready()
        async with gate.place(asked.request.priority):
            await self.booked()
            call, prepared = await self._reserve(asked, model, provider, reason)
            try:
                sendable = call is None or await self._budget.dispatch(call)
            except (StoreUnavailable, asyncio.CancelledError) as error:
                # The row says "reserved" or "dispatched", as the case may be; only we know that nothing was sent.
                if call:
                    self._later(_Booking(call, None, None, "Not sent.", released=True))
                if isinstance(error, StoreUnavailable) and not model.free:
                    raise Refused("store", 0, f"the ledger did not answer: {error.why}") from error
                if not isinstance(error, StoreUnavailable):
                    raise
                call, sendable = None, True
            if not sendable:
                raise ProviderFailed("connect", "its reservation expired before it was sent")
            ticket.sent = True
            asked.attempts += 1
            return await self._send(ticket, asked, model, provider, call, prepared)

    async def _reserve(
        self, asked: Asked, model: Model, provider: Provider, reason: str
    ) -> tuple[UUID | None, Prepared]:
        """Reserve the whole answer, or as much of it as there is money for. The request sent is the one measured."""
        wanted = min(asked.request.max_tokens, model.output)
        prepared, tokens = self._measure(asked, model, provider, wanted)
        try:
            try:
                return await self._placed(asked, model, reason, tokens, wanted), prepared
            except Refused as refused:
                least = min(asked.request.least_tokens, wanted)
                fits = pricing.tokens_that_fit(model.price, tokens, refused.room)
                if refused.scope == "model" or not least <= fits < wanted:
                    raise
            prepared, tokens = self._measure(asked, model, provider, fits)
            said = f"{reason}; at most {fits} tokens instead of {wanted}, for which there is money"
            return await self._placed(asked, model, said, tokens, fits), prepared
        except StoreUnavailable as error:
            if model.free:  # nothing to pay: no ledger is needed to let it run
                return None, prepared
            raise Refused("store", 0, f"the ledger did not answer: {error.why}") from error

    def _measure(self, asked: Asked, model: Model, provider: Provider, max_tokens: int) -> tuple[Prepared, int]:
        request = asked.request
        if not model.temperature and request.temperature is not None:
            request = msgspec.structs.replace(request, temperature=None)
        prepared = provider.prepare(model.model, request, max_tokens, stream=asked.listener is not None)
        tokens = pricing.input_bound(prepared.body, messages=len(request.messages), tools=len(request.tools))
        return prepared, tokens

    async def _placed(self, asked: Asked, model: Model, reason: str, tokens: int, max_tokens: int) -> UUID:
        request = asked.request
        return await self._budget.reserve(
            Attempt(
                request=asked.id,
                agent=request.agent,
                run=request.run,
                priority=request.priority,
                kind=asked.kind,
                tier=model.tier,
                model=model.name,
                reason=reason[:500],
                bound=pricing.upper_bound(model.price, tokens, max_tokens),
                max_tokens=max_tokens,
                request_id=logs.request_id(),
            )
        )

    async def _send(
        self, ticket: _Ticket, asked: Asked, model: Model, provider: Provider, call: UUID | None, prepared: Prepared
    ) -> Reply:
        listener = asked.listener

        def told(piece: str) -> None:
            if listener and not ticket.gone:
                listener.text(piece)

        begun = time.perf_counter()
        if listener:
            listener.begin(model.name)
        try:
            async with asyncio.timeout(self._seconds):
                reply = await provider.send(prepared, told if listener else None, self._seconds)
        except TimeoutError:
            failed = ProviderFailed("timeout", f"it took longer than {self._seconds:g} s")
            await self._failed(asked, model, call, failed)
            raise failed from None
        except ProviderFailed as failed:
            await self._failed(asked, model, call, failed)
            raise
        except BaseException:
            # Sent, and we do not know more: the worker ends, or this code is wrong. It is charged.
            if call:
                self._later(_Booking(call, None, None, "Interrupted.", released=False))
            raise
        metrics.LLM_SECONDS.labels(model.tier).observe(time.perf_counter() - begun)
        metrics.LLM_CALLS.labels(model.tier, "ok").inc()
        asked.call = call
        logs.get(__name__).info(
            "llm_answered", call=str(call) if call else None, agent=asked.request.agent, model=model.name
        )
        cost = pricing.cost(model.price, reply.usage) if reply.usage else (0 if model.free else None)
        if call and cost is not None:
            # What it cost is known, and its bound stays reserved until that is booked: nobody has to wait for it.
            asked.cost_nano_usd += cost
            task = asyncio.create_task(self._book(model, _Booking(call, cost, reply.usage, None, released=False)))
            self._booking.add(task)
            task.add_done_callback(self._booking_ended)
        elif call:
            said = "It did not say what it used."
            asked.cost_nano_usd += await self._book(model, _Booking(call, None, reply.usage, said, released=False))
        return reply

    def _booking_ended(self, task: asyncio.Task[int]) -> None:
        self._booking.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # The row stays "dispatched", and the sweep charges it at its bound.
            logs.get(__name__).error("llm_cost_not_booked", error=str(error))

    async def booked(self) -> None:
        """Wait for bookings under way: a request of who has just been answered finds what that left unspent."""
        if self._booking:
            await asyncio.wait(self._booking)

    async def _failed(self, asked: Asked, model: Model, call: UUID | None, failed: ProviderFailed) -> None:
        metrics.LLM_CALLS.labels(model.tier, failed.failure).inc()
        if call:
            said = f"{failed.failure}: {failed.said}"
            cost = 0 if model.free else None
            asked.cost_nano_usd += await self._book(model, _Booking(call, cost, None, said, not failed.billed))

    async def _book(self, model: Model, booking: _Booking) -> int:
        try:
            cost = await self._write(booking)
        except StoreUnavailable:
            self._later(booking)
            return booking.cost or 0
        metrics.LLM_COST.labels(model.tier).inc(cost)
        return cost

    async def broke(self, asked: Asked, wrong: str) -> None:
        """Write at the last answer's row that it did not keep its contract."""
        if asked.call is None:
            return
        await self.booked()  # which comes first, and writes the row's error too
        note = _Broke(asked.call, wrong)
        if self._unbooked:  # its booking may wait there
            self._later(note)
            return
        try:
            await self._write(note)
        except StoreUnavailable:
            self._later(note)

    async def _write(self, booking: _Booking | _Broke) -> int:
        if isinstance(booking, _Broke):
            await self._budget.broke(booking.call, booking.wrong)
            return 0
        if booking.released:
            await self._budget.release(booking.call, booking.error or "")
            return 0
        return await self._budget.settle(booking.call, booking.cost, booking.usage, booking.error)

    def _later(self, booking: _Booking | _Broke) -> None:
        self._unbooked.append(booking)
        metrics.LLM_UNBOOKED.set(len(self._unbooked))

    async def catch_up(self) -> int:
        """Book what waits; how much still does. Raises StoreUnavailable."""
        await self.booked()
        while self._unbooked:
            await self._write(self._unbooked[0])
            self._unbooked.popleft()
            metrics.LLM_UNBOOKED.set(len(self._unbooked))
        return len(self._unbooked)

    async def wind_down(self, seconds: float) -> None:
        """Let calls end that are under way. Those that do not are charged at their bound, later, by any worker."""
        if self._running:
            _, still = await asyncio.wait(self._running, timeout=seconds)
            if still:
                logs.get(__name__).warning("llm_calls_left", calls=len(still))
                for task in still:
                    task.cancel()
                await asyncio.wait(still, timeout=1.0)
