"""What was answered is answered again, at no cost: the same request, or the same text around other values.

The key is made of everything that an answer depends on (tenant, system, tools, messages, parameters), byte by byte.
Nothing is compared by likeness: prompts that differ by a "not", a number or a name are near each other for
every measure of likeness, and have opposite answers.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec

from services.worker import metrics
from services.worker.llm.places import filled, marked, wrong_marks
from services.worker.llm.request import Answer, Contract, Listener, Reply, Request, essence
from shared.errors import ModelUnavailable, StoreUnavailable
from shared.store import llm_cache as store
from shared.store.database import AsyncDatabase, Command
from shared.telemetry import logs

#: Why an answer came from here, in ``Answer.reason``.
AGAIN = "it was answered before"
#: Characters of a question that people are shown.
_SHOWN = 200


class Completes(Protocol):
    """What gives answers: the gateway."""

    async def complete(
        self, request: Request, *, contract: Contract | None = None, listener: Listener | None = None
    ) -> Answer:
        """See ``Gateway.complete``."""
        ...


class Caching:
    """The same as what it stands before. Keeps answers for ``hours``; without PostgreSQL it only passes on."""

    def __init__(self, gateway: Completes, database: AsyncDatabase, hours: float) -> None:
        self._gateway, self._database, self._seconds = gateway, database, hours * 3600

    async def complete(
        self, request: Request, *, contract: Contract | None = None, listener: Listener | None = None
    ) -> Answer:
        """An answer of before, if it keeps ``contract``, or a new one. ``listener`` hears the first in one piece.

        Raises ModelUnavailable, and ValueError for places that do not fit the prompt.
        """
        asked, places = marked(request), request.places
        kind = "template" if places else "exact"
        key = hashlib.blake2b(essence(asked), digest_size=32).digest()
        if self._seconds and not request.fresh:
            before = await self._find(key, kind)
            if before is not None:
                reply = filled(before.reply, places)
                if contract is None or contract(reply) is None:
                    await self._write(store.HIT, {"key": key, "kind": kind})
                    metrics.LLM_CACHE.labels(kind, "hit").inc()
                    metrics.LLM_SAVED.inc(before.cost_nano_usd)
                    return _again(before, reply, listener)
                await self._write(store.FORGET, {"key": key})
            await self._write(store.MISS, {"kind": kind})
            metrics.LLM_CACHE.labels(kind, "miss").inc()

        if request.only_kept:
            raise ModelUnavailable("Nobody has answered this before.", why="No model may be asked for it again.")

        def holds(reply: Reply) -> str | None:
            wrong = wrong_marks(reply, places) if places else None
            return wrong or (contract(filled(reply, places)) if contract else None)

        # Pieces with marks in them are nothing to look at: they are filled in when all are there.
        answer = await self._gateway.complete(asked, contract=holds, listener=None if places else listener)
        if self._seconds and answer.reply.stop in ("end", "tools"):
            await self._keep(key, kind, request, answer)
        answer = msgspec.structs.replace(answer, reply=filled(answer.reply, places))
        if places and listener is not None:
            listener.begin(answer.model)
            listener.text(answer.reply.text)
        return answer

    async def sweep(self) -> None:
        """Forget what is over its time. Raises StoreUnavailable."""
        await self._database.execute(store.SWEEP, {"most": store.MOST_KEPT})

    async def _find(self, key: bytes, kind: str) -> _Before | None:
        try:
            kept = await self._database.fetch_one(store.FIND, {"key": key})
        except StoreUnavailable:
            return None
        if kept is None:
            return None
        try:
            reply = msgspec.convert(kept.reply, Reply)
        except msgspec.ValidationError:  # of another version
            return None
        return _Before(reply, kept.model, kept.tier, kept.cost_nano_usd)

    async def _keep(self, key: bytes, kind: str, request: Request, answer: Answer) -> None:
        shown = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
        kept = {
            "key": key,
            "kind": kind,
            "agent": request.agent,
            "tier": answer.tier,
            "model": answer.model,
            "question": shown[:_SHOWN],
            "reply": msgspec.json.encode(answer.reply).decode(),
            "cost": answer.cost_nano_usd,
            "seconds": self._seconds,
        }
        await self._write(store.KEEP, kept)

    async def _write(self, command: Command, params: dict[str, object]) -> None:
        try:
            await self._database.execute(command, params)
        except StoreUnavailable as error:
            logs.get(__name__).info("llm_cache_not_written", why=str(error))


class _Before(msgspec.Struct, frozen=True):
    reply: Reply
    model: str
    tier: str
    cost_nano_usd: int


def _again(before: _Before, reply: Reply, listener: Listener | None) -> Answer:
    if listener is not None:
        listener.begin(before.model)
        listener.text(reply.text)
    return Answer(
        reply=reply,
        model=before.model,
        tier=before.tier,
        reason=AGAIN,
        attempts=0,
        cost_nano_usd=0,
        cached=True,
    )
