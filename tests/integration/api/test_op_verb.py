"""``groundswell op``: the operations as verbs, against a real API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.api.operations.catalogue import OPERATIONS
from services.cli.main import main
from shared.store.database import Database
from tests.support import records
from tests.support.api import Served
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def test_any_operation_is_a_verb_with_the_apis_checks_and_errors(
    api: Served, database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def op(*words: str) -> tuple[int, str]:
        code = main(["op", *words, "--port", str(api.port)])
        said = capsys.readouterr()
        return code, said.out + said.err

    records.put_feed(database)
    records.put_post(database, "evil", text="one \x1b[31m two")
    code, said = op("posts", "--limit", "5")
    assert code == 0
    assert "one  [31m two" in said  # nothing that drives a terminal
    assert json.loads(op("posts", "--json")[1].splitlines()[-1])["posts"][0]["feed"] == "bluesky"
    code, said = op("create-watch", "--name", "w", "--rule", '{"words": {"any": ["power"]}}')
    assert (code, "name: w" in said) == (0, True)
    entry = api.http.get("/api/v1/audit").json()["entries"][0]
    assert (entry["door"], entry["operation"]) == ("cli", "create_watch")
    assert op("create_watch", "--input", '{"name": "v", "rule": {"words": {"any": ["x"]}}}')[0] == 0
    file = tmp_path / "posts.jsonl"
    assert op("export_posts", "--out", str(file))[0] == 0
    assert json.loads(file.read_text())["feed"] == "bluesky"
    for words, wrong in (
        (("posts", "--limit", "many"), "--limit"),
        (("posts", "--limit", "0"), "--limit"),
        (("create_watch", "--name", "w"), "rule"),
        (("create_access_token", "--name", "t", "--scopes", "[]"), "--scopes: Expected `array` of length >= 1."),
        (("create_access_token", "--name", "t", "--scopes", "posts:read"), "--scopes: Expected `array`, got `str`."),
        (("model_calls", "--state", "paid"), "It is one of: dispatched, released, reserved, settled."),
        (("model_calls", "--input", '{"state": "paid"}'), "It is one of: dispatched, released, reserved, settled."),
        (("posts", "--input", "[]"), "--input"),
        (("topic", "--topic", "none"), "no such topic"),
        (("postz",), "Did you mean post"),
    ):
        code, said = op(*words)
        assert (code, wrong in said) == (2, True), (words, said)


def test_what_there_is_is_told_without_any_platform(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["op", "list"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ": " in line and "[" not in line]
    assert len(lines) == len(OPERATIONS)
    assert main(["op", "list", "gaps", "--toolset", "feeds"]) == 0
    assert "acknowledge_gaps" in capsys.readouterr().out
    assert main(["op", "describe", "create_feed"]) == 0
    assert "backfill_minutes" in capsys.readouterr().out
    assert main(["op", "posts", "--port", "9"]) == 69
    for one in OPERATIONS:
        with pytest.raises(SystemExit) as ended:
            main(["op", one.name, "--help"])
        assert ended.value.code == 0
