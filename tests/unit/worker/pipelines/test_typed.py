"""What stages hand on is plain data that keeps its contract, and a report numbers and drops what it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.worker.agents.charts import Drawn
from services.worker.pipelines import casting, chart_words, counting
from services.worker.pipelines.counting import Counts, Stretch
from services.worker.pipelines.dossier import dossier, findings_of
from services.worker.pipelines.typed import (
    Analysis,
    Dossier,
    Draft,
    Fault,
    Findings,
    Part,
    Post,
    Question,
    Review,
    Said,
    hand,
    take,
)
from services.worker.pipelines.week import _days
from services.worker.pipelines.written import extractive, sentence, struck
from shared.schemas.chart import ChartPoint, ChartSeries, ReportChart
from shared.schemas.pipeline import PipelineParameters
from shared.store.briefing import GapRow

NOW = datetime(2026, 5, 3, 14, 0, tzinfo=UTC)


def chart(*points: tuple[str | float, float], **changes: Any) -> Drawn:
    """Of call c1."""
    series = [ChartSeries(name="", points=[ChartPoint(x=x, y=y) for x, y in points or [("en", 1204.0), ("de", 7.0)]])]
    made = ReportChart(
        kind="bar",
        title="Languages",
        x_title="",
        y_title="",
        x_kind="category",
        series=series,
        source="call c1 (query)",
    )
    return Drawn(call="c1", chart=msgspec.structs.replace(made, **changes))


POST = Post(id="p1", uri="u", author="a", time=NOW, text="The bridge is closed")
FINDINGS = Findings(
    question=Question(parameters=PipelineParameters(), asked_at=NOW),
    said=[Said(text="It is closed.", posts=["p1"], calls=["c1"])],
    unknown=[],
    posts=[POST],
    calls={"c1": "posts {}"},
)


def made(**changes: Any) -> Dossier:
    fields: dict[str, Any] = {
        "subject": "today",
        "start": NOW,
        "end": NOW + timedelta(hours=1),
        "summary": [Said(text="12 posts were read.")],
        "parts": [
            Part(heading="What", said=[Said(text="“closed” [1]", posts=["p1"], quotes=True), Said(text="3 feeds.")]),
            None,
        ],
        "standing": [],
        "posts": [POST],
    }
    return dossier(FINDINGS, **{**fields, **changes})


def draft(**changes: Any) -> Draft:
    return msgspec.structs.replace(extractive(Draft(dossier=made(), title="", summary=[], parts=[]), ""), **changes)


def test_what_was_counted_becomes_facts_and_quotes_do_not() -> None:
    told = made()
    assert told.facts == {"f1": "12 posts were read.", "f2": "3 feeds."}
    assert [part.heading for part in told.parts] == ["Findings", "What"]
    assert take(hand("dossier", told, tainted=True)) == told


def test_a_sentence_that_says_nothing_without_its_marks_is_no_fact() -> None:
    told = made(
        summary=[
            Said(text="See also [1], [2] and [3].", posts=["p1"]),
            Said(text="The first is from 20:57 UTC [1]. The next account followed in [2].", posts=["p1"]),
            Said(text="Nothing is known of [1].", posts=["p1"]),
        ],
        parts=[],
    )
    assert told.facts == {"f1": "The first is from 20:57 UTC."}


@pytest.mark.parametrize(
    ("contract", "value", "reason"),
    [
        ("findings", msgspec.structs.replace(FINDINGS, posts=[]), "'findings' cites 'p1', which it was not given"),
        ("findings", msgspec.structs.replace(FINDINGS, calls={}), "'findings' cites 'c1'"),
        ("dossier", made(summary=[]), "without a summary"),
        ("draft", draft(parts=[]), "a draft without a summary or without parts"),
        ("draft", draft(parts=[Part(heading="A", said=[Said(text="x", calls=["f9"])])]), "'A' cites 'f9'"),
        (
            "review",
            Review(draft=draft(), verdict="faults", faults=[Fault(part=1, said=9, fault="x")]),
            "sentence 9 of part 1",
        ),
        ("draft", FINDINGS, "missing required field"),
        ("poem", FINDINGS, "there is no contract 'poem'"),
    ],
)
def test_what_breaks_its_contract_is_told(contract: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        take(hand(contract, value, tainted=False))


def test_an_analysis_is_handed_on_whole_and_its_charts_come_to_the_dossier() -> None:
    analysis = Analysis(findings=FINDINGS, charts=[chart()])
    assert take(hand("analysis", analysis, tainted=True)) == analysis
    assert findings_of(analysis) == FINDINGS
    told = msgspec.structs.replace(made(), charts=analysis.charts)
    assert take(hand("dossier", told, tainted=True)) == told


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [
        (msgspec.structs.replace(chart(), call="c9"), "the chart 'Languages' draws 'c9', which it was not given"),
        (chart(("en", float("inf"))), "no number|Out of range|null"),
        (chart((3.0, 1.0)), "a place that is no category"),
        (chart(("today", 1.0), x_kind="time"), "a place that is no time"),
        (chart(kind="line"), "is a line between names"),
        (chart(series=[]), "has 0 points in 0 series"),
        (chart(*((f"l{n}", 1.0) for n in range(61))), "has 61 points in 1 series"),
    ],
)
def test_a_chart_that_nobody_gave_or_can_draw_breaks_the_contract(drawn: Drawn, reason: str) -> None:
    for contract, value in (
        ("analysis", Analysis(findings=FINDINGS, charts=[drawn])),
        ("draft", draft(dossier=msgspec.structs.replace(made(), charts=[drawn]))),
    ):
        with pytest.raises(ValueError, match=reason):
            take(hand(contract, value, tainted=False))


def test_a_charts_points_may_be_cited_by_its_call_and_those_alone() -> None:
    told = msgspec.structs.replace(made(), charts=[chart()])
    assert '"en: 1,204"' in casting.shown(told)
    assert "en: 1,204" in casting.evidence(told).calls["c1"].said
    many = chart(*((float(n), float(n)) for n in range(60)), x_kind="number")
    shown = chart_words.points_of(many.chart)
    assert (shown[0], shown[-1], len(shown)) == ("20: 20", "59: 59", chart_words.MOST_SHOWN)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (chart(), ["Languages: en 1,204 and de 7."]),
        (chart(*((c, float(n)) for n, c in enumerate("abcdef"))), ["Languages: f 5, e 4, d 3 and c 2; 2 more."]),
        (chart((1.0, 3.0), (2.0, 9.5), kind="line", x_kind="number"), ["Languages: between 3 at 1 and 9.5 at 2."]),
        (chart((1.0, 3.0), (2.0, 3.0), kind="line", x_kind="number"), ["Languages: 3 throughout."]),
    ],
)
def test_a_chart_in_words_cites_its_call(drawn: Drawn, said: list[str]) -> None:
    assert chart_words.told(drawn) == [Said(text=text, calls=["c1"]) for text in said]


def test_a_model_can_forge_no_mark() -> None:
    assert sentence("See [7] and [1].", ["p1"], [], None).text == "See (7) and (1)."


def test_faulted_sentences_go_and_with_most_of_them_the_draft() -> None:
    parts = [
        Part(heading="A", said=[Said(text="One."), Said(text="Two.")]),
        Part(heading="B", said=[Said(text="Three.")]),
    ]
    written = draft(summary=[Said(text="Sum.")], parts=parts, models=["m"])
    review = Review(draft=written, verdict="faults", faults=[Fault(part=2, said=1, fault="x")])
    left, note = struck(review)
    assert [part.heading for part in left.draft.parts] == ["A"]
    assert note == "The editor found 1 sentence that the findings do not bear out; left out."
    # a summary that is faulted as a whole gives way to the counted one
    left, _ = struck(msgspec.structs.replace(review, faults=[Fault(part=0, said=1, fault="x")]))
    assert left.draft.summary == written.dossier.summary
    left, note = struck(
        msgspec.structs.replace(review, faults=[Fault(part=p, said=s, fault="x") for p, s in ((1, 1), (1, 2), (2, 1))])
    )
    assert left.draft.models == []
    assert "3 sentences" in note
    assert struck(msgspec.structs.replace(review, faults=[])) == (msgspec.structs.replace(review, faults=[]), "")


def gap(start: int, end: int) -> GapRow:
    return GapRow(feed="f", start_time=NOW + timedelta(minutes=start), end_time=NOW + timedelta(minutes=end), cause="x")


def test_what_was_not_read_is_unknown_and_never_zero() -> None:
    within = Stretch(NOW, NOW + timedelta(hours=5), 60)
    at = {NOW + timedelta(hours=1): 7, NOW + timedelta(hours=4): 2}
    began = NOW + timedelta(hours=1)
    assert counting.known_buckets(within, at, [gap(125, 130)], began) == [None, 7, None, 0, 2]
    chart = counting.draw(within, [None, 7, None, 0, 2], [1, 1], "Posts")
    assert chart is not None
    assert [[(point.x, point.y) for point in line] for line in chart.posts] == [
        [(0.3, 0.875)],
        [(0.7, 0.0), (0.9, 0.25)],
    ]
    assert [(band.start, band.end) for band in chart.gaps] == [(0.0, 0.2), (0.4, 0.6)]
    assert counting.draw(within, [None, 0], [], "Posts") is None
    part = counting.missing([gap(-30, 30)], within, NOW + timedelta(hours=9), within.end)
    assert part is not None
    assert part.said[0].text.startswith("Nothing newer than 19:00 UTC on 3 May 2026 has been read: 4 hours before")
    assert part.said[1].text.startswith("1 gap, 30 minutes in all.")
    assert counting.missing([], within, within.end, within.end) is None


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(5, 0, ""), (126, 100, "26 % more than the 100"), (50, 100, "50 % fewer than the 100"),
     (100, 100, "as many as the 100"), (300, 100, "3.0 times the 100")],
)  # fmt: skip
def test_a_change_in_words(now: int, before: int, said: str) -> None:
    assert counting.change(now, before) == said


def test_a_stretch_ends_where_reading_has_come_and_has_whole_buckets_only() -> None:
    within = counting.stretch_to(NOW + timedelta(minutes=17, seconds=5), timedelta(days=1), 30)
    assert within.end == NOW + timedelta(minutes=17)
    assert len(within.starts) == 48
    assert within.starts[-1] + timedelta(minutes=30) == within.end
    assert within.before.end == within.start


@pytest.mark.parametrize(
    ("minutes_ago", "width", "buckets", "long"),
    [(3_000, 30, 48, "in 24 hours"), (1_440, 30, 48, "in 24 hours"), (1_430, 30, 48, "since reading began"),
     (1_000, 30, 34, "in the 16.7 hours since reading began"), (100, 2, 50, "since reading began"),
     (19, 1, 19, "in the 19 minutes since reading began"), (0, 1, 2, "since reading began")],
)  # fmt: skip
def test_a_young_record_is_shown_as_long_as_it_is(minutes_ago: int, width: int, buckets: int, long: str) -> None:
    within = counting.stretch_to(NOW, timedelta(days=1), 30)
    began = max(NOW - timedelta(minutes=minutes_ago), within.start)
    shown = counting.clipped(within, began)
    assert (shown.minutes, len(shown.starts), shown.end) == (width, buckets, within.end)
    assert shown.start <= began or shown == within
    assert long in counting.how_long(within, began)


def test_a_day_that_reading_began_in_is_told_from_there() -> None:
    within = counting.stretch_to(NOW, timedelta(days=7), 180)
    began = within.end - timedelta(minutes=32)
    buckets: list[int | None] = [None] * 55 + [29_134]
    counts = Counts(began=began, by_feed={"f": 29_134}, buckets=buckets, likes=0, reposts=0, deletes=0)
    [said] = _days(within, counts, [0] * 56)
    assert (
        said.text
        == f"{began:%A} {began.day} {began:%B} from {began:%H:%M}: 29,134 posts in the 32 minutes that were read."
    )
    whole = msgspec.structs.replace(counts, began=within.start, buckets=[1] * 56)
    days = _days(within, whole, [1] * 56)
    assert len(days) == 7
    assert days[0].text.endswith(": 8 posts, as many as the 8 of the week before.")


@pytest.mark.parametrize(
    ("minutes", "said"), [(1, "Posts a minute"), (60, "Posts an hour"), (30, "Posts in 30 minutes")]
)
def test_a_chart_says_what_a_bucket_is(minutes: int, said: str) -> None:
    assert counting.per(minutes) == said
