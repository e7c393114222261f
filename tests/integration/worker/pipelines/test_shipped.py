"""Each pipeline that comes with it ends in a report worth reading: without any model, and with the fake provider's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdf
import pytest

from services.worker.pipelines.press import Press
from services.worker.render.printer import Printer
from services.worker.render.renderer import Renderer
from shared.config.settings import Settings
from shared.store.database import Database
from tests.integration.worker.agents.test_runs import ended, events, report
from tests.support.agents import as_id
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.pipelines import BY_WEEK, WEEKS, ask_at_the_end, casts, chains, post_ids, store_weeks
from tests.support.runs import run_row

ALL: list[tuple[str, dict[str, Any]]] = [
    ("daily-briefing", {}),
    ("deep-dive", {"topic": "harbour-bridge"}),
    ("weekly-report", {}),
    ("source-audit", {"feed": "bluesky"}),
    ("source-audit", {"author": "did:plc:loud", "days": 14}),
    ("source-audit", {"domain": "example.org", "days": 3}),
]
#: What each has to say: figures that the record bears out, and words of its posts.
SAYS = {
    "daily-briefing": [
        "posts were read in 24 hours",
        "% more than the",
        "harbour bridge",
        "Engineers on the harbour bridge",
    ],
    "deep-dive": [
        "“harbour bridge” is rising",
        "How fast",
        "The busiest minute was",
        "Engineers on the harbour bridge",
    ],
    "weekly-report": [
        "posts were read in 7 days",
        "Day by day",
        "% more than the",
        "“bus strike”",
        "drivers",
        "Posts by language, as they declare it: en ",
        "by hour of the day (UTC), these seven days: between ",
    ],
    "source-audit": ["Copies", "WIN a free bus pass now", "How reliable"],
}


def start(api: Served, database: Database, pipeline: str, **parameters: Any) -> Any:
    made = api.http.post("/api/v1/operations/run_pipeline", json={"pipeline": pipeline, **parameters})
    assert made.status_code == 201, made.text
    ask_at_the_end(database, made.json())
    return made.json()


def stages(api: Served, run: Any) -> Any:
    return api.http.get(f"/api/v1/runs/{run['id']}/stages").json()["stages"]


@pytest.mark.parametrize(("pipeline", "parameters"), ALL)
def test_without_a_model_the_report_is_made_of_the_record(
    api: Served,
    settings: Settings,
    database: Database,
    tmp_path: Path,
    pipeline: str,
    parameters: dict[str, Any],
) -> None:
    store_weeks(database)
    press = Press(Printer(Renderer(), None), "", lambda _: None)
    with chains(settings, database, model=False, press=press) as work:
        run = start(api, database, pipeline, **parameters)
        work(run["id"])
    assert ended(api, run)["status"] == "done", ended(api, run)
    told = report(api, run)
    assert (told["writer"], told["pdf"]) == ("extractive", "ready")
    for path, name in (("pdf", "r.pdf"), ("html", "r.html"), ("markdown", "r.md")):
        (tmp_path / name).write_bytes(api.http.get(f"/api/v1/reports/{told['id']}/{path}").content)
    text = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "r.pdf").pages).split())
    plain = (tmp_path / "r.md").read_text("utf-8")
    page = (tmp_path / "r.html").read_text("utf-8")
    for words in SAYS[pipeline]:
        assert words in text, words
        assert words.split("“")[0] in plain.replace("\\", ""), words
    assert "<svg" in page
    assert "How this was made" in page or "Method" in page
    assert told["citations"]
    numbers = {cited["number"] for cited in told["citations"]}
    assert numbers == set(range(1, len(numbers) + 1))
    # every stage gave what its contract says, and what strangers wrote marks all that comes after
    given = stages(api, run)
    assert {one["status"] for one in given} == {"done"}
    assert [one["contract"] for one in given][-3:] == ["review", "report", "print"]
    assert given[-1]["tainted"]
    assert run_row(database, as_id(run)).spend_nano_usd == 0


@pytest.mark.parametrize(
    ("pipeline", "parameters"),
    [("daily-briefing", {}), ("weekly-report", {}), ("source-audit", {"domain": "example.org"})],
)
def test_a_report_comes_out_although_nothing_was_ever_read(
    api: Served, settings: Settings, database: Database, pipeline: str, parameters: dict[str, Any]
) -> None:
    with chains(settings, database, model=False) as work:
        run = start(api, database, pipeline, **parameters)
        work(run["id"])
    assert ended(api, run)["status"] == "done", ended(api, run)["error"]
    told = report(api, run)
    assert told["citations"] == []
    assert "0 posts" in told["summary"]
    assert told["sections"]


@pytest.mark.parametrize(("pipeline", "parameters"), ALL[:4])
def test_with_a_model_the_report_is_the_writers_and_every_sentence_cites(
    api: Served, settings: Settings, database: Database, fake: Fake, pipeline: str, parameters: dict[str, Any]
) -> None:
    store_weeks(database)
    [post] = post_ids(database, "Engineers on the harbour bridge")
    fake.control(casts=casts(post))
    press = Press(Printer(Renderer(), None), "", lambda _: None)
    with chains(settings, database, press=press) as work:
        run = start(api, database, pipeline, **parameters)
        work(run["id"])
    assert ended(api, run)["status"] == "done", ended(api, run)
    told = report(api, run)
    assert (told["writer"], told["pdf"]) == ("openai/small", "ready")
    assert told["title"].endswith(": What the harbour says")
    assert told["summary"].startswith("Engineers are at work.")
    [written] = [part for part in told["sections"] if part["heading"] == "At the bridge"]
    cites = {one["contract"]: one["output"] for one in stages(api, run)}["draft"]["dossier"]
    assert written["paragraphs"][0].startswith("They lash the third pontoon.")
    assert written["paragraphs"][-1] == "It lost 99 pontoons. [1] (unsupported: 99 stands in nothing that it cites)"
    [counted] = [part for part in told["sections"] if part["heading"] == "Counted"]
    assert counted["paragraphs"] == [f"f1: {cites['facts']['f1']}"]
    assert [cited["post"] for cited in told["citations"]] == [post]
    # one budget over all of it, and what the run cost is the provider's bill
    assert run_row(database, as_id(run)).spend_nano_usd == fake.bill > 0
    assert sum(event["cost_nano_usd"] for event in events(api, run)) == fake.bill


def test_the_weekly_reports_charts_are_what_calls_answered_and_stand_in_every_form(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    store_weeks(database)
    [post] = post_ids(database, "Engineers on the harbour bridge")
    fake.control(casts=casts(post))
    with chains(settings, database) as work:
        run = start(api, database, "weekly-report")
        work(run["id"])
        bare = start(api, database, "weekly-report", question="Again?")
    with chains(settings, database, model=False) as work:
        work(bare["id"])
    # with a model: its chart, drawn of its call's rows, which nobody has to cite
    told = report(api, run)
    [chart] = told["charts"]
    asked = api.http.post("/api/v1/operations/query", json={"sql": BY_WEEK}).json()
    assert [point["y"] for point in chart["series"][0]["points"]] == [float(row[1]) for row in asked["rows"]]
    assert chart["source"] == "call c2 (query)"
    given = {one["name"]: one for one in stages(api, run)}
    assert (given["figures"]["contract"], given["figures"]["tainted"]) == ("analysis", True)
    assert given["week"]["output"]["charts"] == given["figures"]["output"]["charts"]
    [looked] = [part["paragraphs"] for part in told["sections"] if part["heading"] == "Where they looked"]
    assert looked[0].startswith("c2: query ")
    prompt = next(one for one in fake.attempts if "You write reports" in one["body"]["messages"][0]["content"])
    assert "The newer of 2 weeks was busier." in prompt["body"]["messages"][1]["content"]
    # without one: what the stage gathers, its figures in words that cite the call
    told = report(api, bare)
    hours, languages = told["charts"]
    assert [(len(one["points"]), one["name"]) for one in hours["series"]] == [
        (24, "these seven days"),
        (24, "the seven before"),
    ]
    assert [point["x"] for point in languages["series"][0]["points"]] == ["en"]
    found = next(part["paragraphs"] for part in told["sections"] if part["heading"] == "Findings")
    assert found[-1].startswith("Posts by language, as they declare it: en ")
    assert found[-1].endswith("(c3)")
    for path, words in (("html", "<svg"), ("markdown", "| language | posts |")):
        assert words in api.http.get(f"/api/v1/reports/{told['id']}/{path}").text


def test_an_analyst_whose_charts_draw_nothing_is_told_and_then_done_without(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    store_weeks(database)
    [post] = post_ids(database, "Engineers on the harbour bridge")
    invented = {**WEEKS, "call": "c9"}
    plays = [
        ("query", {"sql": BY_WEEK}),
        ("answer", {"claims": [{"text": "So.", "calls": ["c2"]}], "charts": [invented]}),
    ]
    fake.control(casts=casts(post, **{"You are a data analyst": plays}))
    with chains(settings, database) as work:
        run = start(api, database, "weekly-report")
        work(run["id"])
    asked = [one["body"] for one in fake.attempts if "You are a data analyst" in one["body"]["messages"][0]["content"]]
    assert "it draws the call 'c9', which was not made" in asked[-1]["messages"][-1]["content"]
    told = report(api, run)
    assert ended(api, run)["status"] == "done"
    assert [chart["title"].partition(",")[0] for chart in told["charts"]] == ["Posts an hour", "Posts by language"]
    assert "Analyst: no model. What the model handed in broke its contract twice" in str(told["sections"][-1])
