"""No route answers without its scope: every route of the running application, with no credentials and with each role.

The routes come from the application's own table, so that a new one fails here until its place is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from services.api.auth.roles import SCOPES
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.policy import ANYONE
from services.api.operations.registry import TOOLSETS, WITHOUT_BODY
from shared.config.settings import Settings
from shared.contracts.access import digest
from shared.store import access, people
from shared.store.database import Database
from tests.integration.api.test_security import all_routes
from tests.support.api import Served, served
from tests.support.engines import Postgres
from tests.support.waiting import eventually

TOKEN = "correct horse battery staple"
Route = tuple[str, str]
#: Open to whoever reaches the port, and why.
PUBLIC: dict[Route, str] = {
    ("GET", "/health/live"): "process managers; says a state",
    ("GET", "/health/ready"): "process managers; says a state",
    ("POST", "/api/v1/session"): "asks for the token itself",
    ("DELETE", "/api/v1/session"): "takes a cookie away",
    ("GET", "/api/v1/session/ticket"): "asks for a ticket",
    ("GET", "/api/v1/sign-in"): "says how to sign in",
    ("GET", "/api/v1/sign-in/leave"): "begins to",
    ("GET", "/api/v1/sign-in/back"): "ends it",
    ("GET", "/"): "the dashboard's files, which hold nothing",
    ("HEAD", "/"): "the same",
    ("GET", "/{path}"): "the same",
    ("HEAD", "/{path}"): "the same",
}
#: Not operations: the scope they want. ``anyone`` is whoever came in; ``None``: that of what is called through it.
OTHERS: dict[Route, str | None] = {
    ("GET", "/api/v1/openapi.json"): ANYONE,
    ("GET", "/api/v1/live-message"): ANYONE,
    ("GET", "/api/v1/runs/{run}/stream"): "runs:read",
    ("WEBSOCKET", "/api/v1/live"): "posts:read",
    ("POST", "/api/v1/operations/{operation}"): None,
    **{("ASGI", f"/mcp{end}"): None for end in ("", "/core", "/all", *(f"/{name}" for name in TOOLSETS))},
}
BY_ROUTE = {(operation.method, operation.path): operation for operation in OPERATIONS}
UUID = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def settings(postgres: Postgres, _valkey: str) -> Iterator[Settings]:
    with postgres.fresh() as url:
        yield Settings(postgres_url=url, valkey_url=_valkey, api_port=0, api_token=TOKEN)


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Served]:
    with served(settings) as api:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        yield api


@pytest.fixture(scope="module")
def callers(settings: Settings, guarded: Served) -> dict[str, tuple[dict[str, str], frozenset[str]]]:
    """What each sends, and the scopes that it has: a person of each role, and a token with one scope."""
    database = Database(settings, name="test", size=1)
    database.open()
    made: dict[str, tuple[dict[str, str], frozenset[str]]] = {}
    for role, scopes in SCOPES.items():
        who = {"issuer": "https://id.example", "subject": role, "name": f"person:{role}", "email": None, "role": role}
        person = database.fetch_one(people.KNOW, who)
        assert person is not None
        row = {"person": person.id, "owner": None, "digest": digest(f"session of {role}"), "seconds": 600}
        database.fetch_one(people.BEGIN, row)
        made[role] = ({"Cookie": f"groundswell_session=session of {role}"}, scopes)
    token = {"name": "narrow", "kind": "script", "scopes": ["health:read"], "run": None, "seconds": 600}
    database.fetch_one(access.CREATE, token | {"digest": digest("gsw_narrow")})
    made["narrow token"] = ({"Authorization": "Bearer gsw_narrow"}, frozenset({"health:read"}))
    database.close()
    return made


def routes(settings: Settings) -> set[Route]:
    found = {
        (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", path))
        for method, path in all_routes(settings)
        if method != "OPTIONS"
    }
    return {("ASGI", path) if path.startswith("/mcp") else (method, path) for method, path in found}


def ask(api: Served, route: Route, headers: dict[str, str]) -> int:
    """The status, of a call that says something no operation takes: whoever may call it is told so (400)."""
    method, path = route
    address = re.sub(r"\{(\w+)\}", lambda field: "nothing" if field[1] == "operation" else UUID, path)
    if method == "WEBSOCKET":
        return _status_of_socket(api, address, headers)
    method = "POST" if method == "ASGI" else method
    wrong: dict[str, Any] = {"no_such_field": 1}
    given: dict[str, Any] = {"params": wrong} if method in WITHOUT_BODY or method == "HEAD" else {"json": wrong}
    return api.http.request(method, address, headers=headers, **given).status_code


def _status_of_socket(api: Served, address: str, headers: dict[str, str]) -> int:
    try:
        with connect(f"ws://127.0.0.1:{api.port}{address}", additional_headers=headers, proxy=None) as socket:
            socket.recv(timeout=20)
            return 200
    except InvalidStatus as refused:  # before it was opened
        return refused.response.status_code


def test_every_route_has_its_place(settings: Settings) -> None:
    assert routes(settings) == {*PUBLIC, *OTHERS, *BY_ROUTE}


def test_nothing_answers_whoever_brings_nothing(settings: Settings, guarded: Served) -> None:
    wrong = ({}, {"Authorization": "Bearer gsw_unknown"}, {"Cookie": "groundswell_session=unknown"})
    for number, route in enumerate(sorted(routes(settings) - PUBLIC.keys())):
        refused = 403 if route[0] == "WEBSOCKET" else 401  # before it is opened, a socket can say nothing else
        assert ask(guarded, route, {}) == refused, route
        assert ask(guarded, route, wrong[number % 3]) == refused, route


def test_a_public_route_tells_nothing_of_what_is_stored(guarded: Served) -> None:
    for method, path in PUBLIC:
        answer = guarded.http.request(method, path.replace("{path}", "x"), json={} if method == "POST" else None)
        assert answer.status_code in (200, 204, 303, 400, 404), (method, path)
        assert len(answer.content) < 1000


@pytest.mark.parametrize("caller", [*SCOPES, "narrow token"])
def test_each_caller_gets_what_their_scopes_open_and_nothing_else(
    guarded: Served, callers: dict[str, tuple[dict[str, str], frozenset[str]]], caller: str
) -> None:
    headers, scopes = callers[caller]
    wrong = {}
    for route, wanted in {**{route: one.scope for route, one in BY_ROUTE.items()}, **OTHERS}.items():
        if wanted is None or (caller == "narrow token" and route in BY_ROUTE and wanted != "health:read"):
            continue  # a token's scopes are a person's: all operations are asked by name below
        status = ask(guarded, route, headers)
        may = wanted == ANYONE or "*" in scopes or wanted in scopes
        if (status == 403) is may or status in (401, 500):
            wrong[route] = status
    assert wrong == {}


@pytest.mark.parametrize("caller", ["viewer", "narrow token"])
def test_by_name_and_behind_mcp_the_same_scopes_count(
    guarded: Served, callers: dict[str, tuple[dict[str, str], frozenset[str]]], caller: str
) -> None:
    headers, scopes = callers[caller]
    for operation in OPERATIONS:
        address = f"/api/v1/operations/{operation.name}"
        answer = guarded.http.post(address, headers=headers, json={"no_such_field": 1})
        may = operation.scope == ANYONE or "*" in scopes or operation.scope in scopes
        assert (answer.status_code == 403) is not may, operation.name
        assert answer.status_code in (400, 403), operation.name
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    listed = guarded.http.post("/mcp/all", headers={**headers, **accept}, json=asked).json()
    offered = {tool["name"] for tool in listed["result"]["tools"]}
    by_name = {operation.name: operation.scope for operation in OPERATIONS}
    beyond = {
        name
        for name in offered & by_name.keys()
        if by_name[name] != ANYONE and "*" not in scopes and by_name[name] not in scopes
    }
    assert offered & by_name.keys()
    assert beyond == set()


def test_what_reads_asks_for_reading_and_what_changes_for_writing() -> None:
    for operation in OPERATIONS:
        assert operation.scope == ANYONE or re.fullmatch(r"[a-z]+:(read|write)", operation.scope), operation.name
        if operation.effect != "read":
            assert operation.scope.endswith(":write"), operation.name
            assert operation.method != "GET", operation.name  # a link, an image or a prefetch never changes anything
