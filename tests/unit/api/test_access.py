"""Tokens, sessions, hosts and origins."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.api.auth.origin import Origins
from services.api.auth.token import COOKIE, SESSION_SECONDS, Keyring
from services.api.operations.policy import may
from shared.errors import Forbidden, InputError, Unauthorised

KEYRING = Keyring("a long enough token")


def test_without_a_token_everyone_is_the_operator() -> None:
    assert may(Keyring("").admit(None, {}), "anything")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens(scheme: str) -> None:
    assert KEYRING.admit(f"{scheme} a long enough token", {}).name == "operator"


@given(some.text(max_size=40) | some.none(), some.text(max_size=40))
def test_nothing_else_opens(authorization: str | None, cookie: str) -> None:
    with pytest.raises(Unauthorised):
        KEYRING.admit(authorization, {COOKIE: cookie})


def test_a_session_opens_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    session = KEYRING.sign_in("a long enough token")
    KEYRING.admit(None, {COOKIE: session})
    now = time.time()
    for moment in (now + SESSION_SECONDS, now - 3600):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        with pytest.raises(Unauthorised):
            KEYRING.admit(None, {COOKIE: session})


def test_a_session_of_another_token_or_a_longer_life_does_not_open() -> None:
    began, _, seal = KEYRING.sign_in("a long enough token").partition(".")
    for cookie in (f"{int(began) + 1}.{seal}", Keyring("another").sign_in("another"), f"{began}.", seal):
        with pytest.raises(Unauthorised):
            KEYRING.admit(None, {COOKIE: cookie})


@given(some.text(max_size=60))
def test_a_host_is_ours_or_refused_and_nothing_else_happens(host: str) -> None:
    try:
        Origins("").check_host(host)
    except InputError:
        return
    assert any(name in host.lower() for name in ("localhost", "127.0.0.1", "::1"))


@given(some.text(max_size=60))
def test_an_origin_is_the_requests_host_or_refused(origin: str) -> None:
    with pytest.raises(Forbidden):
        Origins("").check_origin(origin, "localhost:8420")


def test_the_public_address_is_ours_behind_a_proxy() -> None:
    origins = Origins("https://groundswell.example")
    origins.check_host("groundswell.example")
    origins.check_origin("https://groundswell.example", "api:8420")
    with pytest.raises(Forbidden):
        origins.check_origin("http://groundswell.example", "api:8420")
