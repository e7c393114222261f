"""Pipelines: which there are, running one, what its stages gave, and when they run by themselves."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.queries import RunInput
from services.api.operations.registry import NoInput, operation
from services.api.operations.runs import enqueue, known_run, with_steps
from shared.errors import InputError, NotFound
from shared.schemas.base import Schema
from shared.schemas.pipeline import (
    Pipeline,
    PipelineList,
    PipelineParameters,
    RunStage,
    RunStages,
)
from shared.schemas.run import Run
from shared.store import feeds as feed_store
from shared.store import pipelines as store
from shared.store import runs as run_store
from shared.store import topics as topic_store
from shared.store.database import AsyncTransaction

Name = Annotated[str, Meta(min_length=1, max_length=40)]


class PipelineInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline by its name."""

    pipeline: Name


class RunPipelineInput(PipelineParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline and what it needs: ``pipelines`` says which of these it takes.

    ``topic`` and ``feed`` are ids, ``domain`` a site that posts link to, ``days`` how far back, ``question`` what to
    look for in particular.
    """

    pipeline: Name


@operation("/api/v1/pipelines", scope="pipelines:read", toolset="agents", taints=False)
async def pipelines(context: Context, _: NoInput) -> PipelineList:
    """The pipelines that can be run, with their stages, what each takes, and their limits."""
    rows = await context.services.database.fetch(store.ALL)
    return PipelineList(pipelines=[_pipeline(row) for row in rows])


@operation("/api/v1/pipelines/{pipeline}", scope="pipelines:read", toolset="agents", taints=False)
async def pipeline(context: Context, query: PipelineInput) -> Pipeline:
    """One pipeline."""
    async with context.services.database.transaction() as transaction:
        return await known_pipeline(transaction, query.pipeline)


@operation(
    "/api/v1/pipelines/{pipeline}/runs",
    method="POST",
    scope="pipelines:write",
    effect="write",
    toolset="agents",
    taints=True,
    status=201,
)
async def run_pipeline(context: Context, request: RunPipelineInput) -> Run:
    """Run a pipeline now. Its report is the run's; without a language model code alone writes it."""
    parameters = parameters_in(request)
    async with context.services.database.transaction() as transaction:
        known = await known_pipeline(transaction, request.pipeline)
        about = await check_parameters(transaction, known, parameters)
        row = {
            "pipeline": known.name,
            "topic": parameters.topic,
            "title": f"{known.title}: {about}"[:200] if about else known.title,
            "parameters": msgspec.json.encode(parameters.given()).decode(),
            "tainted": context.actor.tainted,
            "request_id": context.request,
        }
        made = await transaction.fetch_one(run_store.CREATE_PIPELINE, row)
        assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        await enqueue(transaction, made)
        return (await with_steps(transaction, [made]))[0]


@operation("/api/v1/runs/{run}/stages", scope="runs:read", toolset="agents", taints=True)
async def run_stages(context: Context, query: RunInput) -> RunStages:
    """What each stage of a pipeline's run gave, by its contract: exactly what the next stage got."""
    async with context.services.database.transaction() as transaction:
        run = await known_run(transaction, query.run)
        rows = await transaction.fetch(store.STAGES, {"run": query.run})
    if run.pipeline is None:
        raise InputError("This is no run of a pipeline.", do="GET /api/v1/runs/RUN tells its steps.")
    return RunStages(status=run.status, stages=[_stage(row) for row in rows])


def _pipeline(row: store.PipelineRow) -> Pipeline:
    return msgspec.convert({"name": row.name, **row.about}, Pipeline)


async def known_pipeline(transaction: AsyncTransaction, name: str) -> Pipeline:
    """The pipeline. Raises NotFound."""
    row = await transaction.fetch_one(store.ONE, {"name": name})
    if row is None:
        raise NotFound("There is no such pipeline.", do="GET /api/v1/pipelines lists them, once a worker has started.")
    return _pipeline(row)


def parameters_in(given: RunPipelineInput) -> PipelineParameters:
    """What a run is to be given."""
    return PipelineParameters(**{name: getattr(given, name) for name in PipelineParameters.__struct_fields__})


async def check_parameters(transaction: AsyncTransaction, known: Pipeline, parameters: PipelineParameters) -> str:
    """Whether it takes these, and they name something; what a run with them is about, in words."""
    given = parameters.given()
    if unknown := [name for name in given if name not in (*known.needs, *known.takes)]:
        takes = ", ".join([*known.needs, *known.takes]) or "nothing"
        raise InputError("The request is not valid.", why=f"{known.name} takes no `{unknown[0]}`; it takes {takes}.")
    named = [name for name in known.needs if name in given]
    if known.needs and len(named) != 1:
        wanted = " or ".join(f"`{name}`" for name in known.needs)
        choice = ", and only one of them" if len(known.needs) > 1 else ""
        raise InputError("The request is not valid.", why=f"{known.name} needs {wanted}{choice}.")
    about = str(given[named[0]]) if named else ""
    if parameters.topic:
        topic = await transaction.fetch_one(topic_store.ONE, {"id": parameters.topic})
        if topic is None:
            raise NotFound("There is no such topic.", do="GET /api/v1/topics lists those that are live.")
        about = topic.label
    if parameters.feed and await transaction.fetch_one(feed_store.ONE, {"feed": parameters.feed}) is None:
        raise NotFound("There is no such feed.", do="GET /api/v1/feeds lists them.")
    return about


def _stage(row: store.StageRow) -> RunStage:
    handed = row.result if isinstance(row.result, dict) else {}
    return RunStage(
        name=row.name,
        title=row.title,
        status=row.status,
        contract=handed.get("contract"),
        tainted=handed.get("tainted", False),
        plainer=handed.get("plainer") or None,
        output=handed.get("value"),
        detail=row.detail,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
