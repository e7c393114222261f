"""What each unit last said of itself: read by health, written by every service."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class UnitReport(Schema, frozen=True, kw_only=True):
    """``component`` is what the report is about: the unit itself, or something it uses."""

    unit: str
    instance: str
    component: str
    state: str
    reason: str | None
    since: datetime
    stale: bool


SAY = Command(
    """INSERT INTO unit_report (unit, instance, component, state, reason)
       VALUES (%(unit)s, %(instance)s, %(component)s, %(state)s, %(reason)s)
       ON CONFLICT (unit, instance, component) DO UPDATE SET
         since = CASE WHEN unit_report.state = excluded.state THEN unit_report.since ELSE now() END,
         state = excluded.state, reason = excluded.reason, reported_at = now()"""
)

#: The newest word on each component. Older than 20 s by the database's clock means that the unit is gone.
READ = Statement(
    """SELECT DISTINCT ON (unit, component) unit, instance, component, state, reason, since,
          reported_at < now() - interval '20 seconds' AS stale
        FROM unit_report ORDER BY unit, component, reported_at DESC""",
    UnitReport,
)

FORGET_OLD = Command("DELETE FROM unit_report WHERE reported_at < now() - interval '1 day'")

#: A unit begins anew: components that it no longer has must not be missed for ever.
FORGET = Command("DELETE FROM unit_report WHERE unit = %(unit)s")
