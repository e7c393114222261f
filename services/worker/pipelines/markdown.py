"""The plainer form of a report. Nothing a post says becomes markup: not in CommonMark, not with GFM's autolinks.

All characters that can begin markup are escaped with a backslash; a word joiner (U+2060) inside
``://``, ``www.`` and after ``@`` stops readers that turn bare addresses into links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.worker.pipelines.plot import caption, figure, place
from services.worker.pipelines.wording import count, moment, stretch
from shared.schemas.chart import ReportChart
from shared.schemas.run import Citation, Report

_MARKUP = re.compile(r"([\\`*_\[\]{}<>#|~&$^])")
_START = re.compile(r"^(?:([-+=:])|(\d+)([.)]))")
_ADDRESS = re.compile(r"(?i)(:)(?=//)|(www)(?=\.)|(@)|(mailto|xmpp|tel)(?=:)")
_JOINER = "\u2060"
#: Of a chart's figures.
MOST_ROWS = 60


def escape(text: str) -> str:
    """``text`` (one line) as Markdown that shows exactly its characters."""
    text = _ADDRESS.sub(lambda match: match[0] + _JOINER, text)
    text = _MARKUP.sub(r"\\\1", " ".join(text.split()))
    return _START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text)


def markdown(report: Report) -> str:
    """The whole report. The only links are those to quoted posts, which we built."""
    lines = [
        f"# {escape(report.title)}",
        "",
        escape(report.summary),
        "",
        f"*{escape(stretch(report.range_start, report.range_end))}. Made at {escape(moment(report.created_at))}.*",
    ]
    for chart in report.charts:
        lines += ["", *_table(chart)]
    for section in report.sections:
        lines += ["", f"## {escape(section.heading)}"]
        for paragraph in section.paragraphs:
            lines += ["", escape(paragraph)]
    if report.citations:
        lines += ["", "## Quoted posts"]
        for citation in report.citations:
            lines += ["", *_quote(citation)]
    return "\n".join(lines) + "\n"


def _table(chart: ReportChart) -> list[str]:
    """A chart's figures; of many only the first ones, and it says so."""
    several = len(chart.series) > 1
    heads = [*(["Series"] if several else []), chart.x_title or "x", chart.y_title or "y"]
    rows = [
        [*([series.name] if several else []), place(point.x, chart.x_kind), figure(point.y)]
        for series in chart.series
        for point in series.points
    ]
    lines = [f"**{escape(chart.title)}**", "", _row(map(escape, heads)), _row(["---"] * (len(heads) - 1) + ["---:"])]
    lines += [_row(map(escape, row)) for row in rows[:MOST_ROWS]]
    more = f" {count(len(rows) - MOST_ROWS, 'more row')} not shown here." if len(rows) > MOST_ROWS else ""
    return [*lines, "", f"*{escape(caption(chart))}{more}*"]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _quote(citation: Citation) -> list[str]:
    languages = f", {escape(', '.join(citation.languages))}" if citation.languages else ""
    source = f" <{citation.url}>" if citation.url else ""
    time = f"{citation.time:%Y-%m-%d %H:%M:%S} UTC"
    return [
        f"**\\[{citation.number}\\]** {escape(citation.author)}, {time}{languages}{source}",
        "",
        f"> {escape(citation.text)}",
    ]
