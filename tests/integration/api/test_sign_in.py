"""Signing in through a real identity provider, and everything that must not sign in."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from shared.config.settings import Settings
from shared.contracts.access import digest, owner_digest
from shared.store import people
from shared.store.database import Command, Database
from tests.support.api import Served, served
from tests.support.engines import Postgres
from tests.support.oidc import ANN, SECRET, Browser, Oidc, oidc_provider
from tests.support.waiting import eventually

TOKEN = "correct horse battery staple"
OWNER = {"Authorization": f"Bearer {TOKEN}"}
ROLES = "root@example.org=admin, groups:news=operator, @example.org=viewer"


@pytest.fixture(scope="module")
def provider() -> Iterator[Oidc]:
    with oidc_provider() as running:
        yield running


@pytest.fixture(scope="module")
def module_settings(postgres: Postgres, _valkey: str, provider: Oidc) -> Iterator[Settings]:
    with postgres.fresh() as url:
        yield Settings(
            postgres_url=url,
            valkey_url=_valkey,
            api_port=0,
            api_token=TOKEN,
            oidc_issuer=provider.url,
            oidc_client_id="groundswell",
            oidc_client_secret=SECRET,
            oidc_roles=ROLES,
            api_requests_per_minute=100_000,
        )


@pytest.fixture(scope="module")
def guarded(module_settings: Settings) -> Iterator[Served]:
    with served(module_settings) as running:
        eventually(lambda: running.http.get("/health/ready").status_code == 200)
        yield running


@pytest.fixture
def browser(guarded: Served, provider: Oidc) -> Iterator[Browser]:
    provider.back_to(guarded.url)
    with Browser(guarded.url) as made:
        yield made


@pytest.fixture
def record(module_settings: Settings) -> Iterator[Database]:
    database = Database(module_settings, name="test", size=1)
    database.open()
    yield database
    database.close()


def status(browser: httpx.Client, address: str = "/api/v1/whoami") -> int:
    return browser.get(address).status_code


def test_a_person_comes_back_with_a_session_and_their_role(browser: Browser, guarded: Served) -> None:
    assert status(browser) == 401
    answer = browser.sign_in("/topics/one?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/topics/one?x=1")
    set_cookies = [cookie.lower() for cookie in answer.headers.get_list("set-cookie")]
    session = next(cookie for cookie in set_cookies if cookie.startswith("groundswell_session="))
    assert all(mark in session for mark in ("httponly", "samesite=lax", "path=/", "max-age=86400"))
    who = browser.get("/api/v1/whoami").json()
    assert (who["name"], who["kind"]) == ("person:ann@example.org", "person")
    assert "posts:read" in who["scopes"]
    assert not any(scope.endswith(":write") for scope in who["scopes"])
    assert status(browser, "/api/v1/audit") == 403
    newest = guarded.http.get("/api/v1/audit", headers=OWNER, params={"operation": "sign_in"}).json()["entries"][0]
    assert [newest[name] for name in ("actor", "kind", "outcome", "detail")] == [
        who["name"],
        "person",
        "done",
        "as viewer",
    ]


@pytest.mark.parametrize(
    ("account", "role"),
    [
        ({"email": "root@example.org", "email_verified": True}, "admin"),
        ({"groups": ["sport", "news"]}, "operator"),
        ({"email": "b@example.org", "email_verified": True}, "viewer"),
        ({"email": "root@example.org", "email_verified": False}, None),
        ({"email": "root@example.org"}, None),
        ({"email": "x@evil-example.org", "email_verified": True}, None),
        ({}, None),
    ],
)
def test_roles_follow_what_the_provider_has_made_sure_of(
    browser: Browser, provider: Oidc, account: dict[str, object], role: str | None
) -> None:
    provider.set(account={"sub": f"sub-{time.monotonic_ns()}", **account})
    answer = browser.sign_in()
    assert answer.headers["location"] == ("/" if role else "/?sign_in=unknown")
    if role is None:
        assert status(browser) == 401
        return
    allowed = {
        "viewer": status(browser, "/api/v1/topics"),
        "operator": status(browser, "/api/v1/audit"),
        "admin": status(browser, "/api/v1/access-tokens"),
    }
    ranks = list(allowed)
    assert allowed == {name: 200 if ranks.index(name) <= ranks.index(role) else 403 for name in ranks}


def test_whoever_loses_their_role_loses_their_sessions_too(browser: Browser, guarded: Served, provider: Oidc) -> None:
    provider.set(account={"sub": "sub-carl", "groups": ["news"]})
    browser.sign_in()
    assert status(browser) == 200
    provider.set(account={"sub": "sub-carl", "groups": []})
    with Browser(guarded.url) as other:
        assert other.sign_in().headers["location"] == "/?sign_in=unknown"
    assert status(browser) == 401


TAMPERED = {
    "expired": {"exp": int(time.time()) - 3600},
    "for another client": {"aud": "somebody-else"},
    "for several, and not by us": {"aud": ["groundswell", "somebody-else"], "azp": "somebody-else"},
    "of another issuer": {"iss": "https://evil.example"},
    "of another sign-in": {"nonce": "another"},
    "without a signature": {"unsigned": True},
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_wrong_id_token_signs_nobody_in(browser: Browser, provider: Oidc, tamper: dict[str, object]) -> None:
    provider.set(tamper=tamper)
    answer = browser.sign_in()
    assert answer.headers["location"] == "/?sign_in=refused"
    assert status(browser) == 401


def test_an_answer_counts_once_and_for_the_browser_that_asked(browser: Browser, guarded: Served) -> None:
    back = browser.leave().headers["location"]
    with Browser(guarded.url) as stranger:
        assert stranger.get(back).headers["location"] == "/?sign_in=expired"
        stranger.get("/api/v1/sign-in/leave")  # his own sign-in, another's answer
        assert stranger.get(back).headers["location"] == "/?sign_in=refused"
    wrong = back.replace("state=", "state=x")
    assert browser.get(wrong).headers["location"] == "/?sign_in=refused"
    assert browser.get(back).headers["location"] == "/?sign_in=expired"
    assert status(browser) == 401
    for query in ("", "?error=access_denied", "?state=x&code=y", f"?{'x' * 3000}"):
        assert browser.get(f"/api/v1/sign-in/back{query}").headers["location"] == "/?sign_in=expired"


def test_an_answer_of_another_provider_is_not_taken(browser: Browser) -> None:
    back = browser.leave().headers["location"]
    mixed = httpx.URL(back).copy_set_param("iss", "https://evil.example")
    assert browser.get(mixed).headers["location"] == "/?sign_in=refused"


def test_nobody_is_sent_elsewhere(browser: Browser) -> None:
    for to in ("https://evil.example", "//evil.example", "/\\evil.example", "/api/v1/session", "x"):
        assert browser.sign_in(to).headers["location"] == "/"


def test_new_keys_of_the_provider_are_found(browser: Browser, provider: Oidc) -> None:
    browser.sign_in()
    browser.cookies.clear()
    provider.set(rotate=True)
    assert browser.sign_in().headers["location"] == "/"
    assert status(browser) == 200


def test_a_provider_that_is_away_is_a_reason_and_the_owner_still_comes_in(
    browser: Browser, provider: Oidc, guarded: Served
) -> None:
    browser.sign_in()
    with Browser(guarded.url) as other:
        waiting = other.leave().headers["location"]
        provider.set(down=True)
        assert other.get(waiting).headers["location"] == "/?sign_in=away"
    assert guarded.http.get("/api/v1/whoami", headers=OWNER).json()["kind"] == "operator"
    assert status(browser) == 200


def test_a_session_ends_by_its_person_by_an_admin_and_by_time(
    browser: Browser, guarded: Served, record: Database
) -> None:
    browser.sign_in()
    kept = dict(browser.cookies)
    assert browser.delete("/api/v1/session").status_code == 204
    assert httpx.get(f"{guarded.url}/api/v1/whoami", cookies=kept).status_code == 401
    browser.sign_in()
    person = next(
        one
        for one in guarded.http.get("/api/v1/people", headers=OWNER).json()["people"]
        if one["email"] == "ann@example.org"
    )
    assert (person["role"], person["sessions"] >= 1) == ("viewer", True)
    ended = guarded.http.delete(f"/api/v1/people/{person['id']}/sessions", headers=OWNER)
    assert (ended.status_code, ended.json()["sessions"]) == (200, 0)
    assert status(browser) == 401
    browser.sign_in()
    record.execute(Command("UPDATE browser_session SET expires_at = now() - interval '1 second'"))
    assert status(browser) == 401


def test_the_secret_of_a_session_changes_and_no_request_on_its_way_is_lost(
    browser: Browser, guarded: Served, record: Database
) -> None:
    browser.sign_in()
    first = browser.cookies["groundswell_session"]
    record.execute(Command("UPDATE browser_session SET changed_at = now() - interval '2 hours'"))
    assert status(browser) == 200
    second = browser.cookies["groundswell_session"]
    assert second != first
    asked = {
        secret: lambda secret=secret: httpx.get(  # type: ignore[misc]
            f"{guarded.url}/api/v1/whoami", cookies={"groundswell_session": secret}
        )
        for secret in (first, second)
    }
    assert asked[first]().status_code == 200  # sent before the answer came
    assert asked[second]().status_code == 200
    record.execute(Command("UPDATE browser_session SET earlier_until = now() WHERE earlier_until IS NOT NULL"))
    assert asked[first]().status_code == 401
    # An answer that never came does not sign anybody out.
    record.execute(Command("UPDATE browser_session SET changed_at = now() - interval '2 hours'"))
    lost = asked[second]().cookies["groundswell_session"]
    record.execute(Command("UPDATE browser_session SET changed_at = now() - interval '2 minutes'"))
    again = asked[second]()
    assert again.cookies["groundswell_session"] not in (second, lost)
    assert httpx.get(f"{guarded.url}/api/v1/whoami", cookies={"groundswell_session": lost}).status_code == 401


def test_a_public_client_and_an_issuer_with_a_slash_at_its_end(
    module_settings: Settings, provider: Oidc, postgres_url: str
) -> None:
    settings = msgspec.structs.replace(
        module_settings, oidc_client_id="public", oidc_client_secret="", api_token="", postgres_url=postgres_url
    )
    provider.set(slash=True)
    with served(settings) as api, Browser(api.url) as browser:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        provider.back_to(api.url)
        provider.set(slash=True)
        assert api.http.get("/api/v1/whoami").status_code == 401  # no token is set, and still nobody walks in
        assert browser.sign_in().headers["location"] == "/"
        assert browser.get("/api/v1/whoami").json()["name"] == "person:ann@example.org"
        ways = api.http.get("/api/v1/sign-in").json()
        assert (ways["token"], ways["provider"]) == (False, provider.url.removeprefix("http://"))
        assert ANN["sub"] not in api.http.get("/api/v1/sign-in").text


def test_a_provider_that_was_never_there_leaves_everything_else_as_it_is(
    module_settings: Settings, postgres_url: str
) -> None:
    settings = msgspec.structs.replace(module_settings, oidc_issuer="http://127.0.0.1:9", postgres_url=postgres_url)
    with served(settings) as api:
        eventually(lambda: any(part == "sign-in" and state == "degraded" for part, state, _ in api.said))
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        assert api.http.get("/api/v1/feeds", headers=OWNER).status_code == 200
        assert api.http.get("/api/v1/sign-in").json()["away"]
        assert api.http.get("/api/v1/sign-in/leave").status_code == 503
        assert api.http.post("/api/v1/session", json={"token": TOKEN}).status_code == 204
        assert api.http.get("/api/v1/whoami").json()["kind"] == "operator"


def test_the_address_that_is_printed_lets_in_one_browser_once(
    module_settings: Settings, guarded: Served, record: Database
) -> None:
    def put(ticket: str, token: str = TOKEN) -> str:
        record.execute(people.TICKET, {"digest": digest(ticket), "owner": owner_digest(token)})
        return f"/api/v1/session/ticket?ticket={ticket}"

    with Browser(guarded.url) as first, Browser(guarded.url) as second:
        address = put("one")
        answer = first.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert first.get("/api/v1/whoami").json()["kind"] == "operator"
        for wrong in (address, "/api/v1/session/ticket", put("two", "another token"), address + "x"):
            assert second.get(wrong).headers["location"] == "/"
            assert status(second) == 401
