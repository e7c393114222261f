"""Runs: ask for a briefing and follow it. The worker does the work."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.api.operations.context import Context
from services.api.operations.queries import CreateRunInput, RunInput
from services.api.operations.registry import NoInput, operation
from shared.contracts.jobs import RUN_BRIEFING
from shared.errors import ConflictError, NotFound
from shared.schemas.run import Run, RunList, RunStep
from shared.schemas.watch import Removed
from shared.store import outbox
from shared.store import runs as store
from shared.store import topics as topic_store
from shared.store.database import AsyncTransaction


@operation(
    "/api/v1/runs",
    method="POST",
    scope="runs:write",
    effect="write",
    status=201,
    toolset="reports",
    taints=True,
    idempotent=True,
    core=True,
)
async def create_run(context: Context, request: CreateRunInput) -> Run:
    """Ask for a briefing about a topic.

    While a run for the same topic is unfinished, that one is given back and no second one is made.
    """
    about = {"topic": request.topic, "kind": request.kind}
    async with context.services.database.transaction() as transaction:
        topic = await transaction.fetch_one(topic_store.ONE, {"id": request.topic})
        if topic is None:
            raise NotFound("There is no such topic.", do="GET /api/v1/topics lists those that are live.")
        await transaction.execute(store.LOCK_TOPIC, about)
        found = await transaction.fetch_one(store.UNFINISHED, about)
        if found is None:
            found = await transaction.fetch_one(store.CREATE, about | {"title": f"Briefing: {topic.label}"})
            assert found is not None  # noqa: S101 - INSERT ... RETURNING gives its row
            await _enqueue(transaction, found.id)
        return (await _with_steps(transaction, [found]))[0]


@operation("/api/v1/runs", scope="runs:read", toolset="reports", taints=True)
async def runs(context: Context, _: NoInput) -> RunList:
    """The last 50 runs, newest first."""
    async with context.services.database.transaction() as transaction:
        return RunList(runs=await _with_steps(transaction, await transaction.fetch(store.LATEST)))


@operation("/api/v1/runs/{run}", scope="runs:read", toolset="reports", taints=True, core=True)
async def run(context: Context, query: RunInput) -> Run:
    """One run with its steps."""
    async with context.services.database.transaction() as transaction:
        return (await _with_steps(transaction, [await _known(transaction, query.run)]))[0]


@operation(
    "/api/v1/runs/{run}/retry",
    method="POST",
    scope="runs:write",
    effect="write",
    toolset="reports",
    taints=True,
    status=202,
)
async def retry_run(context: Context, query: RunInput) -> Run:
    """Let a failed run go on: from the step that failed, with what was done before it kept."""
    async with context.services.database.transaction() as transaction:
        there = await _known(transaction, query.run)
        again = await transaction.fetch_one(store.RETRY, {"id": query.run})
        if again is None:
            raise ConflictError(f"This run is {there.status}.", why="Only one that has failed can be tried again.")
        await _enqueue(transaction, again.id)
        return (await _with_steps(transaction, [again]))[0]


@operation(
    "/api/v1/runs/{run}",
    method="DELETE",
    scope="runs:write",
    effect="destroy",
    toolset="reports",
    taints=False,
    idempotent=True,
)
async def remove_run(context: Context, query: RunInput) -> Removed:
    """Remove a finished or failed run with its steps and its report."""
    async with context.services.database.transaction() as transaction:
        there = await _known(transaction, query.run)
        if await transaction.fetch_one(store.REMOVE, {"id": query.run}) is None:
            raise ConflictError(f"This run is {there.status}.", do="Wait until it is done.")
    return Removed(id=str(query.run))


async def _known(transaction: AsyncTransaction, run_id: UUID) -> store.RunRow:
    row = await transaction.fetch_one(store.ONE, {"id": run_id})
    if row is None:
        raise NotFound("There is no such run.", do="GET /api/v1/runs lists the last ones.")
    return row


async def _enqueue(transaction: AsyncTransaction, run_id: str) -> None:
    job = {
        "actor": RUN_BRIEFING.actor,
        "queue": RUN_BRIEFING.queue,
        "args": msgspec.json.encode({"run_id": run_id}).decode(),
    }
    await transaction.execute(outbox.PUT, job)


async def _with_steps(transaction: AsyncTransaction, rows: list[store.RunRow]) -> list[Run]:
    steps: dict[str, list[RunStep]] = {row.id: [] for row in rows}
    for found in await transaction.fetch(store.STEPS, {"runs": list(steps)}):
        steps[found.run].append(found.step())
    return [row.run(steps[row.id]) for row in rows]
