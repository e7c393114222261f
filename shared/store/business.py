"""Counting whether the platform is worth what it costs, by UTC day (the glossary defines each figure)."""

from __future__ import annotations

from datetime import date

from shared.schemas.base import Schema
from shared.schemas.business import BusinessDay, BusinessFigures, BusinessKind, Figure, ReportUse
from shared.store.database import Command, Statement

#: The parts and wholes, in the order of ``BusinessFigures``.
FIGURES = BusinessFigures.__struct_fields__


class DayRow(Schema, frozen=True, kw_only=True):
    """One day's counts: ``llm_success`` is the part, ``llm_success_of`` the whole, and so on."""

    day: date
    llm_success: int
    llm_success_of: int
    interaction_cost: int
    interaction_cost_of: int
    agent_completion: int
    agent_completion_of: int
    pipeline_success: int
    pipeline_success_of: int
    cache_hits: int
    cache_hits_of: int
    reports_opened: int
    reports_opened_of: int
    reports_helpful: int
    reports_helpful_of: int

    def told(self) -> BusinessDay:
        """As interfaces show it."""
        return BusinessDay(day=self.day, **_figures([self]))


def together(days: list[DayRow]) -> BusinessFigures:
    """All days as one: sums over sums, never a mean of means."""
    return BusinessFigures(**_figures(days))


def _figures(days: list[DayRow]) -> dict[str, Figure]:
    def figure(name: str) -> Figure:
        part = sum(getattr(day, name) for day in days)
        whole = sum(getattr(day, f"{name}_of") for day in days)
        return Figure(part=part, whole=whole, value=part / whole if whole else None)

    return {name: figure(name) for name in FIGURES}


_SINCE = "(date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => %(days)s - 1))"
#: A run that is over is not touched any more, so that is when it ended.
_ENDED = f"status IN ('done', 'failed', 'cancelled') AND updated_at >= {_SINCE}"

DAYS = Statement(
    f"""WITH
      calls AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day,
               count(*) FILTER (WHERE state = 'settled' AND output_tokens IS NOT NULL) AS answered, count(*) AS attempts
          FROM llm_call
         WHERE created_at >= {_SINCE} AND dispatched_at IS NOT NULL AND state IN ('settled', 'released')
         GROUP BY 1),
      runs AS (
        SELECT (updated_at AT TIME ZONE 'UTC')::date AS day, count(*) AS ended, sum(spend_nano_usd)::bigint AS cost,
               count(*) FILTER (WHERE agent IS NOT NULL AND status = 'done') AS agents_done,
               count(*) FILTER (WHERE agent IS NOT NULL AND status <> 'cancelled') AS agents,
               count(*) FILTER (WHERE agent IS NULL AND status = 'done') AS pipelines_done,
               count(*) FILTER (WHERE agent IS NULL AND status <> 'cancelled') AS pipelines
          FROM run WHERE {_ENDED} GROUP BY 1),
      cache AS (
        SELECT day, sum(hits)::bigint AS hits, sum(hits + misses)::bigint AS asked FROM llm_cache_day
         WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s::integer GROUP BY 1),
      reports AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS made,
               count(*) FILTER (WHERE EXISTS (SELECT FROM report_opened o WHERE o.report = report.id)) AS opened,
               count(vote.helpful) AS voted, count(*) FILTER (WHERE vote.helpful) AS helpful
          FROM report LEFT JOIN report_vote vote ON vote.report = report.id
         WHERE created_at >= {_SINCE} GROUP BY 1)
      SELECT day::date AS day,
             coalesce(answered, 0) AS llm_success, coalesce(attempts, 0) AS llm_success_of,
             coalesce(cost, 0) AS interaction_cost, coalesce(ended, 0) AS interaction_cost_of,
             coalesce(agents_done, 0) AS agent_completion, coalesce(agents, 0) AS agent_completion_of,
             coalesce(pipelines_done, 0) AS pipeline_success, coalesce(pipelines, 0) AS pipeline_success_of,
             coalesce(hits, 0) AS cache_hits, coalesce(asked, 0) AS cache_hits_of,
             coalesce(opened, 0) AS reports_opened, coalesce(made, 0) AS reports_opened_of,
             coalesce(helpful, 0) AS reports_helpful, coalesce(voted, 0) AS reports_helpful_of
        FROM (SELECT (now() AT TIME ZONE 'UTC')::date - back AS day
                FROM generate_series(0, %(days)s::integer - 1) AS back) AS every
        LEFT JOIN calls USING (day) LEFT JOIN runs USING (day) LEFT JOIN cache USING (day)
        LEFT JOIN reports USING (day)
       ORDER BY day DESC""",
    DayRow,
)

KINDS = Statement(
    f"""SELECT name, agent, done, failed, cancelled, spend_nano_usd,
               CASE WHEN done + failed > 0 THEN done::float8 / (done + failed) END AS success
          FROM (SELECT coalesce(agent, pipeline, kind) AS name, agent IS NOT NULL AS agent,
                       count(*) FILTER (WHERE status = 'done') AS done,
                       count(*) FILTER (WHERE status = 'failed') AS failed,
                       count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
                       sum(spend_nano_usd)::bigint AS spend_nano_usd
                  FROM run WHERE {_ENDED} GROUP BY 1, 2) AS ended
         ORDER BY done + failed + cancelled DESC, name, agent""",
    BusinessKind,
)

#: Gives no row for an unknown report.
OPENED = Statement(
    """WITH there AS (SELECT id FROM report WHERE id = %(report)s),
            opened AS (INSERT INTO report_opened (report, door) SELECT id, %(door)s FROM there ON CONFLICT DO NOTHING)
       SELECT there.id::text AS report, vote.helpful
         FROM there LEFT JOIN report_vote vote ON vote.report = there.id""",
    ReportUse,
)
VOTE = Statement(
    """INSERT INTO report_vote (report, helpful) SELECT id, %(helpful)s FROM report WHERE id = %(report)s
       ON CONFLICT (report) DO UPDATE SET helpful = excluded.helpful, voted_at = now()
       RETURNING report::text, helpful""",
    ReportUse,
)
#: Whoever votes has read it.
OPENED_BY_VOTE = Command(
    "INSERT INTO report_opened (report, door) VALUES (%(report)s, %(door)s) ON CONFLICT DO NOTHING"
)
