"""What language models cost, were asked and answered. Amounts are whole nano-dollars; months and days are UTC's."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.schemas.base import Schema

CallState = Literal["reserved", "dispatched", "settled", "released"]
AnswerKind = Literal["exact", "template"]


class Budget(Schema, frozen=True, kw_only=True):
    """One limit and what is used of it: ``committed`` is what was spent and the bounds of calls under way.

    ``excess`` is what providers billed beyond the bounds that were reserved.
    """

    name: str
    month: str
    cap_nano_usd: int
    spent_nano_usd: int
    committed_nano_usd: int
    excess_nano_usd: int


class BudgetAlert(Schema, frozen=True, kw_only=True):
    """Something about the budget that the operator should know. ``percent`` of the month's limit, for those marks."""

    id: str
    kind: Literal["share", "overrun"]
    percent: int | None
    said: str
    raised_at: datetime
    told_at: datetime | None


class Spending(Schema, frozen=True, kw_only=True):
    """This month. ``month`` is ``null`` as long as nothing that costs anything was asked.

    ``saved_nano_usd``: what the answers had cost that were given again. ``agents`` by what they spent.
    """

    current: str
    month: Budget | None
    agents: list[Budget]
    alerts: list[BudgetAlert]
    saved_nano_usd: int


class SpendingMonths(Schema, frozen=True, kw_only=True):
    """Past and present months, the newest first."""

    months: list[Budget]


class ModelCall(Schema, frozen=True, kw_only=True):
    """One attempt at a language model. ``basis``: whether its cost is what the provider reported or its bound.

    ``reason`` is why this model; ``request`` is shared by the attempts at one question.
    ``request_id`` is that of the request to the API which the question followed from, as on the log lines.
    """

    id: UUID
    request: UUID
    agent: str
    run: UUID | None
    priority: str
    kind: str
    tier: str
    model: str
    reason: str
    state: CallState
    bound_nano_usd: int
    cost_nano_usd: int | None
    basis: Literal["usage", "bound"] | None
    max_tokens: int
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    error: str | None
    created_at: datetime
    dispatched_at: datetime | None
    ended_at: datetime | None
    request_id: str | None = None


class ModelCallPage(Schema, frozen=True, kw_only=True):
    """Newest first. ``next`` is ``before`` of the following page."""

    calls: list[ModelCall]
    next: UUID | None


class ModelDay(Schema, frozen=True, kw_only=True):
    """A model's attempts of one day. ``seconds`` of those that answered: half were faster than ``p50``.

    ``broke_contract``: answers that came, were paid and could not be used; they are not in ``answered``.
    """

    day: date
    tier: str
    model: str
    attempts: int
    answered: int
    broke_contract: int
    cost_nano_usd: int
    input_tokens: int
    output_tokens: int
    p50_seconds: float | None
    p95_seconds: float | None


class ModelDays(Schema, frozen=True, kw_only=True):
    """Newest day first, the dearest model first within it."""

    days: list[ModelDay]


class AskedModel(Schema, frozen=True, kw_only=True):
    """A model that was asked in the last thirty days, or is disabled; ``off`` says why it is.

    ``broke_contract``: answers that came, were paid and could not be used; they are not in ``answered``.
    """

    model: str
    attempts: int
    answered: int
    broke_contract: int
    cost_nano_usd: int
    last_asked_at: datetime | None
    off: str | None
    off_since: datetime | None


class AskedModels(Schema, frozen=True, kw_only=True):
    """The dearest first."""

    models: list[AskedModel]


class KeptAnswer(Schema, frozen=True, kw_only=True):
    """An answer that is given again. ``question`` is how the last message begins."""

    id: str
    kind: AnswerKind
    agent: str
    tier: str
    model: str
    question: str
    cost_nano_usd: int
    hits: int
    made_at: datetime
    used_at: datetime
    expires_at: datetime


class KeptAnswers(Schema, frozen=True, kw_only=True):
    """The last used first; ``total`` is how many there are."""

    answers: list[KeptAnswer]
    total: int


class AnswerDay(Schema, frozen=True, kw_only=True):
    """How often answers were given again on one day, and how often a model was asked instead."""

    day: date
    kind: AnswerKind
    hits: int
    misses: int
    saved_nano_usd: int


class AnswerDays(Schema, frozen=True, kw_only=True):
    """Newest first. ``hit_rate`` of all of them; ``null`` where nothing was looked up."""

    days: list[AnswerDay]
    hit_rate: float | None


class ForgottenAnswers(Schema, frozen=True, kw_only=True):
    """How many answers will not be given again."""

    answers: int
