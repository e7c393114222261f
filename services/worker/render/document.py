"""What the template prints, ready to print: every string here is data to Typst, never source."""

from __future__ import annotations

from services.worker.pipelines.contracts import Chart, Composed, Figure
from services.worker.pipelines.plot import plot
from services.worker.pipelines.wording import moment, stretch
from shared.schemas.base import Schema
from shared.schemas.chart import Plot
from shared.schemas.run import ReportSection


class PrintedQuote(Schema, frozen=True, kw_only=True):
    """A citation with its time and languages in words. ``url`` is one of ours."""

    number: int
    text: str
    author: str
    time: str
    languages: str
    url: str | None


class Document(Schema, frozen=True, kw_only=True):
    """One PDF."""

    title: str
    kind: str
    label: str
    summary: str
    range: str
    made: str
    address: str
    figures: list[Figure]
    chart: Chart | None
    plots: list[Plot] = []
    sections: list[ReportSection]
    quotes: list[PrintedQuote]


def headed(title: str) -> tuple[str, str]:
    """What kind of report "Briefing: Storm at sea" is, and what it is about."""
    kind, _, label = title.partition(": ")
    return (kind, label) if label else ("Report", title)


def document(composed: Composed, chart: Chart | None, address: str) -> Document:
    """``address`` is where people open the dashboard; empty when the operator named none."""
    report = composed.report
    kind, label = headed(report.title)
    return Document(
        title=report.title,
        kind=kind,
        label=label,
        summary=report.summary,
        range=stretch(report.range_start, report.range_end),
        made=moment(report.created_at),
        address=address,
        figures=composed.figures,
        chart=chart,
        plots=[plot(one) for one in report.charts],
        sections=report.sections,
        quotes=[
            PrintedQuote(
                number=citation.number,
                text=citation.text,
                author=citation.author,
                time=f"{citation.time:%Y-%m-%d %H:%M:%S} UTC",
                languages=", ".join(citation.languages),
                url=citation.url,
            )
            for citation in report.citations
        ],
    )
