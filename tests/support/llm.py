"""A gateway over the real ledger and the fake provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from services.worker.llm.budget import Budget, Limits
from services.worker.llm.gateway import Gateway
from services.worker.llm.open import make_provider
from services.worker.llm.pricing import FREE, Price, price_of
from services.worker.llm.request import Message, Request
from services.worker.llm.tiers import Model
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import budget as store
from shared.store.database import AsyncDatabase, Statement

DOLLAR = 10**9
#: What the fake charges, in the form of litellm's table: a thousand nano-dollars a token read, five written.
PRICE = price_of(
    {
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 5e-6,
        "cache_creation_input_token_cost": 1.25e-6,
        "cache_read_input_token_cost": 1e-7,
    }
)


class CallRow(Schema, frozen=True, kw_only=True):
    """An attempt as the ledger holds it."""

    id: UUID
    request: UUID
    month: str
    agent: str
    tier: str
    model: str
    reason: str
    kind: str
    state: str
    bound_nano_usd: int
    cost_nano_usd: int | None
    basis: str | None
    max_tokens: int
    output_tokens: int | None
    error: str | None


class BudgetRow(Schema, frozen=True, kw_only=True):
    """One budget."""

    id: str
    cap: int
    committed: int
    spent: int
    excess: int


CALLS = Statement(
    """SELECT id, request, month, agent, tier, model, reason, kind, state, bound_nano_usd, cost_nano_usd, basis,
              max_tokens, output_tokens, error FROM llm_call ORDER BY created_at, id""",
    CallRow,
)
BUDGETS = Statement("SELECT id, cap, committed, spent, excess FROM budget ORDER BY id", BudgetRow)
ALERTS = Statement(
    "SELECT id, kind, percent, said, raised_at FROM budget_alert ORDER BY percent NULLS LAST, id", store.AlertRow
)


def model(name: str, **about: Any) -> Model:
    """A model such as openai/small; free for Ollama."""
    provider, _, own = name.partition("/")
    price: Price = about.pop("price", FREE if provider == "ollama" else PRICE)
    facts: dict[str, Any] = {
        "tier": own,
        "can": ("simple", "analysis", "tools", "reasoning"),
        "at_a_pinch": (),
        "quality": 1,
        "context": 200_000,
        "output": 8_192,
    }
    return Model(name=name, provider=provider, model=own, price=price, **(facts | about))


def request(text: str = "What is the tide?", **about: Any) -> Request:
    """A small question of the agent "scout"."""
    facts: dict[str, Any] = {"agent": "scout", "max_tokens": 200, "least_tokens": 50}
    return Request(messages=(Message(role="user", text=text),), **(facts | about))


def limits(month: float = 1.0, agent: float | None = None, run: float | None = None) -> Limits:
    """In dollars."""
    return Limits(
        month=round(month * DOLLAR),
        agent=round((month if agent is None else agent) * DOLLAR),
        run=round((month if run is None else run) * DOLLAR),
    )


def settings(url: str = "", fake: str = "http://127.0.0.1:9") -> Settings:
    """Every provider at the fake's address."""
    return Settings(
        postgres_url=url,
        llm_ollama_url=fake,
        llm_gemini_url=fake,
        llm_anthropic_url=fake,
        llm_openai_url=f"{fake}/v1",
        llm_litellm_url=f"{fake}/v1",
        llm_gemini_api_key="gemini-secret",
        llm_anthropic_api_key="anthropic-secret",
        llm_openai_api_key="openai-secret",
        llm_litellm_api_key="litellm-secret",
    )


@asynccontextmanager
async def open_gateway(
    postgres_url: str,
    fake: str,
    models: tuple[Model, ...],
    allowed: Limits | None = None,
    *,
    pool: int = 4,
    reserve: Statement[store.Reserved] = store.RESERVE,
    **options: Any,
) -> AsyncIterator[tuple[Gateway, Budget]]:
    """A gateway in the running loop."""
    about = settings(postgres_url, fake)
    database = AsyncDatabase(about, name="gateway", size=pool, checks=False)
    await database.open()
    budget = Budget(database, allowed or limits(), reserve=reserve)
    providers = {name: make_provider(name, about) for name in {model.provider for model in models}}
    gateway = Gateway(models, providers, budget, **({"seconds": 20.0} | options))
    try:
        yield gateway, budget
    finally:
        await gateway.close()
        await database.close()
