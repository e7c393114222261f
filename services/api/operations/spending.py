"""Language models: what they cost, what they were asked, how they answered, and what was answered again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.base import Schema
from shared.schemas.spending import (
    AnswerDays,
    AskedModels,
    CallState,
    ForgottenAnswers,
    KeptAnswers,
    ModelCall,
    ModelCallPage,
    ModelDays,
    Spending,
    SpendingMonths,
)
from shared.store import spending as store

_ALERTS = 20
Days = Annotated[int, Meta(ge=1, le=366)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class MonthsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many months, this one included."""

    limit: Annotated[int, Meta(ge=1, le=120)] = 12


class CallsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one ``run``, ``agent``, ``model`` (such as anthropic/claude-haiku-5-5), in one ``state``."""

    run: UUID | None = None
    agent: Name | None = None
    model: Name | None = None
    state: CallState | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: UUID | None = None


class CallInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attempt by its id."""

    call: UUID


class DaysInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days, today included."""

    days: Days = 30


class ModelInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model by its name, such as openai/gpt-small."""

    model: Name


class AnswersInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class AnswerInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kept answer by its id."""

    answer: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]


class ForgetAnswersInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those that were first given to one ``agent``; without it all."""

    agent: Name | None = None


@operation("/api/v1/spending", scope="spending:read", toolset="models", taints=False, core=True)
async def spending(context: Context, _: NoInput) -> Spending:
    """What language models may cost this month, have cost and may still cost, by agent, with alerts."""
    async with context.services.database.transaction() as transaction:
        [now] = await transaction.fetch(store.NOW)
        month = await transaction.fetch_one(store.MONTH)
        return Spending(
            current=now.month,
            month=month,
            agents=await transaction.fetch(store.AGENTS),
            alerts=await transaction.fetch(store.ALERTS, {"limit": _ALERTS}),
            saved_nano_usd=now.saved_nano_usd,
        )


@operation("/api/v1/spending/months", scope="spending:read", toolset="models", taints=False)
async def spending_months(context: Context, query: MonthsInput) -> SpendingMonths:
    """What language models cost in each month, and its limit."""
    return SpendingMonths(months=await context.services.database.fetch(store.MONTHS, {"limit": query.limit}))


@operation("/api/v1/model-calls", scope="spending:read", toolset="models", taints=True)
async def model_calls(context: Context, query: CallsInput) -> ModelCallPage:
    """Attempts at language models, newest first: which, why, how it ended, tokens and cost."""
    params = {
        "run": query.run,
        "agent": query.agent,
        "model": query.model,
        "state": query.state,
        "before": query.before,
        "limit": query.limit + 1,
    }
    rows = await context.services.database.fetch(store.CALLS, params)
    page = rows[: query.limit]
    return ModelCallPage(calls=page, next=page[-1].id if len(rows) > query.limit else None)


@operation("/api/v1/model-calls/{call}", scope="spending:read", toolset="models", taints=True)
async def model_call(context: Context, query: CallInput) -> ModelCall:
    """One attempt at a language model."""
    row = await context.services.database.fetch_one(store.CALL, {"call": query.call})
    if row is None:
        raise NotFound("There is no such call.", why="Its id is unknown here.")
    return row


@operation("/api/v1/model-days", scope="spending:read", toolset="models", taints=False)
async def model_days(context: Context, query: DaysInput) -> ModelDays:
    """Attempts, answers, cost, tokens and times of each language model by day."""
    return ModelDays(days=await context.services.database.fetch(store.DAYS, {"days": query.days}))


@operation("/api/v1/models", scope="spending:read", toolset="models", taints=False)
async def models(context: Context, _: NoInput) -> AskedModels:
    """Language models that were asked in the last thirty days, and those that are disabled, with the reason."""
    return AskedModels(models=await context.services.database.fetch(store.MODELS))


@operation(
    "/api/v1/models/enable",
    method="POST",
    scope="spending:write",
    effect="external",
    toolset="models",
    taints=False,
    idempotent=True,
)
async def enable_model(context: Context, query: ModelInput) -> AskedModels:
    """Let a language model be asked again that billed more than its bound. Correct its price first."""
    if not await context.services.database.execute(store.ENABLE, {"model": query.model}):
        raise NotFound("This model is not disabled.", why="Nobody disabled it, or it was enabled already.")
    return AskedModels(models=await context.services.database.fetch(store.MODELS))


@operation("/api/v1/answers", scope="spending:read", toolset="models", taints=True)
async def kept_answers(context: Context, query: AnswersInput) -> KeptAnswers:
    """Answers of language models that are given again, the last used first, and how often each was."""
    async with context.services.database.transaction() as transaction:
        found = await transaction.fetch(store.ANSWERS, {"limit": query.limit})
        [kept] = await transaction.fetch(store.ANSWERS_KEPT)
    return KeptAnswers(answers=found, total=kept.count)


@operation("/api/v1/answer-days", scope="spending:read", toolset="models", taints=False)
async def answer_days(context: Context, query: DaysInput) -> AnswerDays:
    """How often answers were given again instead of asking a language model, and what that saved, by day."""
    days = await context.services.database.fetch(store.ANSWER_DAYS, {"days": query.days})
    hits, asked = sum(day.hits for day in days), sum(day.hits + day.misses for day in days)
    return AnswerDays(days=days, hit_rate=hits / asked if asked else None)


@operation(
    "/api/v1/answers/{answer}",
    method="DELETE",
    scope="spending:write",
    effect="destroy",
    toolset="models",
    taints=False,
    idempotent=True,
)
async def forget_answer(context: Context, query: AnswerInput) -> ForgottenAnswers:
    """Never give one answer again: the next time the question comes, a model is asked."""
    return ForgottenAnswers(
        answers=await context.services.database.execute(store.FORGET_ANSWER, {"answer": query.answer})
    )


@operation(
    "/api/v1/answers",
    method="DELETE",
    scope="spending:write",
    effect="destroy",
    toolset="models",
    taints=False,
    idempotent=True,
)
async def forget_answers(context: Context, query: ForgetAnswersInput) -> ForgottenAnswers:
    """Never give the answers of one agent, or any, again."""
    return ForgottenAnswers(
        answers=await context.services.database.execute(store.FORGET_ANSWERS, {"agent": query.agent})
    )
