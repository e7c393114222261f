"""The analyst: queries, Python, charts, over a real API and a real sandbox; with a model, and with none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.worker.agents.definition import load_agents
from services.worker.agents.python_tool import PYTHON
from services.worker.sandbox.box import Box, Ran, find
from shared.config.settings import Settings
from shared.store.database import Command, Database
from tests.integration.worker.agents.test_runs import ask, ended, events, report
from tests.support.agents import answer, store_posts, workplace
from tests.support.api import Served
from tests.support.fake_llm import Fake

BY_LANGUAGE = "SELECT languages[1] AS lang, count(*) AS posts FROM posts GROUP BY 1 ORDER BY 2 DESC, 1"
MINUTE = Command(
    "INSERT INTO feed_minute (feed, minute, posts) VALUES ('bluesky', %(minute)s, %(posts)s) ON CONFLICT DO NOTHING"
)
CODE = """
import json
first = json.load(open("/input/c2.json"))
total = sum(row[1] for row in first["rows"])
print("in all", total)
json.dump([{"lang": row[0], "share": round(row[1] / total, 2)} for row in first["rows"]], open("result.json", "w"))
"""


@pytest.fixture(scope="module")
def box() -> Box:
    found = find()
    if isinstance(found, str):
        pytest.skip(f"no sandbox here: {found}")
    return found


def offered(fake: Fake) -> set[str]:
    return {tool["function"]["name"] for tool in fake.attempts[-1]["body"]["tools"]}


def test_it_queries_calculates_and_draws_what_its_calls_answered(
    api: Served, settings: Settings, database: Database, fake: Fake, box: Box
) -> None:
    store_posts(database, ["The bridge is closed", "It is closed", "So closed"])
    database.execute(
        Command("UPDATE post SET languages = CASE WHEN text LIKE 'So%' THEN '{de}' ELSE '{en}' END::text[]")
    )
    bars = {"kind": "bar", "title": "Posts by language", "call": "c2", "x": "lang", "y": "posts", "y_title": "posts"}
    shares = {"kind": "bar", "title": "Share of each", "call": "c4", "x": "lang", "y": "share"}
    with workplace(settings, database, box=box) as work:
        fake.control(
            plays=[
                ("query", {"sql": BY_LANGUAGE}),
                ("run_python", {"code": CODE}),
                answer(("There are 3 posts, 2 of them English: a share of 0.67.", [], ["c2", "c4"]),
                       ("German has 55 posts.", [], ["c2"]), charts=[bars, shares | {"y": "posts"}]),
                answer(("There are 3 posts, 2 of them English: a share of 0.67.", [], ["c2", "c4"]),
                       ("German has 55 posts.", [], ["c2"]), charts=[bars, shares], unknown=["Why German"]),
            ]
        )  # fmt: skip
        run = ask(api, "analyst", "In which languages?")
        work(run["id"])
    told = report(api, run)
    assert ended(api, run)["status"] == "done"
    assert told["writer"] == "openai/small"
    assert "run_python" in offered(fake)
    # then a chart of a column that is not there was refused, with what there is
    refused = fake.attempts[-1]["body"]["messages"][-1]["content"]
    assert "Chart 2: there is not one column 'posts'; there are lang, share" in refused
    first, second = told["charts"]
    assert first["series"] == [{"name": "", "points": [{"x": "en", "y": 2.0}, {"x": "de", "y": 1.0}]}]
    assert second["series"] == [{"name": "", "points": [{"x": "en", "y": 0.67}, {"x": "de", "y": 0.33}]}]
    assert (first["source"], second["source"]) == ("call c2 (query)", "call c4 (run_python)")
    assert told["sections"][0]["paragraphs"] == [
        "There are 3 posts, 2 of them English: a share of 0.67. (call c2, c4)",
        "German has 55 posts. (call c2) (unsupported: 55 stands in nothing that it cites)",
    ]
    assert (told["sections"][1]["heading"], told["sections"][1]["paragraphs"]) == ("Not found out", ["Why German"])
    assert told["summary"] == "Analyst made 2 calls and makes 2 claims. 1 claim without support is marked."
    # then code is a step like any other, and its chart is in every form of the report
    assert [step["name"] for step in events(api, run)] == [
        "1-ask",
        "2-query",
        "3-ask",
        "4-run_python",
        "5-ask",
        "6-ask",
        "report",
    ]
    markdown = api.http.get(f"/api/v1/reports/{told['id']}/markdown").text
    assert "| en | 0\\.67 |" in markdown or "| en | 0.67 |" in markdown
    page = api.http.get(f"/api/v1/reports/{told['id']}/html").text
    assert page.count("<svg") == 2
    assert api.http.get("/api/v1/reports").json()["reports"][0]["charts"] == []  # lists come without bodies
    assert first["drawn"]["bars"][0]["high"] == 1.0
    assert "<td>0.67</td>" in page


def test_a_killed_workers_code_runs_again_and_what_was_kept_does_not(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    class Counting(Box):
        """A sandbox during whose first run the worker ends."""

        runs = 0

        def run(self, code: str, files: Any) -> Ran:
            self.runs += 1
            if self.runs == 1:
                raise KeyboardInterrupt
            return Ran(ended="done", output=f"42 from {sorted(files)}", result=[{"n": 1, "v": 42}])

    counting = Counting("none")
    with workplace(settings, database, box=counting) as work:
        fake.control(
            plays=[("run_python", {"code": "print(42)"}), ("query", {"sql": "SELECT 1 AS one"}),
                   ("run_python", {"code": "print(42)"}), answer(("It is 42.", [], ["c2", "c6"]))]
        )  # fmt: skip
        run = ask(api, "analyst")
        with pytest.raises(KeyboardInterrupt):
            work(run["id"])
        database.execute(Command("UPDATE run SET lease_expires_at = now() - interval '1 second'"))
        work(run["id"])
        assert ended(api, run)["status"] == "done"
        assert counting.runs == 3
        assert "42 from ['c2.json', 'c4.json']" in fake.attempts[-1]["body"]["messages"][-1]["content"]
    assert report(api, run)["sections"][0]["paragraphs"] == ["It is 42. (call c2, c6)"]


def test_without_a_sandbox_the_tool_is_not_offered_and_a_model_that_asks_for_it_is_told(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database) as work:
        fake.control(
            plays=[
                ("run_python", {"code": "print(1)"}),
                ("query", {"sql": "SELECT 1 AS one"}),
                answer(("It is 1.", [], ["c3"])),
            ]
        )
        run = ask(api, "analyst")
        work(run["id"])
        [about] = [one for one in api.http.get("/api/v1/agents").json()["agents"] if one["name"] == "analyst"]
    assert "run_python" not in offered(fake)
    assert "run_python" not in about["operations"]
    assert report(api, run)["summary"].endswith(
        "There is no sandbox here, so it could not calculate in Python; health says why."
    )
    assert "There is no tool 'run_python' for you" in fake.attempts[1]["body"]["messages"][-1]["content"]
    assert report(api, run)["sections"][0]["paragraphs"] == ["It is 1. (call c3)"]


def test_agents_that_do_not_ask_for_it_have_no_python(
    api: Served, settings: Settings, database: Database, fake: Fake, box: Box
) -> None:
    assert [name for name, agent in load_agents().items() if PYTHON.name in agent.tools] == ["analyst"]
    with workplace(settings, database, box=box) as work:
        fake.control(plays=[("run_python", {"code": "print(1)"}), answer(("Nothing.", [], []), ("x", [], []))])
        run = ask(api, "scout")
        work(run["id"])
    assert "run_python" not in offered(fake)
    assert [step["kind"] for step in events(api, run) if step["kind"] == "call" and "python" in step["name"]] == []


def test_what_cannot_be_run_costs_no_step_and_what_fails_is_told(
    api: Served, settings: Settings, database: Database, fake: Fake, box: Box
) -> None:
    gone = Box("/nowhere/bwrap")
    with workplace(settings, database, box=gone) as work:
        fake.control(
            plays=[
                ("run_python", {"code": "x" * 20_001}),
                ("run_python", {"code": "print(1)"}),
                answer(("Nothing.", [], [])),
            ]
        )
        run = ask(api, "analyst")
        work(run["id"])
    said = [message["content"] for message in fake.attempts[-1]["body"]["messages"] if message["role"] == "tool"]
    assert said[0].startswith("Give `code`")
    assert "run_python was refused. The sandbox could not be started." in said[1]
    assert ended(api, run)["status"] == "done"


def test_with_no_model_it_shows_the_last_day_and_what_gains_momentum(
    api: Served, settings: Settings, database: Database
) -> None:
    store_posts(database, ["The bridge is closed"])
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(3):
        database.execute(MINUTE, {"minute": newest - timedelta(hours=hours), "posts": 10 + hours})
    with workplace(settings, database, model=False) as work:
        run = ask(api, "analyst")
        work(run["id"])
    told = report(api, run)
    assert told["writer"] == "extractive"
    [chart] = told["charts"]
    assert [point["y"] for point in chart["series"][0]["points"]] == [12.0, 11.0, 10.0]
    found = told["sections"][0]["paragraphs"]
    assert len(found) == 3
    assert found[-1].endswith("posts 10 (call c2)")


def test_with_queries_off_it_says_so_and_the_run_still_ends(
    api: Served, settings: Settings, postgres_url: str, valkey_url: str, database: Database
) -> None:
    from tests.support.api import served

    none = Settings(postgres_url=postgres_url, valkey_url=valkey_url, api_port=0, analysis_connections=0)
    with served(none) as other:
        there = msgspec.structs.replace(settings, agents_api_url=other.url)
        with workplace(there, database, model=False) as work:
            run = ask(api, "analyst")
            work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert report(api, run)["sections"][0]["paragraphs"] == ["Nothing was found."]
    details = [step["detail"] for step in events(api, run) if step["kind"] == "call"]
    assert details == ["Refused: Queries are off."] * 2
