"""What language models cost and answered, as the operator reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.store import budget
from shared.store.database import Command, Database
from tests.support.api import Served
from tests.support.waiting import eventually

DOLLAR = 10**9
RUN = uuid4()
KEY = "ab" * 32


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def ask(api: Served, name: str, status: int = 200, /, **given: Any) -> Any:
    answer = api.http.post(f"/api/v1/operations/{name}", json=given)
    assert answer.status_code == status, answer.text
    return answer.json()


def call(
    database: Database, cost: int | None, *, agent: str = "scout", model: str = "openai/small", **about: Any
) -> UUID:
    """An attempt through the ledger's own statements; ``cost`` ``None`` leaves it under way."""
    params = {
        "request": uuid4(), "agent": agent, "run": about.get("run"), "priority": "pipeline", "kind": "simple",
        "tier": model.partition("/")[2], "model": model, "reason": "the cheapest that can do it",
        "bound": about.get("bound", DOLLAR // 10), "max_tokens": 100, "request_id": None,
        "month_cap": DOLLAR, "agent_cap": DOLLAR // 2, "run_cap": DOLLAR // 4,
    }  # fmt: skip
    database.execute(budget.OPEN, params)
    [reserved] = database.fetch(budget.RESERVE, params)
    assert reserved.id is not None
    database.execute(budget.DISPATCH, {"call": reserved.id})
    if cost is not None:
        told = {"input": 70, "cache_read": 0, "cache_write": 0, "output": about.get("output", 30)}
        database.fetch(budget.SETTLE, {"call": reserved.id, "cost": cost, "error": about.get("error"), **told})
    return reserved.id


def test_before_anything_was_asked_there_is_nothing(api: Served) -> None:
    told = ask(api, "spending")
    assert told == {
        "current": f"{datetime.now(UTC):%Y-%m}",
        "month": None,
        "agents": [],
        "alerts": [],
        "saved_nano_usd": 0,
    }
    assert ask(api, "spending_months") == {"months": []}
    assert ask(api, "model_calls") == {"calls": [], "next": None}
    assert ask(api, "models") == {"models": []}
    assert ask(api, "answer_days") == {"days": [], "hit_rate": None}
    assert ask(api, "kept_answers") == {"answers": [], "total": 0}


def test_the_month_its_agents_and_its_alerts(api: Served, database: Database) -> None:
    call(database, DOLLAR // 20, agent="scout", bound=DOLLAR // 10)
    call(database, None, agent="writer", bound=DOLLAR // 5)
    told = ask(api, "spending")
    assert (told["month"]["spent_nano_usd"], told["month"]["committed_nano_usd"]) == (DOLLAR // 20, DOLLAR // 4)
    assert told["month"]["cap_nano_usd"] == DOLLAR
    assert [(agent["name"], agent["committed_nano_usd"]) for agent in told["agents"]] == [
        ("writer", DOLLAR // 5),
        ("scout", DOLLAR // 20),
    ]
    assert told["alerts"] == []
    call(database, DOLLAR // 2, agent="reviewer", bound=DOLLAR // 2)
    alerts = ask(api, "spending")["alerts"]
    assert [(alert["kind"], alert["percent"]) for alert in alerts] == [("share", 50)]
    assert "50 %" in alerts[0]["said"]
    [month] = ask(api, "spending_months")["months"]
    assert month["spent_nano_usd"] == DOLLAR // 2 + DOLLAR // 20


def test_calls_are_paged_and_chosen(api: Served, database: Database) -> None:
    ids = [str(call(database, 1_000 * n, agent="scout" if n % 2 else "writer")) for n in range(5)]
    ids.append(str(call(database, None, model="anthropic/large")))
    first = ask(api, "model_calls", limit=4)
    rest = ask(api, "model_calls", limit=4, before=first["next"])
    assert [one["id"] for one in first["calls"] + rest["calls"]] == ids[::-1]
    assert rest["next"] is None
    assert [one["agent"] for one in ask(api, "model_calls", agent="writer")["calls"]] == ["writer"] * 3
    [open_one] = ask(api, "model_calls", state="dispatched")["calls"]
    assert (open_one["model"], open_one["cost_nano_usd"], open_one["basis"]) == ("anthropic/large", None, None)
    one = ask(api, "model_call", call=ids[1])
    assert (one["cost_nano_usd"], one["input_tokens"], one["output_tokens"], one["basis"]) == (1_000, 70, 30, "usage")
    ask(api, "model_call", 404, call=str(uuid4()))
    ask(api, "model_calls", 400, state="paid")


def test_days_and_models_tell_what_answered(api: Served, database: Database) -> None:
    for number in range(4):
        call(database, 1_000, error=None, output=30 if number else None)  # one did not say what it used
    call(database, 5_000, model="anthropic/large")
    [dear, cheap] = ask(api, "model_days", days=2)["days"]
    assert (dear["model"], dear["attempts"], dear["cost_nano_usd"]) == ("anthropic/large", 1, 5_000)
    assert (cheap["attempts"], cheap["answered"], cheap["input_tokens"]) == (4, 3, 280)
    assert cheap["p50_seconds"] <= cheap["p95_seconds"]
    database.execute(Command("UPDATE llm_call SET created_at = now() - interval '3 days'"))
    assert ask(api, "model_days", days=2)["days"] == []
    assert [model["model"] for model in ask(api, "models")["models"]] == ["anthropic/large", "openai/small"]


def test_answers_that_broke_their_contract_are_no_answers(api: Served, database: Database) -> None:
    call(database, 1_000)
    for _ in range(2):
        database.fetch(budget.BROKE, {"call": call(database, 1_000), "said": "contract: it cites no post"})
    broken = call(database, 1_000, output=None, error="It did not say what it used.")
    for _ in range(2):  # a note that is written twice is there once
        database.fetch(budget.BROKE, {"call": broken, "said": "contract: it has 3 characters"})
    assert ask(api, "model_call", call=str(broken))["error"] == (
        "contract: it has 3 characters It did not say what it used."
    )
    database.fetch(budget.BROKE, {"call": call(database, None), "said": "contract: it is not there yet"})
    [day] = ask(api, "model_days", days=1)["days"]
    [model] = ask(api, "models")["models"]
    for told in (day, model):
        assert (told["attempts"], told["answered"], told["broke_contract"]) == (5, 1, 3)


def test_a_disabled_model_is_enabled_once(api: Served, database: Database) -> None:
    call(database, DOLLAR // 5, bound=DOLLAR // 10)  # billed beyond its bound
    [off] = ask(api, "models")["models"]
    assert "billed" in off["off"]
    assert [alert["kind"] for alert in ask(api, "spending")["alerts"]] == ["overrun"]
    [on] = ask(api, "enable_model", model="openai/small")["models"]
    assert on["off"] is None
    ask(api, "enable_model", 404, model="openai/small")


def test_answers_that_are_given_again_are_told_and_forgotten(api: Served, database: Database) -> None:
    database.execute(
        Command(
            """INSERT INTO llm_cache (key, kind, agent, tier, model, question, reply, cost_nano_usd, hits, expires_at)
               SELECT decode(key, 'hex'), 'exact', agent, 'small', 'openai/small', 'What is the tide?', '{}', 700, 3,
                      now() + make_interval(hours => hours)
                 FROM (VALUES (repeat('ab', 32), 'scout', 1), (repeat('cd', 32), 'writer', 1),
                              (repeat('ef', 32), 'writer', -1)) AS made (key, agent, hours)"""
        )
    )
    database.execute(
        Command(
            """INSERT INTO llm_cache_day (day, kind, hits, misses, saved_nano_usd)
               VALUES ((now() AT TIME ZONE 'UTC')::date, 'exact', 3, 1, 2100), ('2020-01-01', 'exact', 9, 0, 9)"""
        )
    )
    kept = ask(api, "kept_answers")
    assert (kept["total"], kept["answers"][0]["hits"], kept["answers"][0]["question"]) == (2, 3, "What is the tide?")
    days = ask(api, "answer_days")
    assert (len(days["days"]), days["hit_rate"]) == (1, 0.75)
    assert ask(api, "spending")["saved_nano_usd"] == 2100
    assert ask(api, "forget_answer", answer=KEY) == {"answers": 1}
    assert ask(api, "forget_answer", answer=KEY) == {"answers": 0}
    assert ask(api, "forget_answers", agent="scout") == {"answers": 0}
    assert ask(api, "forget_answers")["answers"] == 2
    ask(api, "forget_answer", 400, answer="' OR true")
