"""The one way to a language model: the cheapest that can do it, within a budget that cannot be passed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from services.worker import metrics
from services.worker.llm.attempt import Asked, Attempts
from services.worker.llm.breaker import Breaker, pause_seconds
from services.worker.llm.budget import Budget, Refused
from services.worker.llm.gate import Gate
from services.worker.llm.providers.base import TRANSIENT, TROUBLE, Provider, ProviderFailed
from services.worker.llm.request import Answer, Contract, Listener, Reply, Request, essence
from services.worker.llm.route import capable, classify, pinch
from services.worker.llm.tiers import Model
from services.worker.llm.troubles import WORDS, Troubles
from shared.errors import ModelUnavailable, StoreUnavailable
from shared.telemetry import logs

#: Attempts at one model before the next is asked.
ATTEMPTS = 3
#: Of them, those that may have been billed: each is charged at its bound, whatever it cost.
CHARGED_ATTEMPTS = 2
#: A pause that a provider asks for is waited out up to here; beyond it the next model is asked.
PATIENCE_SECONDS = {"interactive": 5.0, "pipeline": 30.0, "background": 120.0}
#: After the account's own limit refused: asking again does not help.
SPEND_CAP_SECONDS = 600.0
CHEAPEST = "the cheapest that can do it"


class Gateway:
    """Belongs to one event loop. ``models`` are sorted, the cheapest first."""

    def __init__(
        self,
        models: tuple[Model, ...],
        providers: Mapping[str, Provider],
        budget: Budget,
        *,
        seconds: float = 120.0,
        gates: Mapping[str, Gate] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._models, self._providers, self._budget = models, providers, budget
        self._attempts = Attempts(budget, seconds)
        self._gates = {name: (gates or {}).get(name) or Gate() for name in providers}
        self._breakers = {name: Breaker() for name in providers}
        self._troubles = Troubles()
        self._sleep, self._chance = sleep, chance or random.Random()

    async def complete(
        self, request: Request, *, contract: Contract | None = None, listener: Listener | None = None
    ) -> Answer:
        """The answer of the cheapest model that gives one and keeps ``contract``.

        Raises ModelUnavailable when none does; its ``why`` names each that was asked. The caller then goes without.
        """
        kind = classify(request)
        asked = Asked(id=uuid4(), request=request, kind=kind, listener=listener)
        size = len(essence(request))
        able = capable(self._models, request, kind, size)
        left = able + pinch(self._models, request, kind, size)
        reason = CHEAPEST
        told: list[str] = []
        while left:
            model = left.pop(0)
            try:
                reply = await self._ask(asked, model, reason)
            except Refused as refused:
                metrics.LLM_REFUSED.labels(refused.scope).inc()
                reason = f"{model.name} was not paid for: {refused.why}"
                if refused.scope != "model":
                    left = await self._cheaper(model, left, able, refused)
            except ProviderFailed as failed:
                reason = f"{model.name} did not answer: {model.provider} {WORDS[failed.failure]}"
            except ModelUnavailable as error:
                reason = f"{model.name} did not answer: {error.why or error.what}"
            else:
                wrong = contract(reply) if contract else None
                if wrong is None:
                    return self._answer(asked, model, reply, reason, told)
                await self._attempts.broke(asked, wrong)
                reason = f"{model.name} broke its contract: {wrong}"
                left = [other for other in left if other.quality > model.quality]
            told.append(reason)
        metrics.LLM_REQUESTS.labels("unavailable").inc()
        raise ModelUnavailable(
            "No language model answered.",
            why=" ".join(f"{line}." for line in told) or f"None is set up that can do this ({kind}).",
            do="See docs/llm.md for what may be asked when.",
        )

    def _answer(self, asked: Asked, model: Model, reply: Reply, reason: str, told: list[str]) -> Answer:
        metrics.LLM_REQUESTS.labels("escalated" if told else "ok").inc()
        return Answer(
            reply=reply,
            model=model.name,
            tier=model.tier,
            reason=reason,
            attempts=asked.attempts,
            cost_nano_usd=asked.cost_nano_usd,
        )

    async def _cheaper(self, model: Model, left: list[Model], able: list[Model], refused: Refused) -> list[Model]:
        """What is left where ``model`` costs too much: cheaper ones, the best of them first, then what is free."""
        if refused.scope == "month":
            with contextlib.suppress(StoreUnavailable):
                await self._budget.exhausted()
        if refused.scope == "store":
            return [other for other in left if other.free]
        cheaper = [other for other in left if other.price.typical < model.price.typical]
        return sorted(cheaper, key=lambda other: (other.free, other not in able, -other.price.typical))

    async def _ask(self, asked: Asked, model: Model, reason: str) -> Reply:
        """A reply of ``model``, in several attempts if need be. Raises Refused or ModelUnavailable."""
        provider, gate, breaker = (
            self._providers[model.provider],
            self._gates[model.provider],
            self._breakers[model.provider],
        )
        patience = PATIENCE_SECONDS[asked.request.priority]
        attempt, charged = 1, 0
        while True:
            if gate.paused_seconds > patience:
                raise ModelUnavailable("", why=self._resting(model.provider, gate))
            if gate.paused_seconds:
                await self._sleep(gate.paused_seconds)
            if not breaker.allow():
                raise ModelUnavailable("", why=f"{model.provider} failed too often of late")
            try:
                reply = await self._attempts.once(asked, model, provider, gate, reason)
            except ProviderFailed as failed:
                self._note(failed, gate, breaker)
                charged += failed.billed and not model.free
                pause = pause_seconds(attempt, failed.retry_after, self._chance)
                enough = attempt == ATTEMPTS or charged == CHARGED_ATTEMPTS
                if failed.failure not in TRANSIENT or enough or pause > patience:
                    self._troubles.failed(model.provider, failed.failure)
                    raise
                logs.get(__name__).info(
                    "llm_call_repeated", model=model.name, failure=failed.failure, seconds=round(pause, 2)
                )
                await self._sleep(pause)
                attempt += 1
                reason = f"attempt {attempt} after {failed.failure}"
            except BaseException:
                breaker.forgot()
                raise
            else:
                breaker.succeeded()
                self._troubles.answered(model.provider)
                return reply

    def _resting(self, provider: str, gate: Gate) -> str:
        why = self._troubles.of(provider) or f"{provider} asked to be left alone"
        return f"{why}; it is asked again in {math.ceil(gate.paused_seconds)} s"

    @property
    def trouble(self) -> str | None:
        """Which providers did not answer when they were asked last, in sentences, or ``None``."""
        return self._troubles.told()

    @staticmethod
    def _note(failed: ProviderFailed, gate: Gate, breaker: Breaker) -> None:
        if failed.failure in TROUBLE:
            breaker.failed()
        else:
            breaker.forgot()
        if failed.failure == "spend_cap":
            gate.pause(SPEND_CAP_SECONDS)
        elif failed.retry_after:
            gate.pause(failed.retry_after)

    async def booked(self) -> None:
        """Wait until what answers have cost is booked. Whoever asks again waits for that by itself."""
        await self._attempts.booked()

    async def keep(self) -> None:
        """Housekeeping: book what waits, end what dead workers left. Raises StoreUnavailable."""
        await self._attempts.catch_up()
        await self._budget.sweep()

    async def close(self, seconds: float = 5.0) -> None:
        """Let calls end, then give connections back."""
        await self._attempts.wind_down(seconds)
        with contextlib.suppress(StoreUnavailable):
            await self._attempts.catch_up()
        for provider in self._providers.values():
            await provider.close()
