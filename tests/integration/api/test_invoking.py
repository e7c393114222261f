"""Tokens, approvals, the audit log and keys, over a real API and a real record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from services.api.operations import watches
from shared.contracts import access as contract
from shared.store import access
from shared.store.database import Command, Database
from tests.support import records
from tests.support.api import Served
from tests.support.waiting import eventually

NOBODY = "019a0000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def token(api: Served, name: str, kind: str = "agent", scopes: tuple[str, ...] = ("*",)) -> dict[str, str]:
    made = api.http.post("/api/v1/access-tokens", json={"name": name, "kind": kind, "scopes": list(scopes)})
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['secret']}"}


def audit(api: Served, **wanted: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.http.get("/api/v1/audit", params=wanted).json()["entries"]
    return found


def call(api: Served, name: str, arguments: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    return api.http.post(f"/api/v1/operations/{name}", json=arguments, headers=headers)


RULE = {"words": {"any": ["power"]}}


def test_an_agent_may_write_until_it_has_read_strangers_text_and_then_asks_for_the_very_call(api: Served) -> None:
    agent = token(api, "keeper")
    assert call(api, "create_watch", {"name": "before", "rule": RULE}, agent).status_code == 201
    assert api.http.get("/api/v1/whoami", headers=agent).json()["tainted"] is True  # its answer told of a watch
    wanted = {"name": "after", "rule": RULE}
    refused = call(api, "create_watch", wanted, agent)
    assert refused.status_code == 403
    (waiting,) = api.http.get("/api/v1/approvals").json()["approvals"]
    assert (waiting["actor"], waiting["operation"], waiting["state"]) == ("keeper", "create_watch", "waiting")
    assert waiting["id"] in refused.json()["do"]
    call(api, "create_watch", wanted, agent)  # asking again asks nothing new
    assert len(api.http.get("/api/v1/approvals").json()["approvals"]) == 1
    assert call(api, "approve_call", {"approval": waiting["id"]}, agent).status_code == 403
    assert api.http.post(f"/api/v1/approvals/{waiting['id']}/approve", json={}).status_code == 200
    assert call(api, "create_watch", wanted | {"name": "another"}, agent).status_code == 403
    assert call(api, "create_watch", wanted, agent).status_code == 201
    assert call(api, "create_watch", wanted, agent).status_code == 403  # a yes is for once
    assert api.http.post(f"/api/v1/approvals/{waiting['id']}/deny", json={}).status_code == 409
    names = [watch["name"] for watch in api.http.get("/api/v1/watches").json()["watches"]]
    assert sorted(names) == ["after", "before"]
    done = audit(api, actor="keeper", outcome="done")
    assert [entry["approval"] for entry in done] == [waiting["id"], None]
    assert {entry["outcome"] for entry in audit(api, actor="keeper", operation="create_watch")} == {"done", "refused"}


def test_only_who_decides_and_only_while_it_waits_reads_the_whole_address(api: Served) -> None:
    agent, script = token(api, "sender"), token(api, "onlooker", "script")
    address = "https://evil.example/collect?all=1"
    assert call(api, "create_destination", {"name": "d", "kind": "slack", "url": address}, agent).status_code == 403
    (waiting,) = api.http.get("/api/v1/approvals").json()["approvals"]
    assert address in waiting["arguments"]
    for other in (script, agent):
        assert "https://evil.example/..." in api.http.get("/api/v1/approvals", headers=other).text
        assert address not in api.http.get("/api/v1/approvals", headers=other).text
    assert address not in api.http.get("/api/v1/audit").text
    assert address not in api.http.post(f"/api/v1/approvals/{waiting['id']}/deny", json={}).text
    assert address not in api.http.get("/api/v1/approvals", params={"waiting": False}).text


def test_who_asks_for_a_yes_is_told_of_once_where_that_is_wanted(api: Served) -> None:
    address = {"kind": "slack", "url": "https://hooks.example/x"}
    wanting = api.http.post("/api/v1/destinations", json={"name": "ops", "notices": True, **address}).json()
    other = api.http.post("/api/v1/destinations", json={"name": "team", **address}).json()
    assert (wanting["notices"], other["notices"]) == (True, False)
    agent = token(api, "keeper")
    for _ in range(3):
        call(api, "remove_watch", {"watch": str(uuid4())}, agent)
    [delivery] = api.http.get("/api/v1/deliveries").json()["deliveries"]
    first = api.http.get("/api/v1/approvals").json()["approvals"][-1]
    assert (delivery["destination"], delivery["notice"]) == (wanting["id"], f"approval:{first['id']}")
    changed = api.http.patch(f"/api/v1/destinations/{other['id']}", json={"notices": True}).json()
    assert (changed["notices"], changed["name"]) == (True, "team")


def test_one_yes_is_used_once_however_many_ask_at_the_same_time(api: Served, database: Database) -> None:
    made = [api.http.post("/api/v1/watches", json={"name": f"w{n}", "rule": RULE}).json()["id"] for n in range(2)]
    agent = token(api, "hasty")
    wanted = {"watch": made[0]}
    assert call(api, "remove_watch", wanted, agent).status_code == 403
    (waiting,) = api.http.get("/api/v1/approvals").json()["approvals"]
    api.http.post(f"/api/v1/approvals/{waiting['id']}/approve", json={})
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: call(api, "remove_watch", wanted, agent).status_code, range(6)))
    assert sorted(codes) == [200, 403, 403, 403, 403, 403]
    assert call(api, "remove_watch", {"watch": made[1]}, agent).status_code == 403


def test_a_yes_holds_for_a_day_from_when_it_is_said(api: Served, database: Database) -> None:
    agent = token(api, "patient")
    assert call(api, "remove_watch", {"watch": NOBODY}, agent).status_code == 403
    database.execute(Command("UPDATE approval SET expires_at = now() + interval '1 minute'"))
    (waiting,) = api.http.get("/api/v1/approvals").json()["approvals"]
    said = api.http.post(f"/api/v1/approvals/{waiting['id']}/approve", json={}).json()
    held = datetime.fromisoformat(said["expires_at"]) - datetime.fromisoformat(said["decided_at"])
    assert held == timedelta(days=1)


def test_a_denied_or_stale_yes_is_none(api: Served, database: Database) -> None:
    agent = token(api, "cleaner")
    for end in ("deny", "expire"):
        assert call(api, "remove_watch", {"watch": NOBODY}, agent).status_code == 403
        (waiting,) = api.http.get("/api/v1/approvals").json()["approvals"]
        if end == "deny":
            api.http.post(f"/api/v1/approvals/{waiting['id']}/deny", json={})
        else:
            api.http.post(f"/api/v1/approvals/{waiting['id']}/approve", json={})
            database.execute(Command("UPDATE approval SET expires_at = now() - interval '1 second'"))
        assert call(api, "remove_watch", {"watch": NOBODY}, agent).status_code == 403
        database.execute(Command("UPDATE approval SET state = 'denied' WHERE state = 'waiting'"))
    # An agent that asks without end fills no table.
    database.execute(
        Command(
            """INSERT INTO approval (actor, operation, effect, call, arguments, reason, expires_at)
               SELECT 'cleaner', 'x', 'write', n::text::bytea, '{}', 'r', now() + interval '1 hour'
                 FROM generate_series(1, 100) AS n"""
        )
    )
    assert "Too many" in call(api, "remove_watch", {"watch": NOBODY}, agent).json()["what"]


def test_scopes_bound_every_token_through_every_address(api: Served) -> None:
    reader = token(api, "reader", "script", ("posts:read",))
    assert api.http.get("/api/v1/posts", headers=reader).status_code == 200
    for method, path in (("GET", "/api/v1/topics"), ("GET", "/api/v1/access-tokens"), ("GET", "/api/v1/audit")):
        assert api.http.request(method, path, headers=reader).status_code == 403, path
    every = token(api, "every", "script")
    assert api.http.get("/api/v1/audit", headers=every).status_code == 200
    assert api.http.post("/api/v1/access-tokens", json={"name": "child"}, headers=every).status_code == 403
    offered = {one["name"] for one in api.http.get("/api/v1/operations", headers=reader).json()["operations"]}
    assert "posts" in offered
    assert not offered & {"topics", "create_access_token"}
    assert api.http.get("/api/v1/operations/topics", headers=reader).status_code == 404


def test_a_token_that_is_revoked_over_or_invented_lets_nobody_in(api: Served, database: Database) -> None:
    agent = token(api, "gone")
    identity = api.http.get("/api/v1/access-tokens").json()["tokens"][0]["id"]
    assert api.http.get("/api/v1/posts", headers=agent).status_code == 200
    assert api.http.delete(f"/api/v1/access-tokens/{identity}").status_code == 200
    # one that lost its beginning, or a variable that was never filled in, makes nobody the operator either
    wrong = ("Bearer gsw_invented", "Bearer nope", "bearer $TOKEN", "Bearer")
    for headers in (agent, *({"Authorization": value} for value in wrong)):
        assert api.http.get("/api/v1/posts", headers=headers).status_code == 401
        assert api.http.post("/mcp", json={}, headers=headers).status_code == 401
    late = token(api, "late")
    database.execute(Command("UPDATE access_token SET expires_at = now() - interval '1 second' WHERE name = 'late'"))
    assert api.http.get("/api/v1/posts", headers=late).status_code == 401
    again = api.http.post("/api/v1/access-tokens", json={"name": "gone"})
    assert again.status_code == 409
    assert api.http.post("/api/v1/access-tokens", json={"name": "x", "scopes": ["access:write"]}).status_code == 400
    assert api.http.post("/api/v1/access-tokens", json={"name": "operator 2"}).status_code == 400


def test_the_secret_of_a_token_is_nowhere_but_in_the_answer(api: Served, database: Database) -> None:
    secret = token(api, "hidden")["Authorization"].split()[1]
    assert secret not in api.http.get("/api/v1/access-tokens").text + api.http.get("/api/v1/audit").text


def test_agents_do_not_read_the_live_stream_where_nothing_would_taint_them(api: Served) -> None:
    for headers in (token(api, "a"), token(api, "s", "script", ("topics:read",))):
        with pytest.raises((InvalidStatus, ConnectionClosed)), connect(api.live, additional_headers=headers) as live:
            live.recv(timeout=5)
    with connect(api.live, additional_headers=token(api, "r", "script", ("posts:read",))) as live:
        assert "hello" in str(live.recv(timeout=5))


def test_reading_posts_taints_an_agent_before_the_answer_and_no_script(api: Served, database: Database) -> None:
    records.put_feed(database)
    agent, script = token(api, "agent"), token(api, "script", "script")
    for headers in (agent, script):
        assert api.http.get("/api/v1/feed-kinds", headers=headers).status_code == 200
        assert api.http.get("/api/v1/whoami", headers=headers).json()["tainted"] is False
        assert api.http.get("/api/v1/posts", headers=headers).status_code == 200
    assert api.http.get("/api/v1/whoami", headers=agent).json()["tainted"] is True
    assert api.http.get("/api/v1/whoami", headers=script).json()["tainted"] is False
    by = {one["name"]: one["tainted_by"] for one in api.http.get("/api/v1/access-tokens").json()["tokens"]}
    assert by == {"agent": "posts", "script": None}


def test_reads_leave_no_row_and_every_effect_leaves_one_that_says_how_it_ended(api: Served) -> None:
    api.http.get("/api/v1/posts")
    assert audit(api) == []
    api.http.post("/api/v1/watches", json={"name": "w", "rule": RULE}, headers={"X-Groundswell-Door": "cli"})
    api.http.delete(f"/api/v1/watches/{NOBODY}")
    api.http.post("/api/v1/watches", json={"name": ""})  # refused before it could do anything
    failed, done = audit(api)
    assert (done["operation"], done["outcome"], done["door"], done["actor"]) == (
        "create_watch",
        "done",
        "cli",
        "operator",
    )
    assert (failed["operation"], failed["outcome"]) == ("remove_watch", "failed")
    assert failed["detail"] == "There is no such watch."
    first = api.http.get("/api/v1/audit", params={"limit": 1}).json()
    rest = api.http.get("/api/v1/audit", params={"limit": 1, "before": first["next"]}).json()
    assert [first["entries"][0]["id"], rest["entries"][0]["id"]] == [failed["id"], done["id"]]
    assert rest["next"] is None


def test_a_key_makes_one_call_of_many_tries(api: Served, database: Database) -> None:
    key = {"Idempotency-Key": "run-1-step-2"}
    new = {"name": "once", "rule": RULE}
    first = call(api, "create_watch", new, key)
    again = call(api, "create_watch", new, key)
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert len(api.http.get("/api/v1/watches").json()["watches"]) == 1
    assert call(api, "create_watch", new | {"name": "other"}, key).status_code == 409
    # What was tried and never ended is done again only where twice is as good as once.
    database.execute(Command("UPDATE audit SET outcome = 'begun', answer = NULL"))
    unknown = call(api, "create_watch", new, key)
    assert (unknown.status_code, "not known" in unknown.json()["what"]) == (409, True)
    wake = {"watch": first.json()["id"]}
    assert call(api, "wake_watch", wake, {"Idempotency-Key": "run-1-step-3"}).status_code == 200
    database.execute(Command("UPDATE audit SET outcome = 'begun', answer = NULL"))
    assert call(api, "wake_watch", wake, {"Idempotency-Key": "run-1-step-3"}).status_code == 200
    assert call(api, "wake_watch", wake, {"Idempotency-Key": "short"}).status_code == 400


def test_any_operation_is_called_by_its_name_and_described(api: Served) -> None:
    found = api.http.get("/api/v1/operations", params={"q": "which feeds lost posts, gaps"}).json()
    assert "feed_gaps" in [one["name"] for one in found["operations"][:3]]
    told = api.http.get("/api/v1/operations/create_feed").json()
    assert (told["effect"], told["approval"], told["input"]["type"]) == ("external", False, "object")
    assert api.http.post("/api/v1/operations/posts", json={"limit": 1}).json() == {"posts": [], "next": None}
    assert api.http.post("/api/v1/operations/posts", json={"limit": "1"}).status_code == 400
    assert api.http.post("/api/v1/operations/nothing", json={}).status_code == 404


def test_what_ends_in_a_way_nobody_foresaw_stays_open_in_the_log(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(watches, "check_rule", broken)
    assert api.http.post("/api/v1/watches", json={"name": "w", "rule": RULE}).status_code == 500
    (entry,) = audit(api)
    assert (entry["outcome"], entry["ended_at"]) == ("begun", None)
    assert [one["id"] for one in audit(api, outcome="begun")] == [entry["id"]]


def test_what_one_token_of_a_run_has_read_taints_all_of_its_run(api: Served, database: Database) -> None:
    """A worker gives each stage of an agent's run a token of its own, straight into the record."""
    run, secrets = uuid4(), {name: contract.make() for name in ("stage 1", "stage 2", "another run")}
    for name, secret in secrets.items():
        row = {"name": name, "kind": "agent", "scopes": ["posts:read", "watches:write"], "seconds": 600}
        of = run if name.startswith("stage") else uuid4()
        database.fetch(access.CREATE, row | {"digest": contract.digest(secret), "run": of})
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, secret in secrets.items()}
    assert api.http.get("/api/v1/posts", headers=headers["stage 1"]).status_code == 200
    tainted = {name: api.http.get("/api/v1/whoami", headers=one).json()["tainted"] for name, one in headers.items()}
    assert tainted == {"stage 1": True, "stage 2": True, "another run": False}
    assert call(api, "create_watch", {"name": "w", "rule": RULE}, headers["stage 2"]).status_code == 403
