"""Prompts: what agents are told, and what the operator tells them besides."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.contracts.prompts import INSTRUCTIONS_MOST, filled
from shared.errors import NotFound
from shared.schemas.base import Schema
from shared.schemas.prompt import Instructions, Prompt, PromptLine, PromptList
from shared.store import agent_steps
from shared.store import instructions as store
from shared.store.database import AsyncTransaction


class PromptInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent by its name."""

    agent: Annotated[str, Meta(min_length=1, max_length=40)]


class PromptChange(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``instructions`` replace those that there are; an empty text takes them back."""

    instructions: Annotated[str, Meta(max_length=INSTRUCTIONS_MOST)]


class ChangePromptInput(PromptChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PromptChange`` of an agent by its name."""

    agent: Annotated[str, Meta(min_length=1, max_length=40)]


@operation("/api/v1/prompts", scope="agents:read", toolset="agents", taints=False)
async def prompts(context: Context, _: NoInput) -> PromptList:
    """The prompts of all agents in short, and what the operator added to each."""
    async with context.services.database.transaction() as transaction:
        agents = await transaction.fetch(agent_steps.AGENTS)
        said = {row.agent: row for row in await transaction.fetch(store.NOW)}
    lines = []
    for row in agents:
        now = said.get(row.name)
        whole = filled(row.about.get("prompt", ""), now.text if now else "")
        lines.append(
            PromptLine(
                agent=row.name,
                title=row.about["title"],
                characters=len(whole),
                instructions=now.text if now else "",
                since=now.since if now else None,
            )
        )
    return PromptList(prompts=lines)


@operation("/api/v1/prompts/{agent}", scope="agents:read", toolset="agents", taints=False)
async def prompt(context: Context, query: PromptInput) -> Prompt:
    """What an agent's model is told before anything else, word by word, and how the operator changed it."""
    async with context.services.database.transaction() as transaction:
        return await _prompt(transaction, query.agent)


@operation(
    "/api/v1/prompts/{agent}",
    method="PATCH",
    scope="prompts:write",
    effect="write",
    toolset="agents",
    taints=False,
    idempotent=True,
)
async def change_prompt(context: Context, change: ChangePromptInput) -> Prompt:
    """Tell an agent something besides its prompt: a language, what matters here, how to write.

    It holds for runs that are asked from now on. What the platform forbids an agent stays forbidden: its tools, its
    limits and its approvals do not come from its prompt. Only the operator may do this.
    """
    said = change.instructions.strip()
    async with context.services.database.transaction() as transaction:
        there = await _prompt(transaction, change.agent)
        if said != there.instructions:
            await transaction.execute(store.SAY, {"agent": change.agent, "text": said})
            await transaction.execute(store.FORGET, {"agent": change.agent})
        return await _prompt(transaction, change.agent)


async def _prompt(transaction: AsyncTransaction, agent: str) -> Prompt:
    """Raises NotFound."""
    row = await transaction.fetch_one(agent_steps.AGENT, {"name": agent})
    if row is None:
        raise NotFound("There is no such agent.", do="GET /api/v1/agents lists them, once a worker has started.")
    history = await transaction.fetch(store.HISTORY, {"agent": agent})
    now = history[0].text if history else ""
    return Prompt(
        agent=agent,
        title=row.about["title"],
        prompt=filled(row.about.get("prompt", ""), now),
        instructions=now,
        history=[Instructions(text=said.text, since=said.since) for said in history],
    )
