"""``groundswell feed`` against a real API."""

from __future__ import annotations

import pytest

from services.cli.main import main
from shared.store.database import Database
from tests.support import records
from tests.support.api import Served
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def test_feeds_are_managed_from_the_terminal(
    api: Served, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def feed(*words: str) -> tuple[int, str]:
        code = main(["feed", "--port", str(api.port), *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    # the API under test logs to the same terminal
    assert "There is no feed." in feed("list")[1]
    code, said = feed("add", "more", "--url", "wss://feed.example/", "--option", "version=2")
    assert code == 0
    assert "more: starting (jetstream, 0 posts" in said
    assert api.http.get("/api/v1/feeds/more").json()["options"] == {"version": 2}
    assert "more: paused" in feed("pause", "more")[1]
    assert "more: starting" in feed("resume", "more")[1]
    assert "No connection was lost." in feed("drops", "more")[1]
    # mistakes are said in words, with an exit code
    for words, wrong in [
        (("add", "more", "--url", "wss://feed.example"), "already"),
        (("add", "other", "--url", "https://feed.example"), "wss://"),
        (("add", "other", "--url", "wss://feed.example", "--option", "colour=red"), "`colour`"),
        (("add", "other", "--url", "wss://feed.example", "--option", "colour"), "NAME=VALUE"),
        (("pause", "none"), "no such feed"),
    ]:
        code, said = feed(*words)
        assert code != 0
        assert wrong in said
    records.put_post(database, "p1", feed="more")
    assert "posts=delete" in feed("remove", "more")[1]
    assert "more: removing" in feed("remove", "more", "--posts", "delete")[1]
