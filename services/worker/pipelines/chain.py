"""A run of a pipeline: its stages one after the other, each on the stored output of the one before, to the report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.agents import prompt
from services.worker.agents.definition import Agent
from services.worker.agents.hands import Hands, address_of
from services.worker.agents.loop import AgentLoop, Outcome
from services.worker.agents.means import Asking, asking, issue_token
from services.worker.agents.steps import Steps
from services.worker.pipelines import casting
from services.worker.pipelines.compose import report_id
from services.worker.pipelines.definition import Pipeline, Stage
from services.worker.pipelines.durable import DurableRun, Interrupted, Parked, Planned, Produced
from services.worker.pipelines.press import Press
from services.worker.pipelines.stages import CODE, Desk
from services.worker.pipelines.typed import Handed, Question, Review, hand, take
from services.worker.sandbox.box import Box
from shared.config.settings import Settings
from shared.errors import DependencyError, FencedError, GroundswellError, InputError
from shared.schemas.base import Schema
from shared.schemas.pipeline import PipelineParameters
from shared.store import agent_steps
from shared.store import pipelines as store
from shared.store.database import Database, Transaction


class StageRejected(GroundswellError):
    """A stage of code gave something that breaks its contract."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A run under way. ``asked_at`` is its now."""

    run: DurableRun
    pipeline: Pipeline
    parameters: PipelineParameters
    asked_at: datetime


