"""Agents: which there are, asking one, and following what it does. Workers do the work."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from services.api.operations.runs import enqueue, known_run, with_steps
from shared.errors import InputError, NotFound
from shared.schemas.agent import Agent, AgentList, RunEvent, RunEvents
from shared.schemas.base import Schema
from shared.schemas.run import Run
from shared.store import agent_steps as store
from shared.store import runs as run_store
from shared.store import topics as topic_store


class Question(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question in your words; ``topic`` is the id of the topic that it is about, if any."""

    question: Annotated[str, Meta(min_length=1, max_length=4_000)]
    topic: Annotated[str, Meta(max_length=200)] = ""


class AskAgentInput(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``Question`` says, for an agent by its name."""

    agent: Annotated[str, Meta(min_length=1, max_length=40)]


class RunEventsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps after the number ``after``."""

    run: UUID
    after: Annotated[int, Meta(ge=-1, le=10_000)] = -1


@operation("/api/v1/agents", scope="agents:read", toolset="agents", taints=False, core=True)
async def agents(context: Context, _: NoInput) -> AgentList:
    """The agents that can be asked, with what each may do and where it stops."""
    rows = await context.services.database.fetch(store.AGENTS)
    return AgentList(agents=[msgspec.convert({"name": row.name, **row.about}, Agent) for row in rows])


@operation(
    "/api/v1/agents/{agent}/runs",
    method="POST",
    scope="agents:write",
    effect="write",
    toolset="agents",
    taints=True,
    status=201,
    core=True,
)
async def ask_agent(context: Context, request: AskAgentInput) -> Run:
    """Ask an agent a question. It works on its own, within its limits; its report is the run's."""
    question = request.question.strip()
    if not question:
        raise InputError("The request is not valid.", why="`question` is empty.")
    async with context.services.database.transaction() as transaction:
        agent = await transaction.fetch_one(store.AGENT, {"name": request.agent})
        if agent is None:
            raise NotFound("There is no such agent.", do="GET /api/v1/agents lists them, once a worker has started.")
        if not agent.about.get("asked", True):
            raise InputError(
                f"The agent {agent.name!r} answers no questions.",
                why="It works on what a pipeline hands it.",
                do="GET /api/v1/pipelines lists pipelines.",
            )
        if request.topic and await transaction.fetch_one(topic_store.ONE, {"id": request.topic}) is None:
            raise NotFound("There is no such topic.", do="GET /api/v1/topics lists those that are live.")
        title = f"{agent.about['title']}: {' '.join(question.split())}"
        row = {"agent": agent.name, "question": question, "topic": request.topic, "title": title[:200]}
        asked = {"tainted": context.actor.tainted, "request_id": context.request}
        made = await transaction.fetch_one(run_store.CREATE_AGENT, row | asked)
        assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        await enqueue(transaction, made)
        return (await with_steps(transaction, [made]))[0]


@operation("/api/v1/runs/{run}/events", scope="runs:read", toolset="agents", taints=True)
async def run_events(context: Context, query: RunEventsInput) -> RunEvents:
    """What a run did, step by step: questions to models, calls with their arguments, what each cost."""
    async with context.services.database.transaction() as transaction:
        run = await known_run(transaction, query.run)
        rows = await transaction.fetch(store.EVENTS, {"run": query.run, "after": query.after})
    names = [name for name in RunEvent.__struct_fields__ if name != "n"]
    events = [RunEvent(n=row.seq, **{name: getattr(row, name) for name in names}) for row in rows]
    return RunEvents(status=run.status, events=events, next=events[-1].n if events else query.after)
