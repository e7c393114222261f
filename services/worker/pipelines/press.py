"""The last step of everything that ends in a report: print it, store it, and say who printed it or why nobody did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.pipelines.contracts import Chart, Composed, Rendered
from services.worker.pipelines.durable import Produced
from services.worker.render.document import Document, document
from services.worker.render.html import html
from services.worker.render.printer import Printed
from shared.errors import RenderFailed
from shared.store import reports_write
from shared.store.database import Transaction
from shared.telemetry import logs


class Render(Protocol):
    """Makes the PDF of a run's report, the same one however often it is asked. Raises RenderFailed."""

    def render(self, document: Document, run: UUID) -> Printed: ...


#: Told after each render: ``None`` when it went well, else why not.
Rendering = Callable[[str | None], None]


class Press:
    """``address`` is where people open the dashboard; empty when the operator named none."""

    def __init__(self, render: Render, address: str, rendering: Rendering) -> None:
        self._render, self._address, self._rendering = render, address, rendering

    def print(self, composed: Composed, chart: Chart | None, run: UUID) -> Produced[Rendered]:
        """The PDF, or why there is none: the report is stored either way, its Markdown and HTML always whole.

        Without ``chart`` the report has none.
        """
        printed, reason = None, None
        try:
            printed = self._render.render(document(composed, chart, self._address), run)
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
