"""A report as one HTML file: it loads nothing, runs nothing, and follows the reader's light or dark.

All text is escaped; the only links are those to quoted posts, which we built. The policy in its head forbids
everything but its own style sheet, which it names by hash, so that even a mistake here could load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from pathlib import Path

from services.worker.pipelines.contracts import Chart, Composed, Figure
from services.worker.pipelines.plot import figure, place, plot
from services.worker.pipelines.wording import moment, stretch
from services.worker.render.chart_svg import inline
from services.worker.render.document import headed
from services.worker.render.plot_svg import inline as inline_plot
from shared.schemas.chart import ReportChart
from shared.schemas.run import Citation

STYLE = Path(__file__).parent / "report.css"

_MARK = re.compile(r"\[(\d+)\]")


def html(composed: Composed, chart: Chart | None, address: str) -> str:
    """The whole page. ``address`` is where people open the dashboard; empty when the operator named none."""
    report = composed.report
    numbers = {citation.number for citation in report.citations}
    style = STYLE.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    covered = f"{escape(stretch(report.range_start, report.range_end))} · made at {escape(moment(report.created_at))}"
    kind, label = headed(report.title)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>{escape(report.title)}</title><style>{style}</style></head><body><main>",
        f'<header><p class="kind">{escape(kind)}</p><h1 dir="auto">{escape(label)}</h1>',
        f'<p class="made">{covered}</p><p class="summary" dir="auto">{_marked(report.summary, numbers)}</p>',
        f'<dl class="figures">{"".join(map(_figure, composed.figures))}</dl>' if composed.figures else "",
        "</header>",
        _drawn(chart) if chart else "",
        *map(_plotted, report.charts),
    ]
    for section in report.sections:
        paragraphs = "".join(f'<p dir="auto">{_marked(text, numbers)}</p>' for text in section.paragraphs)
        parts.append(f"<section><h2>{escape(section.heading)}</h2>{paragraphs}</section>")
    if report.citations:
        parts.append(f"<section><h2>Quoted posts</h2><ol>{''.join(map(_quote, report.citations))}</ol></section>")
    parts.append(f"</main><footer>Groundswell{f' · {escape(address)}' if address else ''}</footer></body></html>\n")
    return "".join(parts)


def _drawn(chart: Chart) -> str:
    gaps = "; hatched: nothing could be read" if chart.gaps else ""
    return f"<figure>{inline(chart)}<figcaption>{escape(chart.caption)}{gaps}. Times in UTC.</figcaption></figure>"


def _plotted(chart: ReportChart) -> str:
    """Drawn, and its figures as a table for those who do not see it or want them."""
    drawn = plot(chart)
    several = len(chart.series) > 1
    x, y = chart.x_title or "x", chart.y_title or "y"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ([""] if several else []) + [x, y])
    rows = "".join(
        f"<tr>{f'<td dir=auto>{escape(series.name)}</td>' if several else ''}"
        f'<td dir="auto">{escape(place(point.x, chart.x_kind))}</td><td>{escape(figure(point.y))}</td></tr>'
        for series in chart.series
        for point in series.points
    )
    return (
        f'<figure class="plot"><p class="plot-title" dir="auto">{escape(chart.title)}</p>{inline_plot(drawn)}'
        f"<figcaption>{escape(drawn.caption)}</figcaption><details><summary>The figures</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details></figure>"
    )


def _marked(text: str, numbers: set[int]) -> str:
    """Escaped text in which [3] leads to the third quote. Excerpts cannot contain such a mark."""
    return _MARK.sub(
        lambda match: f'<a href="#quote-{match[1]}">{match[0]}</a>' if int(match[1]) in numbers else match[0],
        escape(text),
    )


def _figure(figure: Figure) -> str:
    note = f" <small>{escape(figure.note)}</small>" if figure.note else ""
    return f"<div><dt>{escape(figure.label)}</dt><dd>{escape(figure.value)}{note}</dd></div>"


def _quote(citation: Citation) -> str:
    facts = [escape(citation.author), f"{citation.time:%Y-%m-%d %H:%M:%S} UTC", escape(", ".join(citation.languages))]
    if citation.url and citation.url.startswith("https://"):
        facts.append(f'<a href="{escape(citation.url)}" rel="noopener noreferrer nofollow">open the post</a>')
    return (
        f'<li id="quote-{citation.number}" value="{citation.number}"><blockquote dir="auto">{escape(citation.text)}'
        f"</blockquote><p>{' · '.join(filter(None, facts))}</p></li>"
    )
