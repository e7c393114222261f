"""Whole-platform figures for the status strip."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.store.database import Statement

#: Counting stops here: beyond it, the exact backlog tells nobody more.
PENDING_MOST = 100_000


class FigureRow(Schema, frozen=True, kw_only=True):
    """``now`` is the database's clock at the moment of the statement. Of language models this month: ``spent`` of
    ``budget`` nano-dollars, both 0 where none was ever set up."""

    posts: int
    pending: int
    rate: float
    spent: int
    budget: int
    now: datetime


READ = Statement(
    f"""SELECT (SELECT coalesce(sum(posts), 0)::bigint FROM feed_cursor) AS posts,
               (SELECT count(*) FROM (SELECT 1 FROM embedding_pending LIMIT {PENDING_MOST}) AS waiting) AS pending,
               (SELECT coalesce(sum(rate), 0)::float8 FROM feed_report
                 WHERE reported_at >= now() - interval '30 seconds') AS rate,
               (SELECT coalesce(max(spent), 0) FROM budget WHERE id = 'month:' || budget_month()) AS spent,
               (SELECT coalesce(max(cap), 0) FROM budget WHERE id = 'month:' || budget_month()) AS budget,
               clock_timestamp() AS now""",
    FigureRow,
)
