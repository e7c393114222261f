"""Finds runs that nobody works on: their worker died, or Valkey lost their message."""

from __future__ import annotations

import redis

from services.worker import metrics
from services.worker.broker import PatientBroker
from services.worker.timings import Timings
from shared.contracts.jobs import JOB_OF_RUN, Job
from shared.errors import BrokerUnavailable
from shared.store import agent_steps, outbox_take
from shared.store.database import Database
from shared.telemetry import logs

#: Runs revived in one sweep.
BATCH = 50
#: With so many messages waiting nothing is lost, it is only late: adding more would not help.
CROWDED = 500


class Reaper:
    """Writes new jobs into the outbox. Harmless when wrong: a run is claimed by one worker at a time."""

    def __init__(self, database: Database, broker: PatientBroker, timings: Timings) -> None:
        self._database, self._broker, self._timings = database, broker, timings

    def __call__(self) -> int:
        """One sweep; the number of runs revived. Raises StoreUnavailable or BrokerUnavailable."""
        self._database.execute(agent_steps.WAKE)
        revived = sum(self._revive(kind, job) for kind, job in JOB_OF_RUN.items())
        if revived:
            metrics.REVIVED.inc(revived)
            logs.get(__name__).warning("runs_revived", runs=revived)
        return revived

    def _revive(self, kind: str, job: Job) -> int:
        waiting = self._waiting(job)
        if waiting >= CROWDED:
            return 0
        quiet = self._timings.waiting_seconds if waiting else self._timings.lost_seconds
        about = {"kind": kind, "actor": job.actor, "queue": job.queue, "quiet_seconds": quiet, "limit": BATCH}
        return self._database.execute(outbox_take.REVIVE, about)

    def _waiting(self, job: Job) -> int:
        """Messages in the queue, those being worked on included."""
        try:
            return int(self._broker.do_qsize(job.queue))
        except redis.RedisError as error:
            raise BrokerUnavailable("Valkey did not say how many jobs wait.", why=str(error)) from error
