"""How much waits, as metrics: read from the record, so that every worker says the same."""

from __future__ import annotations

from services.worker import metrics
from shared.store.database import Database
from shared.store.platform import QUEUES

KINDS = (
    "outbox",
    "runs_queued",
    "runs_running",
    "deliveries_pending",
    "deliveries_failed_day",
    "embedding_pending",
    "vector_removals",
    "rechecks_open",
    "approvals_waiting",
)


class Depths:
    """One look. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self) -> None:
        found = self._database.fetch(QUEUES)[0]
        for kind in KINDS:
            metrics.WAITING.labels(kind).set(getattr(found, kind))
        metrics.OLDEST_JOB_SECONDS.set(found.outbox_oldest_seconds or 0.0)
