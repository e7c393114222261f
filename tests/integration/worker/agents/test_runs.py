"""Agents asked over the API, worked on, and reported: with a model, with a bad one, and with none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.worker.agents import report as report_of
from shared.config.settings import Settings
from shared.store.database import Database
from tests.support.agents import answer, as_id, store_posts, workplace, writer_agent
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.runs import run_row
from tests.support.topics import gathered, store_topic

TEXTS = ["The harbour bridge is closed, two pontoons gone", "Bridge closed at 17 this evening, police say", "Nice cat"]
RULE = {"words": {"any": ["bridge"]}}


def ask(api: Served, agent: str = "researcher", question: str = "What about the bridge?", **more: str) -> Any:
    made = api.http.post("/api/v1/operations/ask_agent", json={"agent": agent, "question": question, **more})
    assert made.status_code == 201, made.text
    return made.json()


def ended(api: Served, run: Any) -> Any:
    return api.http.get(f"/api/v1/runs/{run['id']}").json()


def report(api: Served, run: Any) -> Any:
    return api.http.get(f"/api/v1/reports/{ended(api, run)['report']}").json()


def events(api: Served, run: Any) -> Any:
    return api.http.get(f"/api/v1/runs/{run['id']}/events").json()["events"]


def test_an_agent_gathers_answers_and_cites_and_what_it_cost_is_the_providers_bill(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    first, second, _ = store_posts(database, TEXTS)
    with workplace(settings, database) as work:
        fake.control(
            plays=[
                ("posts", {"limit": 10}),
                ("note", {"fact": "the bridge is closed"}),
                ("recall", {"reference": "r1"}),
                answer(
                    ("The bridge is closed since 17 hours.", [first, second], []),
                    ("It lost 99 pontoons.", [first], []),
                    ("Three posts were read.", [], ["c2"]),
                    unknown=["When it opens again"],
                ),
            ]
        )
        run = ask(api)
        assert (run["status"], run["agent"], run["kind"]) == ("queued", "researcher", "agent")
        work(run["id"])
    told = report(api, run)
    assert ended(api, run)["status"] == "done"
    assert told["writer"] == "openai/small"
    findings, unknown, looked = told["sections"]
    assert findings["paragraphs"] == [
        "The bridge is closed since 17 hours. [1][2]",
        "It lost 99 pontoons. [1] (unsupported: 99 stands in nothing that it cites)",
        "Three posts were read. (call c2)",
    ]
    assert unknown["paragraphs"] == ["When it opens again"]
    assert looked["paragraphs"][0].startswith("c2: posts")
    assert [cited["post"] for cited in told["citations"]] == [first, second]
    assert run_row(database, as_id(run)).spend_nano_usd == fake.bill > 0
    assert sum(event["cost_nano_usd"] for event in events(api, run)) == fake.bill
    assert [event["name"] for event in events(api, run)] == ["1-ask", "2-posts", "3-ask", "4-ask", "5-ask", "report"]
    # its token is over with it
    [token] = database.fetch(TOKENS)
    assert not token.open
    assert token.tainted


def test_a_post_that_was_not_seen_in_this_run_is_refused_once_and_then_what_was_found_is_listed(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    ids = store_posts(database, TEXTS)
    with workplace(settings, database) as work:
        fake.control(plays=[answer(("The bridge is closed.", [ids[0]], []))])
        run = ask(api, "scout")
        work(run["id"])
    assert len(fake.attempts) == 2
    assert "was not seen in this run" in fake.attempts[1]["body"]["messages"][-1]["content"]
    told = report(api, run)
    assert told["writer"] == "extractive"
    assert "broke its contract twice" in told["summary"]
    assert {cited["post"] for cited in told["citations"]} == set(ids)


def test_a_broken_contract_is_mended_when_the_model_is_told(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    ids = store_posts(database, TEXTS)
    with workplace(settings, database) as work:
        fake.control(
            plays=[
                ("posts", {"limit": 10}),
                answer(("See https://evil.example now.", [ids[0]], [])),
                answer(("It is closed.", [ids[0]], [])),
            ]
        )
        run = ask(api)
        work(run["id"])
    assert report(api, run)["sections"][0]["paragraphs"] == ["It is closed. [1]"]


@pytest.mark.parametrize("model", [False, True])
def test_without_a_model_what_can_be_gathered_is_listed(
    api: Served, settings: Settings, database: Database, fake: Fake, model: bool
) -> None:
    ids = store_posts(database, TEXTS)
    fake.control(mix={"400": 1.0})
    with workplace(settings, database, model=model) as work:
        run = ask(api, "scout")
        work(run["id"])
    told = report(api, run)
    assert told["writer"] == "extractive"
    assert "No language model answered" in told["summary"]
    assert {cited["post"] for cited in told["citations"]} == set(ids)
    assert fake.bill == 0


def test_without_a_model_the_scout_looks_into_what_rises_and_the_operator_tells_what_is_wrong(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    store_topic(database, gathered())
    with workplace(settings, database, model=False) as work:
        new, well = ask(api, "scout"), ask(api, "operator")
        work(new["id"])
        work(well["id"])
    assert [event["name"] for event in events(api, new)][1:] == ["2-topics", "3-topic_posts", "report"]
    told, posts, _ = report(api, new)["sections"]
    assert told["paragraphs"][0].startswith("harbour bridge: rising. ")
    assert told["paragraphs"][0].endswith(" (call c2)")
    assert len(posts["paragraphs"]) == 5
    told, _ = report(api, well)["sections"]
    assert any(line.startswith("Worker: down") for line in told["paragraphs"]), told


def test_a_run_stops_at_its_limit_with_what_it_has(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    store_posts(database, TEXTS)
    agent = writer_agent()
    agent = msgspec.structs.replace(agent, limits=msgspec.structs.replace(agent.limits, steps=4))
    with workplace(settings, database, {"writer": agent}) as work:
        fake.control(plays=[("posts", {"limit": 1}), ("posts", {"limit": 2}), ("posts", {"limit": 3})])
        run = ask(api, "writer")
        work(run["id"])
    assert "limit of 4 steps" in report(api, run)["summary"]
    assert len(fake.attempts) == 2


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("tokens", 1_000, "limit of 1,000 tokens"),
        ("nano_usd", 26_000_000, "limit of $0.0260"),
        ("seconds", 5, "limit of 5 seconds"),
    ],
)
def test_each_limit_stops_a_run(
    api: Served, settings: Settings, database: Database, fake: Fake, limit: str, most: int, said: str
) -> None:
    store_posts(database, TEXTS)
    agent = writer_agent()
    agent = msgspec.structs.replace(agent, limits=msgspec.structs.replace(agent.limits, **{limit: most}))
    plays = [("posts", {"limit": number}) for number in range(1, 19)]
    with workplace(settings, database, {"writer": agent}) as work:
        fake.control(plays=plays, script=["slow:1.5"] * 30 if limit == "seconds" else [])
        run = ask(api, "writer")
        work(run["id"])
    told = report(api, run)["summary"]
    # a model that the run's own budget cannot pay for any more is the same limit, met from the other side
    assert said in told or (limit == "nano_usd" and "of the run's budget is left" in told), told
    assert 1 <= len(fake.attempts) < len(plays)
    assert limit != "nano_usd" or fake.bill <= most


def test_a_run_that_fails_leaves_no_open_token(
    api: Served, settings: Settings, database: Database, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr("services.worker.agents.report.write", broken)
    with workplace(settings, database, model=False) as work:
        run = ask(api, "scout")
        work(run["id"])
    assert "RuntimeError" in ended(api, run)["error"]
    assert [token.open for token in database.fetch(TOKENS)] == [False]


def test_an_agent_that_this_worker_does_not_know_is_said_so(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(
        settings, database, {"stranger": msgspec.structs.replace(writer_agent(), name="stranger")}, model=False
    ):
        run = ask(api, "stranger")
    with workplace(settings, database, model=False) as work:
        work(run["id"])
    assert ended(api, run)["status"] == "failed"
    assert "There is no agent 'stranger' here" in ended(api, run)["error"]


def test_an_agent_that_works_in_pipelines_is_not_asked(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database, model=False):
        pass  # tells of the agents
    said = api.http.post("/api/v1/operations/ask_agent", json={"agent": "reviewer", "question": "Is it good?"})
    assert said.status_code == 400
    assert "answers no questions" in said.text


def test_an_approval_parks_the_run_and_a_yes_lets_it_go_on(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database) as work:
        fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE}), answer(("Saved.", [], ["c2"]))])
        run = ask(api, "watch-keeper")
        work(run["id"])
        assert ended(api, run)["status"] == "needs_approval"
        work(run["id"])  # nobody can take it meanwhile
        [waiting] = api.http.get("/api/v1/approvals").json()["approvals"]
        assert waiting["actor"] == f"agent watch-keeper, run {run['id']}"
        assert api.http.get("/api/v1/watches").json()["watches"] == []
        assert wake(database) == 0
        api.http.post(f"/api/v1/approvals/{waiting['id']}/approve")
        assert wake(database) == 1
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert [watch["name"] for watch in api.http.get("/api/v1/watches").json()["watches"]] == ["bridge"]
    assert report(api, run)["sections"][0]["paragraphs"] == ["Saved. (call c2)"]


def test_a_no_is_told_to_the_agent(api: Served, settings: Settings, database: Database, fake: Fake) -> None:
    with workplace(settings, database) as work:
        fake.control(
            plays=[
                ("create_watch", {"name": "bridge", "rule": RULE}),
                ("watches", {}),
                answer(("There is no such watch.", [], ["c4"])),
            ]
        )
        run = ask(api, "watch-keeper")
        work(run["id"])
        [waiting] = api.http.get("/api/v1/approvals").json()["approvals"]
        api.http.post(f"/api/v1/approvals/{waiting['id']}/deny")
        wake(database)
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert api.http.get("/api/v1/watches").json()["watches"] == []
    assert "said no" in fake.attempts[1]["body"]["messages"][-1]["content"]


def test_a_cancelled_run_stops_and_its_token_is_over(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database) as work:
        fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE})])
        run = ask(api, "watch-keeper")
        work(run["id"])
        assert api.http.post(f"/api/v1/runs/{run['id']}/cancel").json()["status"] == "cancelled"
        assert api.http.get("/api/v1/approvals").json()["approvals"] == []
        assert wake(database) == 0
        work(run["id"])
    assert ended(api, run)["status"] == "cancelled"
    assert events(api, run)[1]["detail"] == "Nobody said yes before the run was cancelled."
    assert [token.open for token in database.fetch(TOKENS)] == [False]


def test_a_run_is_done_again_from_a_step_without_repeating_its_effect(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database, {"writer": writer_agent()}) as work:
        fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE}), answer(("Saved.", [], ["c2"]))])
        run = ask(api, "writer")
        work(run["id"])
        again = api.http.post(f"/api/v1/runs/{run['id']}/retry", json={"from_step": "2-create_watch"})
        assert again.status_code == 202, again.text
        assert [step["name"] for step in again.json()["steps"]] == ["1-ask", "report"]
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert len(api.http.get("/api/v1/watches").json()["watches"]) == 1
    assert report(api, run)["sections"][0]["paragraphs"] == ["Saved. (call c2)"]


def test_a_call_of_which_nobody_knows_whether_it_happened_waits_for_a_person(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database, {"writer": writer_agent()}) as work:
        fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE}), answer(("Unclear.", [], []))])
        run = ask(api, "writer")
        work(run["id"])
        # given that the API died in the middle of the call, and the worker with it
        database.execute(HALF_DONE, {"run": run["id"]})
        work(run["id"])
        assert ended(api, run)["status"] == "needs_human"
        [told] = database.fetch(Statement("SELECT title, said, page FROM notice", Notice))
        assert told.title == "A run waits for somebody to look"
        assert "Nobody knows whether create_watch has happened" in ended(api, run)["error"]
        assert api.http.post(f"/api/v1/runs/{run['id']}/retry", json={}).status_code == 202
        work(run["id"])
    assert ended(api, run)["status"] == "done"
    assert len(api.http.get("/api/v1/watches").json()["watches"]) == 1
    assert "It is not known" in fake.attempts[-1]["body"]["messages"][3]["content"]


from shared.schemas.base import Schema  # noqa: E402
from shared.store import agent_steps  # noqa: E402
from shared.store.database import Command, Statement  # noqa: E402
from shared.store.notices import Notice  # noqa: E402


class TokenRow(Schema, frozen=True, kw_only=True):
    open: bool
    tainted: bool


TOKENS = Statement("SELECT expires_at > now() AS open, tainted_at IS NOT NULL AS tainted FROM access_token", TokenRow)
HALF_DONE = Command(
    """WITH call AS (UPDATE audit SET outcome = 'begun', answer = NULL WHERE operation = 'create_watch'),
            steps AS (DELETE FROM run_step WHERE run = %(run)s AND kind <> 'work' AND seq > 2),
            report AS (DELETE FROM report WHERE run = %(run)s),
            printed AS (UPDATE run_step SET status = 'pending' WHERE run = %(run)s AND kind = 'work'),
            step AS (UPDATE run_step SET status = 'running', result = NULL WHERE run = %(run)s AND seq = 2)
       UPDATE run SET status = 'running', report = NULL WHERE id = %(run)s"""
)


def wake(database: Database) -> int:
    return database.execute(agent_steps.WAKE)


def test_a_claim_goes_with_the_only_post_that_it_rests_on(
    api: Served, settings: Settings, database: Database, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = store_posts(database, ["The harbour bridge is closed", "The ferry runs"])
    fake.control(plays=[("posts", {"limit": 5}), answer(("Closed, says one.", [gone], []), ("It runs.", [stays], []))])
    cited = report_of.cited

    def meanwhile(*about: Any) -> list[str]:
        database.execute(Command("UPDATE post SET deleted_at = now() WHERE id = %(id)s"), {"id": gone})
        return cited(*about)

    monkeypatch.setattr(report_of, "cited", meanwhile)
    with workplace(settings, database) as work:
        run = ask(api)
        work(run["id"])
    told = report(api, run)
    [found] = [part for part in told["sections"] if part["heading"] == "Findings"]
    assert found["paragraphs"] == ["A claim was left out (unsupported: what it cites was deleted)", "It runs. [1]"]
    assert "1 claim without support is marked." in told["summary"]
