"""A stage whose agent asks for something that a person has to approve: the chain waits, and does that call or none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.config.settings import Settings
from shared.contracts import access
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.integration.worker.agents.test_runs import ended, events, report, wake
from tests.integration.worker.pipelines.test_shipped import stages, start
from tests.support.agents import as_id
from tests.support.api import Served
from tests.support.approval_kills import AFTER
from tests.support.fake_llm import Fake
from tests.support.pipelines import WATCH, casts, chains, keeper, post_ids, store_weeks
from tests.support.runs import reports


class Effects(Schema, frozen=True, kw_only=True):
    run: str
    done: int
    approved: int


class Decided(Schema, frozen=True, kw_only=True):
    run: str
    state: str
    count: int


#: Watches that runs saved, as the API wrote them down, and how many of them had a yes.
EFFECTS = Statement(
    """SELECT split_part(actor, 'run ', 2) AS run, count(*)::int AS done, count(approval)::int AS approved FROM audit
        WHERE operation = 'create_watch' AND outcome = 'done' GROUP BY 1""",
    Effects,
)
DECIDED = Statement(
    """SELECT split_part(actor, 'run ', 2) AS run,
              CASE WHEN state = 'waiting' AND expires_at <= now() THEN 'late' ELSE state END AS state,
              count(*)::int AS count
         FROM approval GROUP BY 1, 2""",
    Decided,
)
LATE = Command("UPDATE approval SET expires_at = now() WHERE id = %(id)s")


@pytest.fixture
def post(database: Database) -> str:
    store_weeks(database)
    return post_ids(database, "Engineers on the harbour bridge")[0]


def waiting(api: Served) -> Any:
    return api.http.get("/api/v1/approvals").json()["approvals"]


def decide(api: Served, database: Database, approval: str, answer: str) -> None:
    if answer == "late":
        database.execute(LATE, {"id": approval})
    else:
        word = {"yes": "approve", "no": "deny"}[answer]
        assert api.http.post(f"/api/v1/approvals/{approval}/{word}").status_code < 300


def watches(api: Served) -> Any:
    return api.http.get("/api/v1/watches").json()["watches"]


@pytest.mark.parametrize(
    ("answer", "said", "there"),
    [("yes", "", 1), ("no", "The operator said no to this call.", 0), ("late", "Nobody said yes to this call", 0)],
)
def test_the_chain_waits_for_the_answer_and_goes_the_way_it_points(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str, answer: str, said: str, there: int
) -> None:
    fake.control(casts=casts(post))
    with chains(settings, database, keeper()) as work:
        run = start(api, database, "keeper")
        work(run["id"])
        # it stands still, with nothing done and nothing after it begun
        assert ended(api, run)["status"] == "needs_approval"
        assert {one["name"]: one["status"] for one in stages(api, run)}["day"] == "pending"
        work(run["id"])
        asked = len(fake.attempts)
        assert asked == 1
        assert wake(database) == 0
        [call] = waiting(api)
        assert (call["actor"], call["operation"]) == (f"pipeline keeper, run {run['id']}", "create_watch")
        assert watches(api) == []
        decide(api, database, call["id"], answer)
        assert wake(database) == 1
        work(run["id"])
        work(run["id"])  # a second message for it finds nothing to do
    assert ended(api, run)["status"] == "done", ended(api, run)
    assert [watch["name"] for watch in watches(api)] == ["bridge"] * there
    told = [one["body"] for one in fake.attempts if "look after watches" in one["body"]["messages"][0]["content"]]
    assert len(told) == 3
    assert said in told[1]["messages"][-1]["content"]
    # then the stage's findings are in the report, whichever way it went
    assert report(api, run)["writer"] == "openai/small"
    assert "This is what is watched now." in str(stages(api, run)[1]["output"]["parts"])
    assert waiting(api) == []


def test_a_yes_holds_for_the_very_call_and_for_no_other(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = access.make()
    monkeypatch.setattr(access, "make", lambda: secret)
    headers = {"Authorization": f"Bearer {secret}"}

    def try_it(call: dict[str, Any]) -> int:
        return api.http.post("/api/v1/operations/create_watch", json=call, headers=headers).status_code

    fake.control(casts=casts(post))
    with chains(settings, database, keeper()) as work:
        run = start(api, database, "keeper")
        work(run["id"])
        [call] = waiting(api)
        decide(api, database, call["id"], "yes")
        # whoever holds the run's token can do nothing else with that yes
        assert try_it({**WATCH, "name": "other"}) == 403
        assert try_it({**WATCH, "rule": {"words": {"any": ["bridges"]}}}) == 403
        wake(database)
        work(run["id"])
        assert ended(api, run)["status"] == "done"
        # and the call itself, once it was made, needs another
        assert try_it(WATCH) in (401, 403)
    assert [watch["name"] for watch in watches(api)] == ["bridge"]
    assert [(row.done, row.approved) for row in database.fetch(EFFECTS)] == [(1, 1)]


def test_where_the_agent_would_call_something_else_meanwhile_nothing_is_called(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str
) -> None:
    fake.control(casts=casts(post))
    with chains(settings, database, keeper()) as work:
        run = start(api, database, "keeper")
        work(run["id"])
        [call] = waiting(api)
        decide(api, database, call["id"], "yes")
        # given an answer of its model that asks for another watch than the one that was approved
        other = """UPDATE run_step SET result = replace(result::text, 'bridge', 'anything')::jsonb
                    WHERE run = %(run)s AND name = '1-ask'"""
        assert database.execute(Command(other), {"run": run["id"]}) == 1
        wake(database)
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert watches(api) == []
    assert "The agent was changed while this run was under way." in str(report(api, run)["sections"][-1])


def test_a_second_wish_of_the_same_stage_waits_again(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str
) -> None:
    more = [("create_watch", WATCH), ("create_watch", {**WATCH, "name": "second"}), ("watches", {})]
    end = ("answer", {"claims": [{"text": "This is what is watched.", "calls": ["c6"]}]})
    fake.control(casts=casts(post, **{"You look after watches": [*more, end]}))
    with chains(settings, database, keeper()) as work:
        run = start(api, database, "keeper")
        work(run["id"])
        [first] = waiting(api)
        decide(api, database, first["id"], "yes")
        wake(database)
        work(run["id"])
        assert ended(api, run)["status"] == "needs_approval"
        [second] = waiting(api)
        assert second["id"] != first["id"]
        assert [watch["name"] for watch in watches(api)] == ["bridge"]
        decide(api, database, second["id"], "no")
        wake(database)
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert [watch["name"] for watch in watches(api)] == ["bridge"]


def test_a_cancelled_chain_takes_its_question_back(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str
) -> None:
    fake.control(casts=casts(post))
    with chains(settings, database, keeper()) as work:
        run = start(api, database, "keeper")
        work(run["id"])
        assert api.http.post(f"/api/v1/runs/{run['id']}/cancel").json()["status"] == "cancelled"
        assert waiting(api) == []
        assert wake(database) == 0
        work(run["id"])
    assert ended(api, run)["status"] == "cancelled"
    assert watches(api) == []


def test_a_kill_before_or_after_the_answer_repeats_nothing_and_does_nothing_without_a_yes(
    api: Served, settings: Settings, database: Database, fake: Fake, post: str, tmp_path: Path
) -> None:
    with chains(settings, database, keeper(), model=False):
        pass  # tells of the pipeline
    answers = [answer for answer, points in AFTER.items() for _ in points]
    points = [f"{answer}: {point}" for answer, points in AFTER.items() for point in points]
    runs = [start(api, database, "keeper", question=f"Number {n}?") for n in range(len(points))]
    fake.control(casts=casts(post))
    told = [settings.postgres_url, settings.valkey_url, api.url, fake.url, str(tmp_path)]
    ids = ",".join(run["id"] for run in runs)
    command = [sys.executable, "-m", "tests.support.approval_kills"]

    # killed before anybody answered: each waits, once
    subprocess.run([*command, "before", *told, ids], check=True, timeout=300)
    assert {ended(api, run)["status"] for run in runs} == {"needs_approval"}
    asked = {call["actor"].rpartition("run ")[2]: call["id"] for call in waiting(api)}
    assert len(waiting(api)) == len(asked) == len(runs)
    assert watches(api) == []
    for run, answer in zip(runs, answers, strict=True):
        decide(api, database, asked[run["id"]], answer)
    assert wake(database) == len(runs)

    # killed after the answer: what was allowed happens once, and nothing else
    subprocess.run([*command, "after", *told, ids], check=True, timeout=300)
    effects = {row.run: (row.done, row.approved) for row in database.fetch(EFFECTS)}
    decided = {row.run: (row.state, row.count) for row in database.fetch(DECIDED)}
    states = {"yes": ("used", 1), "no": ("denied", 1), "late": ("late", 1)}
    for point, run, answer in zip(points, runs, answers, strict=True):
        assert ended(api, run)["status"] == "done", point
        assert effects.get(run["id"], (0, 0)) == ((1, 1) if answer == "yes" else (0, 0)), point
        assert decided[run["id"]] == states[answer], point
        assert len(reports(database, as_id(run))) == 1, point
        assert {step["status"] for step in events(api, run)} == {"done"}, point
    assert len(watches(api)) == answers.count("yes")
    # nothing was asked of the provider twice: three questions of the keeper's, one each of writer and reviewer
    assert len(fake.attempts) == 5 * len(runs)
