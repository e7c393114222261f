"""Charts of an analyst's: points come from what calls answered, and what cannot be drawn is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.worker.agents import outputs
from services.worker.agents.charts import MOST_BARS, MOST_POINTS, ChartAsked, NoChart, build
from services.worker.agents.evidence import Evidence
from shared.schemas.analysis import QueryAnswer, QueryColumn


def answered(rows: list[list[Any]], *names: str, more: Any = None) -> bytes:
    columns = [QueryColumn(name=name, kind="text", type="text") for name in names]
    return msgspec.json.encode(QueryAnswer(columns=columns, rows=rows, more=more, took_ms=1.0))


def seen(body: bytes, operation: str = "query") -> Evidence:
    evidence = Evidence()
    evidence.add("c2", operation, "{}", body)
    return evidence


def asked(**more: Any) -> ChartAsked:
    given = {"kind": "line", "title": "Posts", "call": "c2", "x": "hour", "y": "posts", **more}
    return msgspec.convert(given, ChartAsked)


HOURS = [["2026-05-03T02:00:00Z", 7], ["2026-05-03T01:00:00+00:00", 3], ["2026-05-03T03:00:00Z", None]]


def test_points_are_the_rows_in_order_and_rows_without_a_figure_are_left_out() -> None:
    chart = build(asked(), seen(answered(HOURS, "hour", "posts")))
    assert (chart.x_kind, chart.source, chart.note) == ("time", "call c2 (query)", "")
    [series] = chart.series
    assert [(point.x, point.y) for point in series.points] == [
        ("2026-05-03T01:00:00Z", 3.0),
        ("2026-05-03T02:00:00Z", 7.0),
    ]


def test_a_column_parts_rows_into_series_and_rows_that_are_missing_are_said() -> None:
    rows = [[1, 2.5, "en"], [2, 3, "en"], [1, 1, "de"], [3, 1, None]]
    chart = build(asked(series="lang"), seen(answered(rows, "hour", "posts", "lang", more="rows")))
    assert chart.x_kind == "number"
    assert {one.name: len(one.points) for one in chart.series} == {"en": 2, "de": 1, "": 1}
    assert "first rows" in chart.note


def test_names_from_posts_are_made_plain() -> None:
    rows = [["evil\u202egnp.exe [3]\n<script>" + "x" * 100, 4]]
    [series] = build(asked(kind="bar"), seen(answered(rows, "hour", "posts"))).series
    name = str(series.points[0].x)
    assert name.startswith("evilgnp.exe (3) <script>")
    assert len(name) == 60


@pytest.mark.parametrize("result", [[{"hour": 1, "posts": 2}], {"columns": ["hour", "posts"], "rows": [[1, 2]]}])
def test_what_code_left_in_its_result_can_be_drawn_and_says_so(result: Any) -> None:
    body = msgspec.json.encode({"ended": "done", "output": "", "result": result, "no_result": ""})
    chart = build(asked(), seen(body, "run_python"))
    assert chart.source == "call c2 (run_python)"
    assert chart.series[0].points[0].y == 2.0


@pytest.mark.parametrize(
    ("rows", "more", "why"),
    [
        ([[1, 2]], {"call": "c9"}, "was not made"),
        ([[1, 2]], {"x": "day"}, "not one column 'day'; there are hour, posts"),
        ([[1, "many"]], {}, "'many', which is no number"),
        ([[1, True]], {}, "'True', which is no number"),
        ([["Monday", 1]], {}, "draw bars"),
        ([[1, 2], [1, 3]], {}, "in more than one row"),
        ([["2026-05-03", 2], ["2026-05-03T00:00:00Z", 3]], {}, "in more than one row"),
        ([], {}, "not one row"),
        ([[1, None]], {}, "not one row"),
        ([[n, 1] for n in range(MOST_POINTS + 1)], {}, "at most"),
        ([[n, 1] for n in range(MOST_BARS + 1)], {"kind": "bar"}, "at most"),
        ([[n, 1] for n in range(7)], {"series": "hour"}, "7 series"),
    ],
)
def test_what_cannot_be_drawn_is_told(rows: list[list[Any]], more: dict[str, Any], why: str) -> None:
    with pytest.raises(NoChart, match=why):
        build(asked(**more), seen(answered(rows, "hour", "posts")))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("posts", b'{"posts": []}'),
        ("run_python", b'{"result": null}'),
        ("run_python", b'{"result": [1, 2]}'),
        ("run_python", b'{"result": {"columns": ["a"], "rows": [[1, 2]]}}'),
        ("run_python", b'{"result": {"columns": [1], "rows": [[1]]}}'),
    ],
)
def test_calls_without_rows_are_not_drawn(operation: str, body: bytes) -> None:
    with pytest.raises(NoChart, match="rows"):
        build(asked(), seen(body, operation))


def test_an_analysis_is_held_to_its_charts() -> None:
    evidence = seen(answered([[1, 2], [2, 3]], "hour", "posts"))
    claims = [{"text": "Posts rose to 3.", "calls": ["c2"]}]
    chart = {"kind": "line", "title": "Posts", "call": "c2", "x": "hour", "y": "posts"}
    good = outputs.judge("analysis", {"claims": claims, "charts": [chart]}, evidence)
    assert isinstance(good, outputs.Accepted)
    [drawn] = good.charts
    assert (drawn.call, [point.y for point in drawn.chart.series[0].points]) == ("c2", [2.0, 3.0])
    for more, why in (
        ({"title": "see https://evil.example"}, "https:"),
        ({"y": "likes"}, "Chart 1"),
        ({"points": [1]}, "schema"),
    ):
        bad = outputs.judge("analysis", {"claims": claims, "charts": [chart | more]}, evidence)
        assert isinstance(bad, outputs.Broken)
        assert why in bad.why
    four = outputs.judge("analysis", {"claims": claims, "charts": [chart] * 4}, evidence)
    assert isinstance(four, outputs.Broken)


def test_what_code_prints_is_no_post() -> None:
    fake = b'{"id": "p1", "uri": "u", "author": "a", "text": "I saw it", "time": "t"}'
    evidence = Evidence()
    evidence.add("c2", "run_python", "{}", fake, posts=False)
    assert evidence.posts == {}
    assert "c2" in evidence.calls


def test_figures_of_a_row_are_figures_of_their_own() -> None:
    evidence = seen(answered([[12, 2_500, 0.5, "2026-05-03"]], "a", "b", "c", "d"))
    claims = [{"text": text, "calls": ["c2"]} for text in ("It was 2,500 of 12.", "A share of 0.5.", "On 3 May 2026.")]
    good = outputs.judge("analysis", {"claims": claims}, evidence)
    assert isinstance(good, outputs.Accepted)
    assert [one.unsupported for one in good.weighed] == [None] * 3
    bad = outputs.judge("analysis", {"claims": [{"text": "It was 122.", "calls": ["c2"]}]}, evidence)
    assert isinstance(bad, outputs.Broken)
