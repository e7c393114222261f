"""One id from the request that asked, by the run and the worker's log lines, to the question to a language model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.solo.children import service_argv
from shared.config.load import environment_of, foreign_environment
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from shared.telemetry import logs
from tests.support.agents import answer, store_posts, workplace, writer_agent
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.waiting import until

REQUEST = "harbour-bridge-0001"


class Effect(Schema, frozen=True, kw_only=True):
    operation: str
    request: str


AUDIT = Statement("SELECT operation, request FROM audit ORDER BY at", Effect)


def ask(api: Served, request: str, agent: str) -> Any:
    made = api.http.post(
        "/api/v1/operations/ask_agent",
        json={"agent": agent, "question": "What about the bridge?"},
        headers={"x-request-id": request},
    )
    assert made.status_code == 201, made.text
    assert made.headers["x-request-id"] == request
    return made.json()


def test_a_request_is_found_on_the_run_on_the_workers_lines_and_on_the_models_calls(
    api: Served, settings: Settings, database: Database, fake: Fake, tmp_path: Path
) -> None:
    ids = store_posts(database, ["The harbour bridge is closed", "Bridge closed at 17 this evening"])
    fake.control(plays=[("posts", {"limit": 10}), answer(("The bridge is closed.", [ids[0]], []))])
    log = tmp_path / "worker.log"
    told = msgspec.structs.replace(
        settings, log_level="info", log_format="json", llm_openai_api_key="a-key-of-the-fake"
    )
    with log.open("wb") as lines:
        worker = subprocess.Popen(
            service_argv("worker"), env={**foreign_environment(), **environment_of(told)}, stderr=lines
        )
    try:
        until(lambda: b"worker_started" in log.read_bytes(), 40, what="a worker")
        run = ask(api, REQUEST, "researcher")
        assert run["request_id"] == REQUEST

        def over() -> Any:
            found = api.http.get(f"/api/v1/runs/{run['id']}").json()
            return found if found["status"] in ("done", "failed") else None

        assert until(over, what="the run's end")["request_id"] == REQUEST
    finally:
        worker.terminate()
        worker.wait(30)
    written = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    of_it = {line["event"]: line for line in written if line.get("request") == REQUEST}
    assert {"run_claimed", "llm_answered", "run_ended"} <= of_it.keys()
    assert {line["run"] for line in of_it.values()} == {run["id"]}
    # and what is not of this request does not say so
    assert all("request" not in line for line in written if line["event"] in ("worker_started", "worker_stopped"))
    calls = api.http.get("/api/v1/model-calls", params={"run": run["id"]}).json()["calls"]
    assert len(calls) == 2
    assert {call["request_id"] for call in calls} == {REQUEST}
    assert of_it["llm_answered"]["call"] in {call["id"] for call in calls}


@pytest.mark.parametrize("given", ["short", "with blanks in it", "line\tbreak-0001"])
def test_what_is_no_id_is_replaced_by_one(api: Served, settings: Settings, database: Database, given: str) -> None:
    with workplace(settings, database, model=False):
        made = api.http.post(
            "/api/v1/operations/ask_agent",
            json={"agent": "researcher", "question": "What about the bridge?"},
            headers={"x-request-id": given},
        )
    assert made.json()["request_id"] == made.headers["x-request-id"] != given


def test_what_an_agent_does_is_written_down_under_the_request_that_asked_it(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    rule = {"words": {"any": ["bridge"]}}
    with workplace(settings, database, {"writer": writer_agent()}) as work:
        fake.control(plays=[("create_watch", {"name": "Bridge", "rule": rule}), answer(("Saved.", [], ["c1"]))])
        work(ask(api, REQUEST, "writer")["id"])
    written = {effect.operation: effect.request for effect in database.fetch(AUDIT)}
    assert written["create_watch"] == REQUEST
    assert logs.request_id() is None, "nothing of it is left in this thread"


def test_a_run_that_is_tried_again_follows_from_who_did_that(
    api: Served, settings: Settings, database: Database
) -> None:
    with workplace(settings, database, model=False):
        run = ask(api, REQUEST, "researcher")
    database.execute(Command("UPDATE run SET status = 'failed', error = 'A test says so.'"))
    again = api.http.post(f"/api/v1/runs/{run['id']}/retry", json={}, headers={"x-request-id": "second-try-0002"})
    assert again.status_code == 202, again.text
    assert again.json()["request_id"] == "second-try-0002"
