"""Who may come in: every route is closed unless listed here, and foreign sites stay out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from services.api import openapi
from services.api.app import Parts, build_router
from services.api.broadcast.hub import Hub
from services.api.operations.context import Services
from services.api.readiness import Readiness
from shared.config.settings import Settings
from shared.store.database import AsyncDatabase
from tests.support.api import Served, served
from tests.support.waiting import eventually

TOKEN = "correct horse battery staple"


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    return Settings(
        postgres_url=postgres_url,
        valkey_url=valkey_url,
        api_port=0,
        api_token=TOKEN,
        public_url="https://groundswell.example:8443",
        frontend_dir=str(tmp_path / "dist"),
    )


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Served]:
    with served(settings) as api:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        yield api


def all_routes(settings: Settings) -> set[tuple[str, str]]:
    database = AsyncDatabase(settings, name="never opened", size=1)
    nothing: Any = None
    services = Services(
        settings=settings, database=database, search=nothing, vectors_stored=nothing, backtest=nothing, analysis=nothing
    )
    router: Litestar = build_router(Parts(services=services, readiness=Readiness(database), hub=Hub()))
    return {
        (method, route.path_format if hasattr(route, "path_format") else route.path)
        for route in router.routes
        for method in (getattr(route, "methods", None) or ["WEBSOCKET"])
    }


def test_the_token_comes_by_header_or_by_a_cookie_that_does_not_hold_it(guarded: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.http.get("/api/v1/feeds", headers=bearer).status_code == 200
    assert guarded.http.get("/api/v1/feeds", headers={"Authorization": "Bearer no"}).status_code == 401
    assert guarded.http.get("/api/v1/feeds").headers["www-authenticate"] == "Bearer"
    signed_in = guarded.http.post("/api/v1/session", json={"token": TOKEN})
    cookie = signed_in.headers["set-cookie"]
    assert TOKEN not in cookie
    assert all(mark in cookie.lower() for mark in ("httponly", "samesite=lax", "secure", "path=/"))
    value = cookie.partition(";")[0]
    assert value.startswith("__Host-")
    assert guarded.http.get("/api/v1/feeds", headers={"Cookie": value}).status_code == 200
    assert guarded.http.get("/api/v1/feeds", headers={"Cookie": value[:-1] + "x"}).status_code == 401
    out = guarded.http.delete("/api/v1/session", headers={"Cookie": value})
    assert (out.status_code, "max-age=0" in out.headers["set-cookie"].lower()) == (204, True)
    assert guarded.http.get("/api/v1/feeds", headers={"Cookie": value}).status_code == 401  # also for who kept it


def test_a_wrong_or_malformed_sign_in_is_refused(guarded: Served) -> None:
    assert guarded.http.post("/api/v1/session", json={"token": "no"}).status_code == 401
    for body in (b"", b"{", b'{"token": 5}', b'{"token": "x", "more": 1}', b'{"token": "\xff"}'):
        assert guarded.http.post("/api/v1/session", content=body).status_code == 400


HOSTS = (
    ("localhost:8420", True),
    ("127.0.0.1", True),
    ("[::1]:8420", True),
    ("LOCALHOST", True),
    ("groundswell.example", True),
    ("evil.example", False),
    ("localhost.evil.example", False),
    ("127.0.0.1@evil.example", False),
    ("evil.example#localhost", False),
    ("", False),
    ("localhost:notaport", False),
)


def test_only_our_own_names_are_answered(guarded: Served) -> None:
    for host, welcome in HOSTS:
        answer = guarded.http.get("/", headers={"Host": host})
        assert (answer.status_code == 200) is welcome, host
    assert guarded.http.get("/health/live", headers={"Host": "probe.internal"}).status_code == 200


def test_another_sites_page_cannot_change_anything(guarded: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    refused = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"http://127.0.0.1:{guarded.port}@evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    for headers in refused:
        answer = guarded.http.post("/api/v1/runs", json={"topic": "t"}, headers=bearer | headers)
        assert answer.status_code == 403, headers
    for origin in (guarded.url, "https://groundswell.example:8443"):
        answer = guarded.http.post("/api/v1/runs", json={"topic": "t"}, headers=bearer | {"Origin": origin})
        assert answer.status_code == 404, origin


def test_every_answer_carries_the_security_headers_and_a_request_id(guarded: Served) -> None:
    for address in ("/", "/api/v1/feeds", "/health/live", "/api/v1/nothing"):
        headers = guarded.http.get(address).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'self'", "'self'", "'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers
    given = guarded.http.get("/", headers={"X-Request-Id": "abcdef123456"}).headers["x-request-id"]
    assert given == "abcdef123456"
    assert "\n" not in guarded.http.get("/", headers={"X-Request-Id": 'a" onload='}).headers["x-request-id"]


def test_the_dashboard_is_served_with_its_page_for_every_address(guarded: Served, settings: Settings) -> None:
    absent = guarded.http.get("/")
    assert "without its dashboard" in absent.text
    dist = Path(settings.frontend_dir)
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><p>page</p>")
    (dist / "assets" / "app-1.js").write_text("1")
    (dist.parent / "secret.txt").write_text("secret")
    for address in ("/", "/topics/anything", "/index.html"):
        page = guarded.http.get(address)
        assert (page.text, page.headers["cache-control"]) == ("<!doctype html><p>page</p>", "no-cache")
        assert page.headers["content-type"].startswith("text/html")
    script = guarded.http.get("/assets/app-1.js")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    for address in ("/assets/app-2.js", "/robots.txt", "/api/", "/api/v2/x", "/..%2fsecret.txt", "/%2e%2e/secret.txt"):
        answer = guarded.http.get(address)
        assert answer.status_code == 404, address
        assert "secret" not in answer.text
    assert guarded.http.head("/").status_code == 200


def test_the_openapi_document_is_served_to_those_signed_in(guarded: Served) -> None:
    answer = guarded.http.get("/api/v1/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.content == openapi.document()
    assert msgspec.json.decode(answer.content)["openapi"] == "3.1.0"
