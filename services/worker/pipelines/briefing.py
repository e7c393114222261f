"""A briefing about one topic: read, write, draw, print. Each step once, whoever does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose, report_id
from services.worker.pipelines.contracts import Chart, Composed, Gathered, Rendered
from services.worker.pipelines.durable import DurableRun, Planned, Produced
from services.worker.pipelines.gather import gather
from services.worker.pipelines.summary import Summed
from services.worker.pipelines.wording import count
from services.worker.render.document import Document, document
from services.worker.render.html import html
from services.worker.render.printer import Printed
from shared.errors import RenderFailed
from shared.store import reports_write
from shared.store.database import Database, Transaction
from shared.telemetry import logs

STEPS = (
    Planned("gather", "Reading the posts"),
    Planned("compose", "Writing"),
    Planned("chart", "Drawing the chart"),
    Planned("render", "Making the PDF"),
)


class Render(Protocol):
    """Makes the PDF of a run's report, the same one however often it is asked. Raises RenderFailed."""

    def render(self, document: Document, run: UUID) -> Printed: ...


#: Puts a paragraph in front, or says why not.
Summing = Callable[[Composed, UUID], Summed]
#: Told after each render: ``None`` when it went well, else why not.
Rendering = Callable[[str | None], None]


class Briefing:
    """The pipeline and what it works with."""

    def __init__(
        self,
        database: Database,
        renderer: Render,
        address: str,
        rendering: Rendering,
        summary: Summing | None = None,
    ) -> None:
        self._database, self._renderer = database, renderer
        self._address, self._rendering, self._summary = address, rendering, summary

    def perform(self, run: DurableRun) -> None:
        """Do what is left of ``run`` and finish it."""
        run.plan(STEPS)
        gathered = run.step("gather", Gathered, lambda: self._gather(run.claimed.topic))
        composed = run.step("compose", Composed, lambda: self._compose(gathered, run.claimed.run))
        chart = run.step("chart", Chart, lambda: Produced(draw(gathered)))
        run.step("render", Rendered, lambda: self._render(composed, chart, run.claimed.run))
        run.finish(report_id(run.claimed.run))

    def _gather(self, topic: str) -> Produced[Gathered]:
        gathered = gather(self._database, topic)
        return Produced(gathered, detail=f"{count(gathered.kept.posts, 'post')} about it")

    def _compose(self, gathered: Gathered, run: UUID) -> Produced[Composed]:
        composed = compose(gathered, run)
        detail = f"{count(len(composed.report.citations), 'post')} quoted"
        if self._summary:
            summed = self._summary(composed, run)
            composed = summed.composed
            detail += f". No summary: {summed.missing}" if summed.missing else ", with a summary by a language model"
        return Produced(composed, detail=detail)

    def _render(self, composed: Composed, chart: Chart, run: UUID) -> Produced[Rendered]:
        """The PDF, or why there is none: the report is stored either way, its Markdown and HTML always whole."""
        printed, reason = None, None
        try:
            printed = self._renderer.render(document(composed, chart, self._address), run)
        except RenderFailed as error:
            reason = error.why or error.what
            logs.get(__name__).warning("render_failed", reason=reason)
        metrics.RENDERS.labels("failed" if reason else "ok").inc()
        self._rendering(reason)
        rendered = Rendered(
            pdf_bytes=len(printed.pdf) if printed else 0,
            reason=reason,
            pages=printed.pages if printed else None,
            renderer=printed.renderer if printed else None,
            renderer_reason=printed.reason if printed else None,
        )
        page = html(composed, chart, self._address)
        return Produced(
            rendered,
            detail=f"No PDF: {reason}" if reason else _by_whom(printed),
            effect=lambda transaction: _store(transaction, composed, page, printed, reason),
        )


def _by_whom(printed: Printed | None) -> str | None:
    """What the step says; nothing where the built-in renderer was meant to do it."""
    if printed is None or (printed.renderer == "built_in" and not printed.reason):
        return None
    if printed.renderer == "render_node":
        return "Printed by the render node"
    return f"Printed by the built-in renderer. The render node: {printed.reason}"


def _store(
    transaction: Transaction, composed: Composed, page: str, printed: Printed | None, reason: str | None
) -> None:
    report = msgspec.structs.replace(
        composed.report,
        pdf="ready" if printed else "failed",
        pdf_reason=reason,
        pdf_pages=printed.pages if printed else None,
        renderer=printed.renderer if printed else None,
        renderer_reason=printed.reason if printed else None,
    )
    transaction.execute(
        reports_write.INSERT,
        {
            "id": report.id,
            "run": report.run,
            "topic": report.topic,
            "title": report.title,
            "body": msgspec.json.encode(report).decode(),
            "markdown": composed.markdown,
            "html": page,
            "pdf": printed.pdf if printed else None,
            "pdf_reason": reason,
            "created_at": report.created_at,
        },
    )
