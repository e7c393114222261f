"""What changed in runs since a number, for those who follow them (``run_change``, decision 0032)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.schemas.agent import RunEvent, RunState
from shared.schemas.base import Schema
from shared.store.agent_steps import WRONG
from shared.store.database import Statement


class HeadRow(Schema, frozen=True, kw_only=True):
    """A run as a whole, and the number of its last change."""

    run: str
    status: str
    error: str | None
    report: str | None
    attempts: int
    spend_nano_usd: int
    limit_nano_usd: int | None
    changes: int

    def state(self) -> RunState:
        """As interfaces show it."""
        return RunState(**{name: getattr(self, name) for name in RunState.__struct_fields__})


class ChangeRow(Schema, frozen=True, kw_only=True):
    """The last change of a step, and the step as it is now; ``name`` is ``None`` where it is gone."""

    changed: int
    seq: int
    name: str | None
    title: str | None
    kind: str | None
    status: str | None
    request: Any
    detail: str | None
    cost_nano_usd: int | None
    approval: str | None
    rejected: str | None
    plainer: str | None
    started_at: datetime | None
    finished_at: datetime | None

    def event(self) -> RunEvent:
        """As interfaces show it."""
        names = [name for name in RunEvent.__struct_fields__ if name != "n"]
        return RunEvent(n=self.seq, **{name: getattr(self, name) for name in names})


HEADS = Statement(
    """SELECT run.id::text AS run, status, error, report::text, attempts, spend_nano_usd, budget.cap AS limit_nano_usd,
              changes
         FROM run LEFT JOIN budget ON budget.id = 'run:' || run.id::text
        WHERE run.id = ANY(%(runs)s::uuid[])""",
    HeadRow,
)

#: Each step once, under its last number, in the order of these: whoever stops anywhere can go on behind the number that
#: he saw last.
CHANGED = Statement(
    f"""SELECT c.changed, c.seq, s.name, s.title, s.kind, s.status, s.request, s.detail, s.cost_nano_usd,
              s.approval::text, {WRONG}, s.started_at, s.finished_at
         FROM (SELECT seq, max(n) AS changed FROM run_change
                WHERE run = %(run)s AND n > %(after)s GROUP BY seq ORDER BY 2 LIMIT %(limit)s) c
         LEFT JOIN run_step s ON s.run = %(run)s AND s.seq = c.seq
        ORDER BY c.changed""",
    ChangeRow,
)
