"""What the documentation shows: each pipeline with the fake reporter's model, from its first question to its pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.worker.pipelines.press import Press
from services.worker.render.printer import Printer
from services.worker.render.renderer import Renderer
from shared.config.load import load
from shared.config.settings import Settings
from shared.store.database import Database
from tests.integration.worker.agents.test_runs import ask, ended, report
from tests.integration.worker.pipelines.test_shipped import start
from tests.support.agents import workplace
from tests.support.api import Served
from tests.support.fake_llm import Fake, fake_llm
from tests.support.fake_reporter import FakeReporter, claims, environment
from tests.support.pdf_pages import pages
from tests.support.pipelines import chains, store_weeks

ALL: list[tuple[str, dict[str, Any]]] = [
    ("daily-briefing", {}),
    ("deep-dive", {"topic": "harbour-bridge"}),
    ("weekly-report", {}),
    ("source-audit", {"feed": "bluesky"}),
]


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_llm(FakeReporter()) as provider:
        provider.control(delay=(0.0, 0.0))
        yield provider


@pytest.mark.parametrize(("pipeline", "parameters"), ALL)
def test_the_reporters_report_is_accepted_as_it_is_and_every_page_has_print(
    api: Served, settings: Settings, database: Database, fake: Fake, pipeline: str, parameters: dict[str, Any]
) -> None:
    store_weeks(database)
    press = Press(Printer(Renderer(), None), "", lambda _: None)
    with chains(settings, database, press=press) as work:
        run = start(api, database, pipeline, **parameters)
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    told = report(api, run)
    assert (told["writer"], told["pdf"]) == ("openai/small", "ready")
    text = str(told)
    assert "rejected" not in text
    assert "unsupported" not in text
    made = pages(api.http.get(f"/api/v1/reports/{told['id']}/pdf").content)
    assert made
    for page in made:
        assert page.width < page.height
        assert len(page.getcolors(maxcolors=2**24) or []) > 20


@pytest.mark.parametrize(("agent", "topic"), [("scout", ""), ("researcher", "harbour-bridge")])
def test_the_reporter_plays_who_is_asked(
    api: Served, settings: Settings, database: Database, fake: Fake, agent: str, topic: str
) -> None:
    store_weeks(database)
    with workplace(settings, database) as work:
        run = ask(api, agent, "What do people say about the harbour bridge?", topic=topic)
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    told = report(api, run)
    assert told["writer"] == "openai/small"
    assert told["citations"]


def test_a_hits_reason_is_no_topics_and_an_answer_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    hit = {
        "why": "words",
        "post": {"id": "p1", "uri": "at://x", "text": "Smoke over the harbour again [1]", "languages": []},
    }
    answer = f"[c3] search answered:\n{json.dumps({'hits': [hit, hit]})[:-20]}"
    told = [{"text": "One account writes: “Smoke over the harbour again (1)”", "posts": ["p1"], "calls": []}]
    assert claims([answer, "Refused."]) == told


def test_a_platform_starts_with_the_environment_that_names_the_reporter_as_its_model(tmp_path: Path) -> None:
    told = environment(tmp_path, "http://127.0.0.1:9")
    assert load("solo", told).llm_openai_url == "http://127.0.0.1:9/v1"
    assert load(
        "worker", {**told, "GROUNDSWELL_POSTGRES_URL": "postgresql://x@h/d", "GROUNDSWELL_VALKEY_URL": "redis://h"}
    )
