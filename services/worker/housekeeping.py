"""Removes what is older than the retention: in small batches, by one worker at a time."""

from __future__ import annotations

import threading

from services.worker import metrics
from services.worker.mover import drop_past_days
from shared.store import retention, units
from shared.store.database import Database
from shared.telemetry import logs

LEASE_NAME = "retention"
LEASE_SECONDS = 60
#: Rows a transaction removes: short locks, little to redo after a crash.
BATCH = 2_000
#: Pause after a full batch, so that the stream keeps its share of the disk.
PAUSE_SECONDS = 0.05


class Housekeeping:
    """``days`` 0 keeps everything but old unit reports."""

    def __init__(
        self, database: Database, days: int, holder: str, stop: threading.Event, *, batch: int = BATCH
    ) -> None:
        self._database, self._days, self._holder, self._stop, self._batch = database, days, holder, stop, batch

    def __call__(self) -> dict[str, int]:
        """One pass; rows removed by table. Empty when another worker does it. Raises StoreUnavailable."""
        if not self._leads():
            return {}
        self._database.execute(units.FORGET_OLD)
        if not self._days:
            return {}
        removed = {table: self._drain(table) for table in retention.BATCHES}
        drop_past_days(self._database, self._days)
        found = {table: rows for table, rows in removed.items() if rows}
        if found:
            logs.get(__name__).info("old_rows_removed", days=self._days, **found)
        return found

    def _drain(self, table: str) -> int:
        """Remove old rows of ``table`` until none is left, the worker stops, or another took the lease."""
        total = 0
        limits = {"days": self._days, "limit": self._batch}
        while not self._stop.is_set() and self._leads():
            rows = self._database.execute(retention.BATCHES[table], limits)
            metrics.REMOVED.labels(table).inc(rows)
            total += rows
            if rows < self._batch:
                break
            self._stop.wait(PAUSE_SECONDS)
        return total

    def _leads(self) -> bool:
        lease = {"name": LEASE_NAME, "holder": self._holder, "seconds": LEASE_SECONDS}
        return self._database.fetch_one(retention.LEASE, lease) is not None
