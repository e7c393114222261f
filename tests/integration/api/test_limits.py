"""Too much and too often: bodies without end, calls without end, and pages of other sites."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from services.api.app import BODY_BYTES_MOST
from shared.config.settings import Settings
from tests.support.api import Served, served
from tests.support.engines import Postgres
from tests.support.waiting import eventually

TOKEN = "correct horse battery staple"
OWNER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def guarded(postgres: Postgres, _valkey: str) -> Iterator[Served]:
    with postgres.fresh() as url:
        settings = Settings(
            postgres_url=url, valkey_url=_valkey, api_port=0, api_token=TOKEN, api_requests_per_minute=150
        )
        with served(settings) as api:
            eventually(lambda: api.http.get("/health/ready").status_code == 200)
            yield api


def endless() -> Iterator[bytes]:
    """A body without a length, sent in chunks."""
    yield b'{"text":"'
    for _ in range(BODY_BYTES_MOST // 4_096 + 2):
        yield b"x" * 4_096
    yield b'"}'


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/operations/create_run", "/api/v1/session", "/mcp"])
def test_a_body_that_is_too_long_is_refused_with_a_length_and_without(guarded: Served, path: str) -> None:
    headers = OWNER | {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    contents: list[bytes | Iterator[bytes]] = [b"x" * (BODY_BYTES_MOST + 1), endless()]
    for content in contents[path == "/api/v1/session" :]:  # where one try a minute is granted here
        with httpx.Client(base_url=guarded.url, timeout=20) as client:
            assert client.post(path, content=content, headers=headers).status_code == 413


def test_who_calls_too_often_is_told_when_to_come_back_and_others_go_on(guarded: Served) -> None:
    token = guarded.http.post("/api/v1/access-tokens", headers=OWNER, json={"name": "busy", "kind": "script"}).json()
    busy = {"Authorization": f"Bearer {token['secret']}"}
    heavy = [guarded.http.post("/api/v1/query", headers=busy, json={"sql": "SELECT 1"}) for _ in range(12)]
    refused = heavy[-1]
    assert (refused.status_code, refused.json()["status"]) == (429, 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert heavy[0].status_code != 429
    assert guarded.http.get("/api/v1/whoami", headers=busy).status_code == 200
    # Far faster than it is refilled, on any machine.
    assert 429 in {guarded.http.get("/api/v1/whoami", headers=busy).status_code for _ in range(200)}
    assert guarded.http.get("/api/v1/whoami", headers=OWNER).status_code == 200
    assert guarded.http.get("/health/live").status_code == 200


def test_guessing_the_token_is_slow(guarded: Served) -> None:
    statuses = [guarded.http.post("/api/v1/session", json={"token": str(number)}).status_code for number in range(30)]
    assert set(statuses) <= {401, 429}
    assert statuses[-1] == 429
    assert guarded.http.post("/api/v1/session", json={"token": TOKEN}).status_code == 429
    assert guarded.http.get("/api/v1/whoami", headers=OWNER).status_code == 200


FOREIGN = ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_page_of_another_site_gets_no_word_and_changes_nothing(guarded: Served, foreign: dict[str, str]) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for answer in (
        guarded.http.options("/api/v1/runs", headers=foreign | asks),
        guarded.http.get("/api/v1/whoami", headers=foreign),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    for method in ("POST", "PATCH", "DELETE", "PUT"):
        assert guarded.http.request(method, "/api/v1/session", headers=OWNER | foreign).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        connect(guarded.live, additional_headers=OWNER | foreign, proxy=None)
    assert refused.value.response.status_code == 403
