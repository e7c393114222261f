"""Interruptions of one feed, kept until they can be written: PostgreSQL may be what is away.

One record an outage: connections refused until there is one again are counted on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.relay import metrics
from services.relay.drops import Drop
from services.relay.frames import Evidence
from shared.store import drops
from shared.store.database import Database

#: Records that wait to be written, at most; then the oldest is dropped and counted.
MOST_WAITING = 200


class DropRecord(msgspec.Struct, frozen=True):
    """Times are microseconds by the database's clock."""

    id: UUID
    cause: str
    code: int | None
    detail: str
    evidence: Evidence
    position: int | None
    connected_us: int | None
    ended_us: int
    reconnected_us: int | None = None
    attempts: int = 0


class DropLog:
    """Told by the reader, written by the reporter. Thread-safe."""

    def __init__(self, feed: str, now_us: Callable[[], int]) -> None:
        self._feed, self._now_us = feed, now_us
        self._lock = threading.Lock()
        self._waiting: dict[UUID, DropRecord] = {}
        self._open: DropRecord | None = None
        self._connected_us: int | None = None
        #: The first connection ends what an earlier process left open.
        self._first_us: int | None = None
        self._ever = False

    def connected(self) -> None:
        """A connection is open."""
        with self._lock:
            now = self._now_us()
            if not self._ever:
                self._ever, self._first_us = True, now
            self._connected_us = now
            if self._open is not None:
                self._keep(msgspec.structs.replace(self._open, reconnected_us=now))
                self._open = None

    def ended(self, drop: Drop, position: int | None) -> None:
        """A connection ended, or none came about. ``position`` is the event time stored last."""
        with self._lock:
            connected_us, self._connected_us = self._connected_us, None
            if self._open is not None:
                evidence = {**self._open.evidence, "last_attempt": str(drop.evidence.get("detail", ""))}
                self._open = msgspec.structs.replace(self._open, attempts=self._open.attempts + 1, evidence=evidence)
            else:
                self._open = _record(drop, position, connected_us, self._now_us())
            self._keep(self._open)

    def write(self, database: Database) -> None:
        """Write what waits. Raises StoreUnavailable and StoreRejected; then it still waits."""
        with self._lock:
            records, first_us = list(self._waiting.values()), self._first_us
        if not records and first_us is None:
            return
        feed = {"feed": self._feed}
        with database.transaction() as transaction:
            if first_us is not None:
                transaction.execute(drops.CLOSE, feed | {"reconnected_us": first_us})
            for record in records:
                transaction.execute(drops.PUT, feed | _row(record))
            transaction.execute(drops.TRIM, feed)
        with self._lock:
            self._first_us = None
            for record in records:
                if self._waiting.get(record.id) is record:
                    del self._waiting[record.id]

    def __len__(self) -> int:
        return len(self._waiting)

    def _keep(self, record: DropRecord) -> None:
        self._waiting[record.id] = record
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            metrics.DROPS_UNWRITTEN.labels(self._feed).inc()


def _record(drop: Drop, position: int | None, connected_us: int | None, now_us: int) -> DropRecord:
    code = drop.evidence.get("code")
    return DropRecord(
        uuid4(),
        drop.cause,
        int(code) if isinstance(code, int | float) else None,
        str(drop.evidence.get("detail", "")).replace("\x00", "\ufffd"),
        {**drop.evidence, "reason": drop.reason},
        position,
        connected_us,
        now_us,
    )


def _row(record: DropRecord) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in record.__struct_fields__}
    evidence = msgspec.json.encode(record.evidence).decode().replace("\\u0000", "\ufffd")
    return row | {"evidence": evidence}
