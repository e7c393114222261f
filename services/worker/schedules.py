"""Makes the runs that are due: each due time one, however many workers look; what was missed is made up for once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.worker import metrics
from services.worker.pipelines.definition import Pipeline
from shared.contracts.due import last_due, next_due, zone_of
from shared.contracts.jobs import RUN_PIPELINE
from shared.schemas.pipeline import parameters_of
from shared.store import schedules as store
from shared.store.database import Database, Transaction
from shared.telemetry import logs

#: Schedules of one transaction; their rows stay locked meanwhile.
BATCH = 10


class Schedules:
    """``pipelines`` give runs their titles. Time is the database's."""

    def __init__(self, database: Database, pipelines: Mapping[str, Pipeline]) -> None:
        self._database, self._pipelines = database, pipelines

    def __call__(self) -> int:
        """Make what is due; the number of runs. Raises StoreUnavailable."""
        made = 0
        while True:
            with self._database.transaction() as transaction:
                rows = transaction.fetch(store.DUE, {"limit": BATCH})
                made += sum(self._make(transaction, row) for row in rows)
            if len(rows) < BATCH:
                return made

    def _make(self, transaction: Transaction, row: store.ScheduleRow) -> int:
        assert row.due_at is not None  # noqa: S101 - the statement asks for it
        try:
            zone = zone_of(row.zone)
        except ValueError as error:  # this machine's zones are older than the schedule
            logs.get(__name__).error("schedule_off", schedule=row.id, error=str(error))
            transaction.execute(store.OFF, {"id": row.id})
            return 0
        # After a stop there may be several: the latest stands for all of them.
        due = last_due(row.at, row.weekdays, zone, row.due_at, row.now)
        pipeline = self._pipelines.get(row.pipeline)
        parameters = parameters_of(row.parameters)
        asked = {
            "schedule": row.id,
            "due_at": due,
            "pipeline": row.pipeline,
            "title": pipeline.title if pipeline else row.pipeline,
            "topic": parameters.topic,
            "parameters": msgspec.json.encode(parameters.given()).decode(),
            "tainted": row.tainted,
            "actor": RUN_PIPELINE.actor,
            "queue": RUN_PIPELINE.queue,
        }
        made = transaction.fetch(store.RUN, asked)
        transaction.execute(store.MOVE_ON, {"id": row.id, "due_at": next_due(row.at, row.weekdays, zone, row.now)})
        if made:
            metrics.SCHEDULED.labels(row.pipeline).inc()
            logs.get(__name__).info("schedule_made_run", schedule=row.id, run=made[0].id, due=due.isoformat())
        return len(made)
