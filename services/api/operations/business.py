"""Whether the platform is worth what it costs, and whether its reports are of use."""

from __future__ import annotations

from uuid import UUID

from services.api.operations.context import Context
from services.api.operations.queries import ReportInput
from services.api.operations.registry import operation
from services.api.operations.spending import DaysInput
from shared.errors import Forbidden, NotFound
from shared.schemas.business import BusinessMetrics, ReportUse, ReportVote
from shared.store import business as store


class RateReportInput(ReportVote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report by its id, and whether it was ``helpful``."""

    report: UUID


@operation("/api/v1/business-metrics", scope="spending:read", toolset="platform", taints=False)
async def business_metrics(context: Context, query: DaysInput) -> BusinessMetrics:
    """Whether this is worth what it costs: success, cost, cache hits, and use of reports, by UTC day.

    How often models answered, what an interaction cost, how often agents and pipelines succeeded, how often no model
    was needed, and whether reports were opened and helpful; each as a part of a whole.
    """
    async with context.services.database.transaction() as transaction:
        days = await transaction.fetch(store.DAYS, {"days": query.days})
        kinds = await transaction.fetch(store.KINDS, {"days": query.days})
    return BusinessMetrics(whole=store.together(days), days=[day.told() for day in days], kinds=kinds)


@operation(
    "/api/v1/reports/{report}/opened",
    method="POST",
    scope="reports:write",
    effect="write",
    toolset="reports",
    taints=False,
    idempotent=True,
)
async def open_report(context: Context, query: ReportInput) -> ReportUse:
    """Note that a person opened a report to read it: counted once a day and door, without saying who."""
    _people_only(context)
    found = await context.services.database.fetch_one(store.OPENED, {"report": query.report, "door": context.door})
    return _there(found)


@operation(
    "/api/v1/reports/{report}/rate",
    method="POST",
    scope="reports:write",
    effect="write",
    toolset="reports",
    taints=False,
    idempotent=True,
)
async def rate_report(context: Context, query: RateReportInput) -> ReportUse:
    """Say whether a report was helpful. The last word counts; nothing says whose it was."""
    _people_only(context)
    about = {"report": query.report, "helpful": query.helpful, "door": context.door}
    async with context.services.database.transaction() as transaction:
        voted = await transaction.fetch_one(store.VOTE, about)
        if voted is not None:
            await transaction.execute(store.OPENED_BY_VOTE, about)
    return _there(voted)


def _people_only(context: Context) -> None:
    """What agents would say of reports is no engagement, and strangers could tell them what to say."""
    if context.actor.kind == "agent":
        raise Forbidden("This is not allowed.", why="Only people say what they read and whether it helped.")


def _there(found: ReportUse | None) -> ReportUse:
    if found is None:
        raise NotFound("There is no such report.", do="GET /api/v1/reports lists the last ones.")
    return found
