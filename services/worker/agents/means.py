"""What an agent works with in a run: a token for the API that says what it may do, and a budget to ask models from."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from services.worker.agents.definition import Agent
from services.worker.agents.steps import Complete
from services.worker.llm.open import limits_of
from services.worker.llm.request import Answer, Request
from shared.config.settings import Settings
from shared.contracts import access
from shared.errors import FencedError, ModelUnavailable
from shared.store import agent_steps as store
from shared.store import budget
from shared.store.database import Database, Transaction

#: Longest that one question may wait for its answer.
ASK_SECONDS = 180.0
#: Beyond an agent's own seconds its token lives so long.
TOKEN_SLACK_SECONDS = 900


class Asking(Protocol):
    """The gateway, as threads use it."""

    def complete(self, request: Request, *, seconds: float) -> Answer: ...


def issue_token(transaction: Transaction, agent: Agent, run: UUID, name: str, *, tainted: bool) -> str:
    """A new secret for the run's one token: whoever had the run before is shut out. Raises FencedError."""
    secret = access.make()
    row = {
        "name": f"{name}, run {run}",
        "scopes": agent.scopes,
        "digest": access.digest(secret),
        "run": run,
        "seconds": agent.limits.seconds + TOKEN_SLACK_SECONDS,
        "tainted": tainted or agent.approval == "always",
    }
    if not transaction.fetch(store.TOKEN, row):
        raise FencedError("The run's token belongs to something else.")
    return secret


def asking(settings: Settings, database: Database, llm: Asking | None, agent: str, run: UUID, cap: int) -> Complete:
    """Asks for ``agent`` in ``run``, which may cost ``cap`` nano-dollars in all, or less if the settings say so."""
    if llm is not None:
        limits = limits_of(settings)
        caps = {"month_cap": limits.month, "agent_cap": limits.agent, "agent": agent}
        database.execute(budget.OPEN, caps | {"run": run, "run_cap": min(limits.run, cap)})

    def complete(request: Request) -> Answer:
        if llm is None:
            raise ModelUnavailable("No language model is set up.")
        return llm.complete(request, seconds=ASK_SECONDS)

    return complete
