"""Watches as the interfaces read and change them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.schemas.base import Schema
from shared.schemas.watch import Watch, WatchRule, WatchStatus
from shared.store.database import Command, Statement


class WatchRow(Schema, frozen=True, kw_only=True):
    """A watch as stored; ``asleep``: snoozed now, by the database's clock."""

    id: str
    name: str
    rule: dict[str, Any]
    destinations: list[str]
    paused: bool
    snoozed_until: datetime | None
    asleep: bool
    degraded: str | None
    armed_at: datetime
    evaluated_to: datetime | None
    open_since: datetime | None
    alerts: int
    last_alert_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def watch(self) -> Watch:
        """The watch as interfaces show it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("rule", "asleep")}
        return Watch(**fields, rule=msgspec.convert(self.rule, WatchRule), status=self._status())

    def _status(self) -> WatchStatus:
        if self.paused:
            return "paused"
        if self.asleep:
            return "snoozed"
        return "watching" if self.evaluated_to and self.evaluated_to >= self.armed_at else "learning"


class Count(Schema, frozen=True, kw_only=True):
    """A number of rows."""

    count: int


class Id(Schema, frozen=True, kw_only=True):
    """The id of a row."""

    id: str


_WATCH = """
  SELECT watch.id::text, name, rule, destinations::text[], paused,
         CASE WHEN snoozed_until > now() THEN snoozed_until END AS snoozed_until,
         coalesce(snoozed_until > now(), false) AS asleep, degraded, armed_at, evaluated_to,
         to_timestamp((state ->> 'began')::bigint * 60) AS open_since, told.alerts, told.last_alert_at,
         created_at, updated_at
    FROM watch
    CROSS JOIN LATERAL (
      SELECT count(*) AS alerts, max(at) AS last_alert_at FROM alert WHERE alert.watch = watch.id) AS told"""

ALL = Statement(f"{_WATCH} ORDER BY name, watch.id", WatchRow)
ONE = Statement(f"{_WATCH} WHERE watch.id = %(watch)s", WatchRow)

#: One at a time, so that the number of rows is bounded whatever comes at once.
LOCK = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-watches'))")
COUNT = Statement("SELECT count(*) AS count FROM watch", Count)
#: How many of ``ids`` are destinations.
FEEDS = Statement("SELECT id FROM feed WHERE id = ANY(%(ids)s)", Id)
KNOWN = Statement("SELECT count(*) AS count FROM destination WHERE id = ANY(%(ids)s::uuid[])", Count)

#: Event time that the feeds have reached: what is stored from here on is news to a watch.
_PRESENT = """coalesce(
         (SELECT min(event_time) FROM feed_cursor WHERE updated_at > now() - interval '60 seconds'),
         (SELECT max(event_time) FROM feed_cursor), now())"""

CREATE = Statement(
    f"""INSERT INTO watch (name, rule, destinations, armed_at)
        VALUES (%(name)s, %(rule)s::jsonb, %(destinations)s::uuid[], {_PRESENT}) RETURNING id::text""",
    Id,
)
#: Locks the watch against the job that judges it.
HOLD = Statement("SELECT id::text FROM watch WHERE id = %(watch)s FOR UPDATE", Id)
RENAME = Command("UPDATE watch SET name = %(name)s, updated_at = now() WHERE id = %(watch)s")
SEND_TO = Command("UPDATE watch SET destinations = %(destinations)s::uuid[], updated_at = now() WHERE id = %(watch)s")
#: A new rule begins anew: nothing judged by the old one stays but its alerts.
REWRITE = Command(
    f"""WITH forgotten AS (DELETE FROM watch_minute WHERE watch = %(watch)s)
        UPDATE watch SET rule = %(rule)s::jsonb, revision = revision + 1, armed_at = {_PRESENT}, evaluated_to = NULL,
                         state = '{{}}', told_topics = '{{}}', degraded = NULL, updated_at = now()
         WHERE id = %(watch)s AND rule <> %(rule)s::jsonb"""
)
PAUSE = Command("UPDATE watch SET paused = true, updated_at = now() WHERE id = %(watch)s AND NOT paused")
#: Resumed: what happened meanwhile is read, for what is usual, but is not told.
RESUME = Command(
    f"""UPDATE watch SET paused = false, armed_at = {_PRESENT}, updated_at = now()
         WHERE id = %(watch)s AND paused"""
)
SNOOZE = Command(
    """UPDATE watch SET snoozed_until = coalesce(%(until)s::timestamptz, now() + make_interval(mins => %(minutes)s)),
                        updated_at = now()
        WHERE id = %(watch)s"""
)
WAKE = Command("UPDATE watch SET snoozed_until = NULL, updated_at = now() WHERE id = %(watch)s")
REMOVE = Statement("DELETE FROM watch WHERE id = %(watch)s RETURNING id::text", Id)
