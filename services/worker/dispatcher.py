"""Hands the outbox to the broker: at least once, in order, never a job that was not committed."""

from __future__ import annotations

import dramatiq
import redis

from services.worker import metrics
from shared.contracts.jobs import JOBS
from shared.errors import BrokerUnavailable
from shared.store import outbox_take
from shared.store.database import Database
from shared.telemetry import logs

#: Jobs a transaction takes; their rows stay locked while Valkey answers.
BATCH = 20
_KNOWN = {job.actor: job for job in JOBS}


class Dispatcher:
    """Several may run at once: a row is taken by one of them."""

    def __init__(self, database: Database, broker: dramatiq.Broker) -> None:
        self._database, self._broker = database, broker

    def __call__(self) -> int:
        """Send what waits; the number sent. Raises StoreUnavailable or BrokerUnavailable: then nothing is lost."""
        sent = 0
        while (taken := self._batch()) == BATCH:
            sent += taken
        return sent + taken

    def _batch(self) -> int:
        with self._database.transaction() as transaction:
            rows = transaction.fetch(outbox_take.TAKE, {"limit": BATCH})
            for row in rows:
                self._send(row)
            if rows:
                transaction.execute(outbox_take.DELETE, {"ids": [row.id for row in rows]})
        return len(rows)

    def _send(self, row: outbox_take.OutboxRow) -> None:
        job = _KNOWN.get(row.actor)
        if job is None or set(row.args) != set(job.args):
            # Kept in the log, not in the table: it would be looked at for ever.
            metrics.OUTBOX_REFUSED.inc()
            logs.get(__name__).error("job_unknown", actor=row.actor, args=row.args)
            return
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=job.queue, actor_name=job.actor, args=(), kwargs=row.args, options={}
        )
        try:
            self._broker.enqueue(message)
        except redis.RedisError as error:
            raise BrokerUnavailable("Valkey did not take a job.", why=str(error)) from error
        metrics.OUTBOX_SENT.labels(job.actor).inc()