class PipelineWork:
    """Does runs of ``pipelines``. Without ``llm`` no model answers, and reports are extractive.

    ``box`` is the sandbox for agents that calculate.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        pipelines: Mapping[str, Pipeline],
        press: Press,
        llm: Asking | None,
        box: Box | None = None,
    ) -> None:
        self._settings, self._database, self._pipelines = settings, database, pipelines
        self._press, self._llm, self._box = press, llm, box

    def tell(self) -> None:
        """Write down which pipelines there are, for those who ask for them. Raises StoreUnavailable."""
        with self._database.transaction() as transaction:
            for _, pipeline in sorted(self._pipelines.items()):
                row = {"name": pipeline.name, "about": msgspec.json.encode(about(pipeline)).decode()}
                transaction.execute(store.TELL, row)
            transaction.execute(store.FORGET_OTHERS, {"names": list(self._pipelines)})

    def perform(self, run: DurableRun) -> None:
        """Do what is left of ``run`` and finish it."""
        id_ = run.claimed.run
        asked = self._database.fetch(store.ASKED, {"run": id_})[0]
        pipeline = self._pipelines.get(asked.pipeline)
        if pipeline is None:
            raise InputError(
                f"There is no pipeline {asked.pipeline!r} here.", why="This worker was started without it."
            )
        try:
            writer = self._chain(run, pipeline, asked)
        except (DependencyError, FencedError, Interrupted, Parked):
            raise
        except Exception:
            metrics.PIPELINE_RUNS.labels(pipeline.name, "failed").inc()
            raise
        run.finish(report_id(id_))
        metrics.PIPELINE_RUNS.labels(pipeline.name, writer).inc()

    def _chain(self, run: DurableRun, pipeline: Pipeline, asked: store.AskedRow) -> str:
        parameters = msgspec.convert({**pipeline.defaults, **asked.parameters}, PipelineParameters)
        turn = Turn(run=run, pipeline=pipeline, parameters=parameters, asked_at=asked.asked_at)
        run.plan([Planned(stage.name, stage.title) for stage in pipeline.stages], apart=store.APART)
        question = Question(parameters=parameters, asked_at=asked.asked_at)
        handed, writer = hand("question", question, tainted=asked.tainted), "extractive"
        for place, stage in enumerate(pipeline.stages):
            handed = run.step(stage.name, Handed, partial(self._stage, turn, place, stage, handed))
            given = accept(stage, handed)
            if isinstance(given, Review) and given.draft.models:
                writer = "written"
        return writer

    def _stage(self, turn: Turn, place: int, stage: Stage, before: Handed) -> Produced[Handed]:
        """What a stage gives. It has to keep its contract before it is stored."""
        value, run = take(before), turn.run.claimed.run
        if stage.agent is None:
            built_in = CODE[stage.code]
            desk = Desk(database=self._database, press=self._press, run=run, title=turn.pipeline.title)
            made = built_in.work(desk, value)
            handed = hand(stage.gives, made.result, tainted=before.tainted or built_in.taints)
            detail, effect = made.detail, made.effect
        else:
            outcome, loop = self._ask(turn, place, stage, stage.agent, before)
            metrics.STAGE_REJECTIONS.labels(turn.pipeline.name, stage.name).inc(len(outcome.broken))
            given = casting.output(stage.agent, value, outcome, loop)
            # What it reads by itself taints as what it was given does.
            tainted = before.tainted or any(one.taints for one in stage.agent.operations)
            handed = hand(stage.gives, given, tainted=tainted, plainer=casting.plainer(outcome))
            detail, effect = casting.note(stage.agent, outcome), None
        try:
            accept(stage, handed)
        except StageRejected:
            metrics.STAGE_REJECTIONS.labels(turn.pipeline.name, stage.name).inc()
            raise
        return Produced(handed, detail=detail, effect=_ending(effect, run) if stage.gives == "print" else effect)

    def _ask(self, turn: Turn, place: int, stage: Stage, agent: Agent, before: Handed) -> tuple[Outcome, AgentLoop]:
        run, value, after = turn.run.claimed.run, take(before), place * store.APART
        limits = turn.pipeline.limits
        [used] = self._database.fetch(store.USED, {"run": run, "before": after})
        left = max(round(min(agent.limits.seconds, limits.seconds - used.seconds)), 0)
        agent = msgspec.structs.replace(agent, limits=msgspec.structs.replace(agent.limits, seconds=left))
        asked = agent_steps.AskedRow(
            agent=agent.name,
            question=stage.asks(turn.parameters) or "Do your work on what you are given.",
            topic=turn.parameters.topic,
            tainted=before.tainted,
            asked_at=turn.asked_at,
        )
        text = casting.shown(value)
        given = prompt.given(text, _mark(run, stage.name), strangers=before.tainted) if text else ""
        hands = self._hands(turn, agent, before) if agent.operations else None
        complete = asking(self._settings, self._database, self._llm, agent.name, run, limits.nano_usd)
        try:
            steps = Steps(self._database, turn.run, hands, complete, after)
            seen = casting.evidence(value)
            loop = AgentLoop(self._database, agent, run, asked, steps, given=given, evidence=seen, box=self._box)
            outcome = asyncio.run(loop.work())
            if outcome.accepted is None:
                loop.gather(anyway=agent.contract == "analysis")  # figures are wanted, whatever was found before
        finally:
            if hands:
                hands.close()
        return outcome, loop

    def _hands(self, turn: Turn, agent: Agent, before: Handed) -> Hands:
        with turn.run.held() as transaction:
            name = f"pipeline {turn.pipeline.name}"
            secret = issue_token(transaction, agent, turn.run.claimed.run, name, tainted=before.tainted)
        return Hands(address_of(self._settings), secret)


def about(pipeline: Pipeline) -> dict[str, object]:
    """A pipeline as interfaces know it."""
    return {
        "title": pipeline.title,
        "summary": pipeline.summary,
        "needs": list(pipeline.needs),
        "takes": list(pipeline.takes),
        "defaults": pipeline.defaults,
        "limits": msgspec.to_builtins(pipeline.limits),
        "stages": [
            {
                "name": stage.name,
                "title": stage.title,
                "agent": stage.agent.name if stage.agent else None,
                "code": stage.code or None,
                "takes": stage.takes,
                "gives": stage.gives,
                "limits": msgspec.to_builtins(stage.agent.limits) if stage.agent else None,
            }
            for stage in pipeline.stages
        ],
    }


def accept(stage: Stage, handed: Handed) -> Schema:
    """What was handed over, before the next stage begins. Raises StageRejected."""
    if handed.contract != stage.gives:
        raise StageRejected(
            f"The stage {stage.name!r} gave {handed.contract}, not {stage.gives}.",
            why="Was the pipeline changed meanwhile?",
        )
    try:
        return take(handed)
    except ValueError as error:
        raise StageRejected(
            f"What the stage {stage.name!r} gave breaks its contract {stage.gives}.", why=str(error)
        ) from error


def _mark(run: UUID, stage: str) -> str:
    """Of the frame around strangers' text: always the same for a run, and known to nobody who wrote before."""
    return hashlib.sha256(f"{run.hex} {stage}".encode()).hexdigest()[:16]


def _ending(effect: Callable[[Transaction], None] | None, run: UUID) -> Callable[[Transaction], None]:
    # The run's token ends with its report.
    def both(transaction: Transaction) -> None:
        if effect:
            effect(transaction)
        transaction.execute(agent_steps.END_TOKEN, {"run": run})

    return both
