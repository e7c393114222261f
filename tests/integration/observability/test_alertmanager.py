"""What a person is told of an alert, through a real Alertmanager, by Slack's webhook and by another."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.solo.folder import free_port
from tests.support.waiting import until
from tests.support.webhook import webhook_server

SCRIPT = Path(__file__).resolve().parents[3] / "infra" / "observability" / "alertmanager.sh"
BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Alertmanager (Debian's package prometheus-alertmanager)")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Starts one with these addresses; its own address."""
    processes = []

    def start(**addresses: str) -> str:
        port = free_port()
        environment = {
            **os.environ,
            **addresses,
            "ALERTMANAGER": str(BINARY),
            "ALERTMANAGER_FOLDER": str(tmp_path),
            "ALERTMANAGER_STORAGE": str(tmp_path / "kept"),
            "ALERT_GROUP_WAIT": "0s",
        }
        options = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        with (tmp_path / "log").open("w") as log:
            processes.append(subprocess.Popen(["sh", str(SCRIPT), *options], env=environment, stderr=log))
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
            except httpx.HTTPError:
                assert processes[-1].poll() is None, (tmp_path / "log").read_text()
                return False

        until(ready, 30)
        return url

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


def raise_alert(url: str, begun: datetime) -> None:
    """As Prometheus does."""
    alert = {
        "labels": {
            "alertname": "FeedSilent",
            "severity": "page",
            "feed": "sky",
            "runbook": "https://docs.example/runbook",
        },
        "annotations": {"summary": "The feed sky has sent nothing.", "cause": "Its server is away."},
        "startsAt": begun.isoformat(),
    }
    httpx.post(f"{url}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()


def test_slack_is_told_what_broke_since_when_why_and_where_to_read_on(started: Any, tmp_path: Path) -> None:
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    with webhook_server() as slack:
        raise_alert(started(ALERT_SLACK_URL=slack.url), begun)
        until(lambda: slack.got, 30, "Slack was told")
        (attachment,) = slack.got[0]["attachments"]
    assert attachment["title"] == "Broken: FeedSilent"
    assert attachment["text"].splitlines() == [
        "The feed sky has sent nothing.",
        f"Since {begun:%Y-%m-%d %H:%M} UTC.",
        "Most likely: Its server is away.",
        "What to do: https://docs.example/runbook#feedsilent",
    ]
    assert "SECRET" not in (tmp_path / "log").read_text()
    assert (tmp_path / "slack-url").stat().st_mode & 0o077 == 0


def test_another_service_gets_it_as_json(started: Any) -> None:
    with webhook_server() as other:
        raise_alert(started(ALERT_WEBHOOK_URL=other.url), datetime.now(UTC))
        until(lambda: other.got, 30, "it was told")
        told = other.got[0]
    assert told["alerts"][0]["annotations"]["cause"] == "Its server is away."


def test_without_an_address_it_runs_and_tells_nobody(started: Any, tmp_path: Path) -> None:
    url = started()
    raise_alert(url, datetime.now(UTC))
    until(lambda: httpx.get(f"{url}/api/v2/alerts", trust_env=False).json(), 10, "it is shown")
    assert "error" not in (tmp_path / "log").read_text().lower()
