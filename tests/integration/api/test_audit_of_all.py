"""Every operation with an effect, really called: one row each, which says who, what, whence and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from services.api.operations.catalogue import OPERATIONS
from services.api.operations.registry import Operation
from shared.config.settings import Settings
from tests.support.api import Served, served
from tests.support.engines import Postgres
from tests.support.waiting import eventually

EFFECTS = [operation for operation in OPERATIONS if operation.effect != "read"]
NOBODY = "019a0000-0000-7000-8000-000000000000"
#: What an operation needs that no type tells.
GIVEN: dict[str, dict[str, Any]] = {
    "create_feed": {"id": "audited", "kind": "jetstream", "url": "wss://feed.example/subscribe"},
    "create_watch": {"rule": {"words": {"any": ["power"]}}},
    "create_destination": {"kind": "slack", "url": "https://hooks.example/services/planted-secret"},
    "ask_agent": {"question": "What is said of power?"},
    "forget_answer": {"answer": "ab" * 32},
    "create_schedule": {"at": "06:00"},
}
TOKEN = "correct horse battery staple"


@pytest.fixture(scope="module")
def guarded(postgres: Postgres, _valkey: str) -> Iterator[Served]:
    settings = Settings(valkey_url=_valkey, api_port=0, api_token=TOKEN)
    with postgres.fresh() as url, served(msgspec.structs.replace(settings, postgres_url=url)) as api:
        api.http.headers["Authorization"] = f"Bearer {TOKEN}"
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        yield api


def plain(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Input that fits: ids of nothing, short texts."""
    needed = {field.encode_name: field.type for field in msgspec.structs.fields(operation.input) if field.required}
    made: dict[str, Any] = {}
    for name, kind in needed.items():
        made[name] = NOBODY if kind is UUID else True if kind is bool else "a"
    return made | GIVEN.get(operation.name, {})


def rows(api: Served, **wanted: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.http.get("/api/v1/audit", params=wanted).json()["entries"]
    return found


@pytest.mark.parametrize("operation", EFFECTS, ids=[operation.name for operation in EFFECTS])
def test_each_effect_leaves_one_row(guarded: Served, operation: Operation[Any, Any]) -> None:
    request = f"audited-{operation.name}".replace("_", "-")
    address = f"/api/v1/operations/{operation.name}"
    answer = guarded.http.post(address, json=plain(operation), headers={"X-Request-Id": request})
    assert answer.status_code in (200, 201, 202, 204, 400, 404, 409), answer.text
    (row,) = rows(guarded, request=request)
    told = {name: row[name] for name in ("actor", "kind", "door", "operation", "effect", "request")}
    assert told == {
        "actor": "operator",
        "kind": "operator",
        "door": "rest",
        "operation": operation.name,
        "effect": operation.effect,
        "request": request,
    }
    assert row["outcome"] == ("done" if answer.is_success else "failed")
    assert row["ended_at"]
    assert "planted-secret" not in row["arguments"]


def test_a_reading_leaves_none(guarded: Served) -> None:
    guarded.http.get("/api/v1/feeds", headers={"X-Request-Id": "a-mere-reading"})
    assert rows(guarded, request="a-mere-reading") == []


def test_signing_in_and_out_leave_theirs(guarded: Served) -> None:
    with httpx.Client(base_url=guarded.url) as browser:
        browser.post("/api/v1/session", json={"token": TOKEN}, headers={"X-Request-Id": "signed-in"})
        browser.delete("/api/v1/session", headers={"X-Request-Id": "signed-out"})
    assert [(row["operation"], row["actor"]) for row in rows(guarded, request="signed-in")] == [("sign_in", "operator")]
    assert [(row["operation"], row["actor"]) for row in rows(guarded, request="signed-out")] == [
        ("sign_out", "operator")
    ]


def test_rows_are_found_by_door_and_time(guarded: Served) -> None:
    newest = rows(guarded, limit="1")[0]
    assert rows(guarded, until=newest["at"], limit="200")[0]["id"] != newest["id"]
    assert newest["id"] in {row["id"] for row in rows(guarded, since=newest["at"])}
    assert rows(guarded, door="mcp") == []
    assert rows(guarded, door="rest")
