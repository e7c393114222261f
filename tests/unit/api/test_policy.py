"""Who may do what, decided from operation and actor alone."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from services.api.doors.mcp_tools import as_agent
from services.api.operations import policy
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.context import OPERATOR, Actor
from services.api.operations.invoking import digest, read
from services.api.operations.secrets import masked, masked_again, shown
from shared.errors import Forbidden

ALL = frozenset({"*"})
BY_NAME = {one.name: one for one in OPERATIONS}
EFFECTS = [one for one in OPERATIONS if one.effect != "read"]


@pytest.mark.parametrize("operation", EFFECTS, ids=lambda one: one.name)
def test_no_tainted_agent_has_any_effect_without_an_approval(operation: policy.Operation) -> None:  # type: ignore[type-arg]
    tainted = Actor("a", ALL | {operation.scope}, "agent", tainted=True)
    try:
        assert policy.decide(operation, tainted) == "needs approval"
    except Forbidden:
        assert operation.scope in policy.PEOPLE_ONLY


def test_an_agent_that_has_read_nothing_may_write_but_not_destroy_nor_reach_out() -> None:
    fresh = Actor("a", ALL, "agent")
    assert policy.decide(BY_NAME["create_watch"], fresh) == "allowed"
    assert policy.decide(BY_NAME["remove_watch"], fresh) == "needs approval"
    assert policy.decide(BY_NAME["create_feed"], fresh) == "needs approval"
    for kind in ("operator", "script"):
        assert policy.decide(BY_NAME["remove_watch"], Actor("x", ALL, kind)) == "allowed"


def test_only_the_operator_gives_tokens_and_approvals_and_never_through_mcp() -> None:
    for scope in policy.PEOPLE_ONLY:
        assert policy.may(OPERATOR, scope)
        for actor in (Actor("s", ALL | {scope}, "script"), Actor("a", ALL | {scope}, "agent"), as_agent(OPERATOR)):
            assert not policy.may(actor, scope)


def test_behind_mcp_everybody_is_an_agent_and_the_operators_own_token_counts_as_tainted() -> None:
    assert as_agent(OPERATOR).tainted
    script = as_agent(Actor("s", ALL, "script", token="t"))
    assert (script.kind, script.tainted, script.token) == ("agent", False, "t")


def test_a_call_is_its_operation_and_every_argument() -> None:
    change = BY_NAME["change_watch"]
    watch = "019a0000-0000-7000-8000-000000000000"
    first = digest(change, read(change, {"watch": watch, "paused": True}))
    assert first == digest(change, read(change, {"paused": True, "watch": watch.upper()}))
    others = [{"watch": watch, "paused": False}, {"watch": watch}, {"watch": watch, "paused": True, "name": "n"}]
    assert len({first, *(digest(change, read(change, other)) for other in others)}) == 4


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("create_destination", {"name": "n", "kind": "slack", "url": "https://h.example/T/SECRET"}, "h.example"),
        ("create_destination", {"name": "n", "kind": "apprise", "url": "tgram://SECRET/1"}, "tgram"),
        ("create_feed", {"id": "f", "kind": "nostr", "url": "wss://u:SECRET@r.example/?token=SECRET"}, "r.example"),
        ("create_feed", {"id": "f", "kind": "x", "url": "wss://a", "options": {"api_key": "SECRET"}}, "api_key"),
    ],
)
def test_what_is_written_down_names_hosts_and_no_secrets(name: str, arguments: dict[str, object], shown: str) -> None:
    said = masked(read(BY_NAME[name], arguments))
    assert shown in said
    assert "SECRET" not in said
    msgspec.json.decode(said)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("wss://evil.example", "wss://evil.example"),
        ("wss://evil.example/", "wss://evil.example"),
        ("wss://evil.example:8443/subscribe", "wss://evil.example:8443/..."),
        ("wss://evil.example?x=1", "wss://evil.example/..."),
        ("wss://u@evil.example", "wss://...@evil.example"),
        ("wss://[", "..."),
    ],
)
def test_the_log_says_that_a_path_was_left_out_only_where_there_was_one(url: str, told: str) -> None:
    said = masked(read(BY_NAME["create_feed"], {"id": "f", "kind": "nostr", "url": url}))
    assert msgspec.json.decode(said)["url"] == told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("wss://evil.example", None),
        ("wss://evil.example/subscribe?wantedCollections=app.bsky.feed.post#x", None),
        ("https://hooks.example/services/T0/B0/the-path-says-whose", None),
        ("https://trusted.example@evil.example/x", None),
        ("tgram://bot/of-whom", None),
        ("https://u:SECRET@evil.example/x", "https://u:...@evil.example/x"),
        ("https://trusted.example:SE@CRET@evil.example/x", "https://trusted.example:...@evil.example/x"),
        ("wss://evil.example/?a=b&access_token=SECRET&c=d", "wss://evil.example/?a=b&access_token=...&c=d"),
    ],
)
def test_who_decides_sees_the_whole_address_without_its_passwords(url: str, told: str | None) -> None:
    said = shown(read(BY_NAME["create_destination"], {"name": "n", "kind": "slack", "url": url}))
    assert msgspec.json.decode(said)["url"] == (told or url)


def test_a_long_argument_is_told_by_its_head_length_and_digest() -> None:
    given = read(
        BY_NAME["create_feed"], {"id": "f", "kind": "x", "url": "wss://a", "options": {"names": ["é"] * 3_000}}
    )
    said = msgspec.json.decode(shown(given))
    whole = msgspec.json.encode({"names": ["é"] * 3_000})
    assert said["url"] == "wss://a"
    assert said["options"].startswith('{"names":["é","é"')
    digest = hashlib.sha256(whole).hexdigest()
    assert said["options"].endswith(f" ... ({len(whole.decode())} characters, SHA-256 {digest})")
    assert len(said["options"]) < 1_200


def test_what_was_shown_is_masked_for_all_others() -> None:
    given = read(BY_NAME["create_destination"], {"name": "n", "kind": "slack", "url": "https://h.example/T/SECRET"})
    assert "SECRET" in shown(given)
    assert masked_again(shown(given)) == masked(given)
    assert masked_again('{"url":"https://h.exa') == '{"url":"https://h.exa'
