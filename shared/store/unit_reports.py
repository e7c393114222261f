"""How a unit says what state it is in; on the way it learns how far its clock is from the database's."""

from __future__ import annotations

import time

from shared.schemas.base import Schema
from shared.store import units
from shared.store.database import Database, Statement
from shared.telemetry.health import Say, State
from shared.telemetry.metrics import Gauge

DRIFT = Gauge(
    "groundswell_store_clock_drift_seconds",
    "The database's clock minus this machine's (invariant 4).",
)


class Clock(Schema, frozen=True, kw_only=True):
    """Seconds since 1970, by the database."""

    now: float


_SAY = Statement(
    f"{units.SAY.sql} RETURNING extract(epoch FROM clock_timestamp())::float8 AS now",
    Clock,
)


def teller(database: Database) -> Say:
    """Writes a report to ``database``. It raises StoreUnavailable."""

    def say(unit: str, instance: str, component: str, state: State, reason: str | None) -> None:
        report = {"unit": unit, "instance": instance, "component": component, "state": state, "reason": reason}
        before = time.time()
        row = database.fetch_one(_SAY, report)
        if row:
            # The statement ran somewhere between.
            DRIFT.set(row.now - (before + time.time()) / 2)

    return say
