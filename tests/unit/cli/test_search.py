"""What the terminal asks of the API, and how it shows the answer."""

from __future__ import annotations

import argparse
import urllib.parse
from datetime import UTC, datetime

import pytest

from services.cli import search
from shared.schemas.post import Post
from shared.schemas.search import SearchHit, SearchResult

POST = Post(
    id="p",
    feed="sky",
    uri="at://p",
    url=None,
    author="did:plc:a",
    time=datetime(2026, 5, 1, 12, tzinfo=UTC),
    text="lights out\x1b[31m",
)
ANSWER = SearchResult(
    query="power cut",
    mode="text only",
    reason="The model is away.",
    hits=[SearchHit(post=POST, score=1.0, matched=["words"], alike=3)],
    next="abc",
    took_ms=3.0,
    indexed=0,
    pending=7,
)


def test_options_reach_the_api_and_hostile_text_not_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    class Client:
        def __init__(self, settings: object) -> None:
            pass

        def get(self, path: str, kind: object) -> SearchResult:
            asked.append(path)
            return ANSWER

    monkeypatch.setattr(search, "ApiClient", Client)
    parser = argparse.ArgumentParser()
    search.arguments(parser)
    given = ["power", "cut", "--language", "pt", "--linked", "--newest", "--author", "did:plc:a", "--cursor", "xyz"]
    assert search.run(parser.parse_args(given)) == 0
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked[0]).query))
    assert query == {
        "q": "power cut", "language": "pt", "linked": "true", "sort": "time", "author": "did:plc:a",
        "cursor": "xyz", "limit": "10",
    }  # fmt: skip
    shown = capsys.readouterr().out
    assert "lights out" in shown
    assert "(and 3 alike)" in shown
    assert "\x1b" not in shown
    assert "--cursor abc" in shown
