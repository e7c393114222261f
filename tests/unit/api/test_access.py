"""Tokens, sessions, hosts and origins."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.api.auth.origin import Origins
from services.api.auth.roles import SCOPES, role_of
from services.api.auth.token import Keyring
from services.api.doors.sign_in import local
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.context import Actor
from services.api.operations.policy import may
from shared.config.people import read_rules
from shared.errors import Forbidden, InputError, Unauthorised

KEYRING = Keyring("a long enough token")


def test_without_a_token_everyone_is_the_operator_unless_people_sign_in() -> None:
    assert may(Keyring("").admit(None), "anything")
    with pytest.raises(Unauthorised):
        Keyring("", closed=True).admit(None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens(scheme: str) -> None:
    assert KEYRING.admit(f"{scheme} a long enough token").name == "operator"


@given(some.text(max_size=40) | some.none())
def test_nothing_else_opens(authorization: str | None) -> None:
    for keyring in (KEYRING, Keyring("", closed=True)):
        with pytest.raises(Unauthorised):
            keyring.admit(authorization)


def test_who_is_on_this_machine_may_come_in_without_the_token_that_others_need() -> None:
    keyring = Keyring("a long enough token", open_to_all=True)
    assert keyring.admit(None).name == keyring.admit("Bearer a long enough token").name == "operator"
    with pytest.raises(Unauthorised):
        keyring.admit("Bearer a long enough toke")


def test_no_token_is_nobodys_token() -> None:
    assert not Keyring("").is_owners("")
    assert Keyring("").digest is None
    assert Keyring("a").digest != Keyring("b").digest


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


def test_every_scope_has_its_place_in_a_role() -> None:
    known = {operation.scope for operation in OPERATIONS} - {"anyone"}
    assert SCOPES["viewer"] < SCOPES["operator"] < known
    assert known - SCOPES["operator"] == {
        "access:read",
        "access:write",
        "platform:write",
        "prompts:write",
        "spending:write",
    }
    assert not any(scope.endswith(":write") for scope in SCOPES["viewer"])


@pytest.mark.parametrize("scope", sorted({operation.scope for operation in OPERATIONS} - {"anyone"}))
def test_a_person_may_do_what_their_role_says(scope: str) -> None:
    for scopes in SCOPES.values():
        assert may(Actor("person:x", scopes, "person"), scope) == (scope in scopes or "*" in scopes)


RULES = "root@x.org=admin, https://x.org/claims/groups:a b=operator, realm_access.roles:news=operator, *=viewer"


def test_the_first_rule_that_fits_counts() -> None:
    rules = read_rules(RULES)
    told = {"email": "Root@X.org", "email_verified": True, "https://x.org/claims/groups": "a b"}
    assert role_of(told, rules) == "admin"
    assert role_of(told | {"email_verified": False}, rules) == "operator"
    assert role_of({"realm_access": {"roles": ["x", "news"]}}, rules) == "operator"
    assert role_of({"realm_access": "news"}, rules) == "viewer"
    assert role_of({"email": 5}, rules[:-1]) is None


@given(some.text(max_size=60))
def test_rules_are_read_or_refused_in_words(text: str) -> None:
    try:
        rules = read_rules(text)
    except ValueError:
        return
    assert bool(rules) == any(part.strip() for part in text.split(","))


@given(some.text(max_size=60) | some.sampled_from(["/a", "/a?b=c#d", "//x", "/\\x", "/api/v1/session"]))
def test_nobody_is_sent_off_our_page(wanted: str) -> None:
    there = urljoin("http://us.example/", local(wanted))
    assert there.startswith("http://us.example/")
    assert not there.startswith("http://us.example/api/")
