"""Runs: ask for a briefing, follow runs, cancel them and let them go on. The worker does the work."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.api.operations.context import Context
from services.api.operations.queries import CreateRunInput, RetryRunInput, RunInput, RunsInput
from services.api.operations.registry import operation
from shared.contracts.jobs import JOB_OF_RUN
from shared.errors import ConflictError, NotFound
from shared.schemas.run import Run, RunList, RunStep
from shared.schemas.watch import Removed
from shared.store import outbox
from shared.store import runs as store
from shared.store import topics as topic_store
from shared.store.database import AsyncTransaction, Statement

#: Of the year 9999.
_LAST_MILLISECOND = 253_402_300_799_000
#: What is not over.
OPEN = ["queued", "running", "needs_approval", "needs_human"]


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
            found = await transaction.fetch_one(
                store.CREATE, about | {"title": f"Briefing: {topic.label}", "request_id": context.request}
            )
            assert found is not None  # noqa: S101 - INSERT ... RETURNING gives its row
            await enqueue(transaction, found)
        return (await with_steps(transaction, [found]))[0]


@operation("/api/v1/runs", scope="runs:read", toolset="reports", taints=True)
async def runs(context: Context, query: RunsInput) -> RunList:
    """Runs, newest first: the last 50, or those that are asked for. Of their steps the stages; run tells all."""
    wanted = {name: getattr(query, name) for name in ("agent", "pipeline", "kind", "topic", "before")}
    wanted["made_at"] = _made_at(query.before) if query.before else None
    statuses = OPEN if query.status == "open" else [query.status] if query.status else None
    async with context.services.database.transaction() as transaction:
        rows = await transaction.fetch(store.FIND, wanted | {"statuses": statuses, "limit": query.limit + 1})
        page = await with_steps(transaction, rows[: query.limit], store.STAGES)
    return RunList(runs=page, next=page[-1].id if len(rows) > query.limit else None)


@operation("/api/v1/runs/{run}", scope="runs:read", toolset="reports", taints=True, core=True)
async def run(context: Context, query: RunInput) -> Run:
    """One run with its steps."""
    async with context.services.database.transaction() as transaction:
        return (await with_steps(transaction, [await known_run(transaction, query.run)]))[0]


@operation(
    "/api/v1/runs/{run}/retry",
    method="POST",
    scope="runs:write",
    effect="write",
    toolset="reports",
    taints=True,
    status=202,
)
async def retry_run(context: Context, query: RetryRunInput) -> Run:
    """Let a run go on that failed or waits for somebody to look: from where it stopped, what was done is kept.

    An agent's run can also be done again ``from_step`` when it is done or was cancelled. A call that is made again with
    the same arguments at the same place is the same call: its effect is not repeated.
    """
    async with context.services.database.transaction() as transaction:
        there = await known_run(transaction, query.run)
        seq = None
        if query.from_step:
            step = await transaction.fetch_one(store.STEP_SEQ, {"id": query.run, "name": query.from_step})
            if step is None:
                raise NotFound("There is no such step of an agent's run.", do="GET /api/v1/runs/RUN tells its steps.")
            seq = step.seq
        again = await transaction.fetch_one(
            store.RETRY, {"id": query.run, "from_seq": seq, "request_id": context.request}
        )
        if again is None:
            raise ConflictError(
                _standing(there),
                why="Only one that has failed can be tried again, or an agent's from one of its steps.",
            )
        await enqueue(transaction, again)
        return (await with_steps(transaction, [again]))[0]


@operation(
    "/api/v1/runs/{run}/cancel",
    method="POST",
    scope="runs:write",
    effect="write",
    toolset="reports",
    taints=True,
    idempotent=True,
)
async def cancel_run(context: Context, query: RunInput) -> Run:
    """End a run where it is: what is under way ends, and nothing follows it.

    An agent's run can be done again from one of its steps (retry_run).
    """
    async with context.services.database.transaction() as transaction:
        there = await known_run(transaction, query.run)
        ended = await transaction.fetch_one(store.CANCEL, {"id": query.run})
        if ended is None and there.status != "cancelled":
            raise ConflictError(_standing(there), why="Only one that is not over can be cancelled.")
        return (await with_steps(transaction, [ended or there]))[0]


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
    """Remove a finished, failed or cancelled run with its steps and its report."""
    async with context.services.database.transaction() as transaction:
        there = await known_run(transaction, query.run)
        if await transaction.fetch_one(store.REMOVE, {"id": query.run}) is None:
            raise ConflictError(_standing(there), do="Wait until it is done.")
    return Removed(id=str(query.run))


def _standing(run: store.RunRow) -> str:
    """How far it is, as a sentence."""
    state = {"needs_approval": "waiting for an approval", "needs_human": "waiting for a person"}.get(
        run.status, run.status
    )
    return f"This run is {state}."


def _made_at(run: UUID) -> datetime | None:
    """The time that is in an id of version 7."""
    milliseconds = min(run.int >> 80, _LAST_MILLISECOND)
    return datetime.fromtimestamp(milliseconds / 1_000, UTC) if run.version == 7 else None


async def known_run(transaction: AsyncTransaction, run_id: UUID) -> store.RunRow:
    """The run. Raises NotFound."""
    row = await transaction.fetch_one(store.ONE, {"id": run_id})
    if row is None:
        raise NotFound("There is no such run.", do="GET /api/v1/runs lists the last ones.")
    return row


async def enqueue(transaction: AsyncTransaction, run: store.RunRow) -> None:
    """Put its job out, in the transaction that made it."""
    job = JOB_OF_RUN[run.kind]
    args = msgspec.json.encode({"run_id": run.id}).decode()
    await transaction.execute(outbox.PUT, {"actor": job.actor, "queue": job.queue, "args": args})


async def with_steps(
    transaction: AsyncTransaction, rows: list[store.RunRow], which: Statement[store.StepRow] = store.STEPS
) -> list[Run]:
    """Rows as runs."""
    steps: dict[str, list[RunStep]] = {row.id: [] for row in rows}
    for found in await transaction.fetch(which, {"runs": list(steps)}):
        steps[found.run].append(found.step())
    return [row.run(steps[row.id]) for row in rows]
