"""``groundswell watch`` over a scripted client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.cli import watch
from services.cli.main import main
from shared.schemas.watch import Watch, WatchList, WatchRule, Words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Client:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    asked: list[Any] = []

    def get(self, path: str, kind: Any) -> Any:
        self.asked.append(path)
        return WatchList(watches=[saved("te\x1b[31ma")])

    def post(self, path: str, body: dict[str, Any], kind: Any) -> Any:
        self.asked.append((path, msgspec.to_builtins(body)))
        return saved(body["name"])


def saved(name: str) -> Watch:
    return Watch(
        id="1",
        name=name,
        rule=WatchRule(words=Words(any=["tea"])),
        destinations=[],
        status="watching",
        paused=False,
        snoozed_until=None,
        degraded=None,
        armed_at=NOW,
        evaluated_to=NOW,
        open_since=None,
        alerts=2,
        last_alert_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


def test_watches_are_listed_and_saved(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(watch, "ApiClient", Client)
    assert main(["watch", "list"]) == 0
    assert capsys.readouterr().out == "1 [watching] te [31ma: 2 alerts, last 2026-01-01 00:00\n"
    assert main(["watch", "add", "Tea", "tea", "茶", "--posts", "5", "--authors", "3"]) == 0
    path, body = Client.asked[-1]
    assert path == "/api/v1/watches"
    assert body["rule"]["words"]["any"] == ["tea", "茶"]
    assert (body["rule"]["threshold"]["posts"], body["rule"]["threshold"]["authors"]) == (5, 3)


@pytest.mark.parametrize("given", ["nan", "inf"])
def test_what_is_no_number_is_not_taken_for_any(capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert main(["watch", "add", "Tea", "tea", "--times-usual", given]) == 2
    assert f"--times-usual {given}" in capsys.readouterr().err


def test_bytes_that_are_no_text_are_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "add", "Tea", "\udcff"]) == 2
    assert "not UTF-8" in capsys.readouterr().err
