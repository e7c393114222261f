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
from services.worker.pipelines.wording import count
from services.worker.render.document import Document, document
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
    """Makes a PDF. Raises RenderFailed."""

    def render(self, document: Document) -> bytes: ...


#: Puts a paragraph in front, or gives back what it was given.
Summing = Callable[[Composed, UUID], Composed]
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
        run.step("render", Rendered, lambda: self._render(composed, chart))
        run.finish(report_id(run.claimed.run))

    def _gather(self, topic: str) -> Produced[Gathered]:
        gathered = gather(self._database, topic)
        return Produced(gathered, detail=f"{count(gathered.kept.posts, 'post')} about it")

    def _compose(self, gathered: Gathered, run: UUID) -> Produced[Composed]:
        composed = compose(gathered, run)
        detail = f"{count(len(composed.report.citations), 'post')} quoted"
        if self._summary:
            extractive, composed = composed, self._summary(composed, run)
            detail += "" if composed is extractive else ", with a summary by a language model"
        return Produced(composed, detail=detail)

    def _render(self, composed: Composed, chart: Chart) -> Produced[Rendered]:
        """The PDF, or why there is none: the report is stored either way, its Markdown always whole."""
        pdf, reason = None, None
        try:
            pdf = self._renderer.render(document(composed, chart, self._address))
        except RenderFailed as error:
            reason = error.why or error.what
            logs.get(__name__).warning("render_failed", reason=reason)
        metrics.RENDERS.labels("failed" if reason else "ok").inc()
        self._rendering(reason)
        return Produced(
            Rendered(pdf_bytes=len(pdf or b""), reason=reason),
            detail=f"No PDF: {reason}" if reason else None,
            effect=lambda transaction: store_report(transaction, composed, pdf, reason),
        )


def store_report(transaction: Transaction, composed: Composed, pdf: bytes | None, reason: str | None) -> None:
    """Store a report and its PDF, or why there is none. One a run."""
    report = msgspec.structs.replace(composed.report, pdf="failed" if reason else "ready", pdf_reason=reason)
    transaction.execute(
        reports_write.INSERT,
        {
            "id": report.id,
            "run": report.run,
            "topic": report.topic,
            "title": report.title,
            "body": msgspec.json.encode(report).decode(),
            "markdown": composed.markdown,
            "pdf": pdf,
            "pdf_reason": reason,
            "created_at": report.created_at,
        },
    )
