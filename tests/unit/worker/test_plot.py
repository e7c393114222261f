"""A report's charts in every form: geometry, SVG, HTML, Markdown, PDF; hostile names are only text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from services.worker.pipelines.contracts import Composed
from services.worker.pipelines.markdown import MOST_ROWS, markdown
from services.worker.pipelines.plot import plot
from services.worker.render.accept import accept
from services.worker.render.document import document
from services.worker.render.html import html
from services.worker.render.plot_svg import picture
from services.worker.render.renderer import Renderer
from shared.schemas.chart import ChartPoint, ChartSeries, ReportChart
from shared.schemas.run import Report, ReportSection

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
EVIL = '</svg><script>alert(1)</script>| [x](javascript:1) #eval("x") "'


def chart(
    *series: tuple[str, list[tuple[str | float, float]]], kind: str = "line", x_kind: str = "number"
) -> ReportChart:
    made = [ChartSeries(name=name, points=[ChartPoint(x=x, y=y) for x, y in points]) for name, points in series]
    return ReportChart(
        kind=kind, title="Posts", x_title="", y_title="", x_kind=x_kind, series=made, source="call c2 (query)"
    )  # type: ignore[arg-type]


def composed(*charts: ReportChart) -> Composed:
    report = Report(
        id="r", run="u", topic="", title="Analyst: How many?", summary="Some.",
        sections=[ReportSection(heading="Findings", paragraphs=["Many."])], citations=[], writer="x", created_at=NOW,
        range_start=NOW, range_end=NOW, pdf="failed", charts=list(charts),
    )  # fmt: skip
    return Composed(report=report, figures=[], markdown=markdown(report))


def test_a_line_lies_where_its_figures_are() -> None:
    made = plot(chart(("", [(0.0, 0.0), (5.0, 50.0), (10.0, 100.0)])))
    assert [(point.x, point.y) for point in made.lines[0].points] == [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]
    assert [tick.label for tick in made.y_ticks] == ["0", "20", "40", "60", "80", "100"]
    assert (made.zero, made.names, made.bars) == (0.0, [], [])


def test_bars_stand_on_zero_side_by_side_and_go_down_from_it() -> None:
    made = plot(chart(("up", [("a", 4.0), ("b", 2.0)]), ("down", [("b", -4.0)]), kind="bar", x_kind="category"))
    assert made.zero == 0.5
    assert [(bar.series, bar.low, bar.high) for bar in made.bars] == [(0, 0.5, 1.0), (0, 0.5, 0.75), (1, 0.0, 0.5)]
    first, second, third = made.bars
    assert first.x < 0.5 <= second.x < third.x
    assert second.x + second.wide == pytest.approx(third.x, abs=1e-4)
    assert third.x + third.wide <= 1
    assert made.names == ["up", "down"]


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (
            [("2026-05-03T00:00:00Z", 1.0), ("2026-05-03T06:00:00Z", 2.0)],
            ["3 May", "01:00", "02:00", "03:00", "04:00", "05:00", "06:00"],
        ),
        (
            [("2026-05-01T00:00:00Z", 1.0), ("2026-05-05T00:00:00Z", 2.0)],
            ["1 May", "12:00", "2 May", "12:00", "3 May", "12:00", "4 May", "12:00", "5 May"],
        ),
        ([("2024-01-01T00:00:00Z", 1.0), ("2026-01-01T00:00:00Z", 2.0)], None),
        ([("2026-05-01T00:00:00Z", 1.0)], ["1 May"]),
    ],
)
def test_times_are_labelled_at_whole_steps(points: list[tuple[str | float, float]], labels: list[str] | None) -> None:
    made = plot(chart(("", points), x_kind="time"))
    shown = [tick.label for tick in made.x_ticks]
    assert 1 <= len(shown) <= 10
    if labels is not None:
        assert shown == labels


@pytest.mark.parametrize(
    "values", [[0.0], [0.0, 0.0], [-3.0], [1e-9, 2e-9], [1e15, 3.0], [0.001, 0.0042], [7.0], [-1.0, 1.0]]
)
def test_any_figures_stay_within_the_plot(values: list[float]) -> None:
    points: list[tuple[str | float, float]] = [(float(place), value) for place, value in enumerate(values)]
    for made in (plot(chart(("", points))), plot(chart(("", points), kind="bar"))):
        places = [point.y for line in made.lines for point in line.points]
        places += [end for bar in made.bars for end in (bar.low, bar.high)]
        assert all(-1e-6 <= place <= 1 + 1e-6 for place in [*places, made.zero])
        assert 2 <= len(made.y_ticks) <= 9


def test_many_bars_get_as_many_labels_as_there_is_room_for() -> None:
    names: list[tuple[str | float, float]] = [(f"somebody number {n}", 1.0) for n in range(40)]
    made = plot(chart(("", names), kind="bar", x_kind="category"))
    assert len(made.bars) == 40
    assert 5 <= len(made.x_ticks) <= 20
    assert all(len(tick.label) <= 12 for tick in made.x_ticks)


def test_hostile_names_are_text_in_every_form() -> None:
    bars = chart((EVIL, [(EVIL, 3.0)]), ("other", [(EVIL, 1.0)]), kind="bar", x_kind="category")
    bars = ReportChart(
        **{name: getattr(bars, name) for name in bars.__struct_fields__} | {"title": EVIL, "y_title": EVIL}
    )
    whole = composed(bars)
    page = html(whole, None, "")
    assert "<script" not in page
    assert page.count("<svg") == page.count("</svg>") == 1
    ElementTree.fromstring(picture(plot(bars)))  # noqa: S314 - our own
    text = whole.markdown
    assert "\\<script" in text
    assert re.search(r"(?<!\\)\]\(", text) is None
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [4] * len(rows)


def test_the_page_tells_every_figure_and_markdown_the_first_ones() -> None:
    points: list[tuple[str | float, float]] = [(float(n), n + 0.25) for n in range(100)]
    whole = composed(chart(("", points)))
    page = html(whole, None, "")
    assert page.count("<tr>") == 101
    assert "<td>99.25</td>" in page
    assert whole.markdown.count("\n| ") == MOST_ROWS + 2
    assert "40 more rows not shown here" in whole.markdown


def test_the_pdf_has_the_charts_and_is_accepted() -> None:
    several = chart(("en", [(0.0, 1.0), (1.0, 2.0)]), ("de", [(0.0, 2.0), (1.0, 1.0)]))
    lone = chart(("", [("a", 1.0), (EVIL, -2.0)]), kind="bar", x_kind="category")
    made = document(composed(several, lone, chart(("", [(3.0, 5.0)]))), None, "")
    facts = accept(Renderer().render(made), made)
    assert facts.text.count("Figures: call c2 (query)") == 3
    assert facts.links == []
