"""Reports: finished briefings, as data, as Markdown, as HTML and as PDF."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from services.api.operations.context import Context
from services.api.operations.queries import FindReportsInput, ReportInput, ReportsInput
from services.api.operations.registry import File, operation
from shared.errors import ConflictError, NotFound
from shared.schemas.run import Report, ReportPage
from shared.store import reports as store


@operation("/api/v1/reports", scope="reports:read", toolset="reports", taints=True, core=True)
async def reports(context: Context, query: ReportsInput) -> ReportPage:
    """Reports, newest first, without their sections and citations: the last 50, or as many as are asked for."""
    return await _page(context, {"topic": None, "text": "", "before": query.before}, query.limit)


@operation("/api/v1/reports/{report}", scope="reports:read", toolset="reports", taints=True, core=True)
async def report(context: Context, query: ReportInput) -> Report:
    """One report."""
    row = await context.services.database.fetch_one(store.ONE, {"id": query.report})
    if row is None:
        raise _absent()
    return row.report()


@operation(
    "/api/v1/reports/{report}/pdf", scope="reports:read", media_type="application/pdf", toolset="reports", taints=True
)
async def report_pdf(context: Context, query: ReportInput) -> File:
    """The report as PDF. Conflict (409) when it could not be rendered; the Markdown is always there."""
    row = await context.services.database.fetch_one(store.PDF, {"id": query.report})
    if row is None:
        raise _absent()
    if row.pdf is None:
        raise ConflictError(
            "This report has no PDF.",
            why=row.pdf_reason or "It could not be rendered.",
            do="Take the Markdown form instead.",
        )
    return File(content=row.pdf, name=file_name(row.title, query.report, "pdf"))


@operation(
    "/api/v1/reports/{report}/markdown",
    scope="reports:read",
    media_type="text/markdown",
    toolset="reports",
    taints=True,
)
async def report_markdown(context: Context, query: ReportInput) -> File:
    """The report as Markdown."""
    row = await context.services.database.fetch_one(store.MARKDOWN, {"id": query.report})
    if row is None:
        raise _absent()
    return File(content=row.markdown.encode(), name=file_name(row.title, query.report, "md"))


@operation(
    "/api/v1/reports/{report}/html", scope="reports:read", media_type="text/html", toolset="reports", taints=True
)
async def report_html(context: Context, query: ReportInput) -> File:
    """The report as one HTML file that loads nothing. Conflict (409) for a report older than this form."""
    row = await context.services.database.fetch_one(store.HTML, {"id": query.report})
    if row is None:
        raise _absent()
    if row.html is None:
        raise ConflictError(
            "This report has no HTML form.",
            why="It was written before reports had one.",
            do="Take the Markdown form instead, or ask for a new briefing.",
        )
    return File(content=row.html.encode(), name=file_name(row.title, query.report, "html"))


def file_name(title: str, report_id: UUID, extension: str) -> str:
    """A name of plain letters, digits and hyphens, whatever the title holds."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-") or "report"
    return f"{slug}-{report_id.hex[-8:]}.{extension}"


def _absent() -> NotFound:
    return NotFound("There is no such report.", do="GET /api/v1/reports lists the last ones.")


@operation("/api/v1/reports-found", scope="reports:read", toolset="reports", taints=True)
async def find_reports(context: Context, query: FindReportsInput) -> ReportPage:
    """Reports about one topic or with a word in their title, newest first, all there are; without their bodies."""
    return await _page(context, {"topic": query.topic, "text": query.text, "before": query.before}, query.limit)


async def _page(context: Context, wanted: dict[str, object], limit: int) -> ReportPage:
    rows = await context.services.database.fetch(store.FIND, wanted | {"limit": limit + 1})
    page = [row.report() for row in rows[:limit]]
    return ReportPage(reports=page, next=page[-1].id if len(rows) > limit else None)
