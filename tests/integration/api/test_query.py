"""Queries through the API's doors."""

from __future__ import annotations

import json

import pytest

from services.cli.main import main
from shared.config.settings import Settings
from shared.store.database import Database
from tests.support.agents import store_posts
from tests.support.api import served
from tests.support.waiting import eventually


def test_a_query_is_answered_through_rest_and_the_command_line_and_needs_its_scope(
    postgres_url: str,
    valkey_url: str,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store_posts(database, ["The bridge is closed", "Trains are late"])
    with served(Settings(postgres_url=postgres_url, valkey_url=valkey_url, api_port=0)) as api:
        # then it says that there are queries before anybody asks
        eventually(lambda: ("analysis", "ok", None) in api.said)
        tables = api.http.get("/api/v1/query/tables").json()
        assert [table["name"] for table in tables["tables"]][:3] == ["posts", "reactions", "topics"]
        assert tables["off"] is None
        sql = "SELECT text, time FROM posts ORDER BY text;"
        answer = api.http.post("/api/v1/query", json={"sql": sql, "limit": 1})
        assert answer.status_code == 200, answer.text
        assert [column["kind"] for column in answer.json()["columns"]] == ["text", "time"]
        assert [row[0] for row in answer.json()["rows"]] == ["The bridge is closed"]
        assert answer.json()["more"] == "rows"
        refused = api.http.post("/api/v1/query", json={"sql": "SELECT * FROM public.access_token"})
        assert (refused.status_code, refused.json()["why"]) == (400, "permission denied for table access_token.")
        # given a token that may read posts and one that may query
        for scopes, status in ((["posts:read"], 403), (["analysis:read"], 200)):
            made = api.http.post("/api/v1/operations/create_access_token", json={"name": scopes[0], "scopes": scopes})
            headers = {"Authorization": f"Bearer {made.json()['secret']}"}
            said = api.http.post("/api/v1/query", json={"sql": "SELECT 1"}, headers=headers)
            assert said.status_code == status, said.text
        # then what it read were strangers' words
        assert api.http.get("/api/v1/whoami", headers=headers).json()["tainted"] is True
        capsys.readouterr()
        words = ["--sql", "SELECT count(*) AS posts FROM posts", "--json", "--port", str(api.port)]
        assert main(["op", "query", *words]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert json.loads(line)["rows"] == [[2]]
