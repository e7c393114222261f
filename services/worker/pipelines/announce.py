"""Tell the screens that a run moved on. Best effort: the record is what counts."""

from __future__ import annotations

from uuid import UUID

from services.worker import metrics
from shared.errors import GroundswellError
from shared.schemas.live import RunUpdated
from shared.schemas.run import Run, RunStep
from shared.store import ledger
from shared.store.database import Database
from shared.store.ring import LivePublisher
from shared.telemetry import logs


class Announcer:
    """Reads a run as it is now and publishes it."""

    def __init__(self, database: Database, publisher: LivePublisher) -> None:
        self._database, self._publisher = database, publisher

    def __call__(self, run: UUID) -> None:
        """Publish ``run``. Never raises for an engine that is away: that is counted."""
        try:
            with self._database.transaction() as transaction:
                row = transaction.fetch_one(ledger.RUN, {"run": run})
                steps = transaction.fetch(ledger.STEPS, {"run": run})
            if row:
                self._publisher.publish(RunUpdated(run=shown(row, steps)))
        except GroundswellError as error:
            metrics.LIVE_FAILED.inc()
            logs.get(__name__).debug("run_not_announced", run=str(run), error=str(error))


def shown(row: ledger.RunRow, steps: list[ledger.StepRow]) -> Run:
    """A run as interfaces show it."""
    return Run(
        id=str(row.id),
        kind=row.kind,
        topic=row.topic,
        title=row.title,
        status=row.status,
        error=row.error,
        steps=[
            RunStep(
                name=step.name,
                title=step.title,
                status=step.status,
                started_at=step.started_at,
                finished_at=step.finished_at,
                detail=step.detail,
            )
            for step in steps
        ],
        created_at=row.created_at,
        updated_at=row.updated_at,
        attempts=row.attempts,
        report=str(row.report) if row.report else None,
        spend_nano_usd=row.spend_nano_usd,
        agent=row.agent,
        question=row.question,
        pipeline=row.pipeline,
        request_id=row.request_id,
    )
