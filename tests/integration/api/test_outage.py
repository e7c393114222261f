"""PostgreSQL away, or not migrated: 503 with Retry-After on every route, quickly, and then back by itself."""

from __future__ import annotations

import time

import msgspec

from services.api.operations.catalogue import OPERATIONS
from shared.config.settings import Settings
from shared.schemas.problem import Problem
from shared.store.database import Database
from shared.store.migrate import migrate
from tests.support import records
from tests.support.api import Served, served
from tests.support.engines import Postgres
from tests.support.severable import severable
from tests.support.waiting import eventually


def answers(api: Served) -> bool:
    return api.http.get("/api/v1/feeds").status_code == 200


def test_every_route_says_503_while_postgresql_is_away_and_recovers(settings: Settings, database: Database) -> None:
    records.put_feed(database)
    with (
        severable(settings.postgres_url) as (line, url),
        served(msgspec.structs.replace(settings, postgres_url=url)) as api,
    ):
        eventually(lambda: answers(api))
        line.cut()
        eventually(lambda: api.http.get("/health/ready").status_code == 503)
        began = time.monotonic()
        for operation in OPERATIONS:
            answer = api.http.request(operation.method, operation.path)
            said = msgspec.json.decode(answer.content, type=Problem)
            assert (answer.status_code, said.status, answer.headers["retry-after"]) == (503, 503, "3"), operation.path
            assert str(line.port) not in answer.text
            assert "psycopg" not in answer.text
        assert time.monotonic() - began < 5 * len(OPERATIONS)
        assert api.http.get("/health/live").status_code == 200
        line.mend()
        eventually(lambda: answers(api))


def test_a_frozen_postgresql_is_a_503_too_and_holds_nobody(settings: Settings, database: Database) -> None:
    records.put_feed(database)
    with (
        severable(settings.postgres_url) as (line, url),
        served(msgspec.structs.replace(settings, postgres_url=url)) as api,
    ):
        eventually(lambda: answers(api))
        line.freeze()
        assert [api.http.get("/api/v1/feeds", timeout=20).status_code for _ in range(3)] == [503] * 3
        eventually(lambda: api.http.get("/health/ready").status_code == 503)
        line.mend()
        eventually(lambda: answers(api))


def test_before_migration_the_api_answers_and_then_begins(postgres: Postgres, valkey_url: str) -> None:
    url = postgres.empty()
    with served(Settings(postgres_url=url, valkey_url=valkey_url, api_port=0)) as api:
        answer = eventually(lambda: migration_wanted(api))
        assert answer.do == "Run: groundswell migrate"
        database = Database(Settings(postgres_url=url), name="test", size=1)
        database.open()
        migrate(database)
        database.close()
        eventually(lambda: answers(api))


def migration_wanted(api: Served) -> Problem | None:
    answer = api.http.get("/api/v1/feeds")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    said = msgspec.json.decode(answer.content, type=Problem)
    return said if "schema" in said.what else None


def test_without_postgresql_or_valkey_from_the_start_the_process_is_up() -> None:
    nowhere = Settings(postgres_url="postgresql://x@127.0.0.1:1/x", valkey_url="redis://127.0.0.1:1/0", api_port=0)
    with served(nowhere) as api:
        assert api.http.get("/health/live").status_code == 200
        assert api.http.get("/health/ready").status_code == 503
        assert api.http.get("/").status_code == 200


def test_mcp_and_access_tokens_say_it_in_their_own_form_while_postgresql_is_away(
    settings: Settings, database: Database
) -> None:
    with (
        severable(settings.postgres_url) as (line, url),
        served(msgspec.structs.replace(settings, postgres_url=url)) as api,
    ):
        eventually(lambda: answers(api))
        made = api.http.post("/api/v1/access-tokens", json={"name": "a"}).json()["secret"]
        line.cut()
        eventually(lambda: api.http.get("/health/ready").status_code == 503)
        wire = {"Accept": "application/json, text/event-stream"}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "posts", "arguments": {}}}
        result = api.http.post("/mcp", json=call, headers=wire).json()["result"]
        assert (result["isError"], result["structuredContent"]["problem"]["status"]) == (True, 503)
        assert str(line.port) not in str(result)
        refused = api.http.post("/mcp", json=call, headers=wire | {"Authorization": f"Bearer {made}"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
        line.mend()
        eventually(lambda: not api.http.post("/mcp", json=call, headers=wire).json()["result"]["isError"])
