from __future__ import annotations

import msgspec
import pytest

from services.solo.simulator.stream import Event
from services.solo.simulator.subscription import BadMessage, Filter, parse_message, parse_query
from shared.errors import InputError

DID = "did:plc:abcdefghijklmnopqrstuvwx"


def event(collection: str, did: str = DID, size: int = 10) -> Event:
    return Event(1, did, collection, b"x" * size)


def test_without_a_query_everything_passes_live() -> None:
    subscription = parse_query("/subscribe")
    assert subscription.cursor is None
    assert not subscription.hello
    assert not subscription.packed
    assert parse_query("/subscribe?compress=true").packed
    assert subscription.filter == Filter()
    assert subscription.filter.passes(event("app.bsky.graph.follow"))


def test_collections_filter_commits_but_never_identity_and_account() -> None:
    # given
    wanted = parse_query("/subscribe?wantedCollections=app.bsky.feed.post&wantedCollections=app.bsky.graph.*").filter
    # then
    assert wanted.passes(event("app.bsky.feed.post"))
    assert wanted.passes(event("app.bsky.graph.follow"))
    assert not wanted.passes(event("app.bsky.feed.like"))
    assert not wanted.passes(event("app.bsky.feed.postgate"))
    assert not wanted.passes(event("app.bsky.graphite.x"))
    assert wanted.passes(event(""))


def test_dids_and_size_filter() -> None:
    wanted = parse_query(f"/subscribe?wantedDids={DID}&maxMessageSizeBytes=20").filter
    assert wanted.passes(event("app.bsky.feed.post", size=20))
    assert not wanted.passes(event("app.bsky.feed.post", size=21))
    assert not wanted.passes(event("app.bsky.feed.post", did="did:plc:other"))
    assert parse_query("/subscribe?maxMessageSizeBytes=-5").filter.most_bytes == 0


def test_cursor_and_hello_are_read() -> None:
    subscription = parse_query("/subscribe?cursor=1789992000000000&requireHello=true")
    assert subscription.cursor == 1_789_992_000_000_000
    assert subscription.hello
    assert parse_query("/subscribe?cursor=-1").cursor == -1
    assert parse_query("/subscribe?cursor=").cursor is None


@pytest.mark.parametrize(
    "query",
    [
        "cursor=soon",
        "cursor=1.5",
        "cursor=99999999999999999999",
        "cursor=１２",
        "maxMessageSizeBytes=big",
        "wantedCollections=post",
        "wantedCollections=*",
        "wantedCollections=app.*.post",
        "wantedDids=alice",
        "&".join(f"wantedCollections=a.b.c{n}" for n in range(101)),
    ],
)
def test_malformed_queries_are_refused(query: str) -> None:
    with pytest.raises(InputError):
        parse_query(f"/subscribe?{query}")


def test_an_update_replaces_all_options() -> None:
    message = '{"type":"options_update","payload":{"wantedCollections":["app.bsky.feed.*"],"maxMessageSizeBytes":9}}'
    assert parse_message(message) == Filter(prefixes=("app.bsky.feed.",), most_bytes=9)
    assert parse_message('{"type":"options_update","payload":{}}') == Filter()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", 1007),
        (b"\xff\xfe", 1007),
        ("{}", 1008),
        ('{"type":"hello"}', 1008),
        ('{"type":"options_update","payload":{"wantedCollections":"x"}}', 1008),
        ('{"type":"options_update","payload":{"wantedCollections":["x"]}}', 1008),
        (msgspec.json.encode({"type": "options_update", "payload": {"wantedDids": [DID] * 10_001}}), 1008),
    ],
)
def test_bad_updates_earn_their_close_code(message: str | bytes, code: int) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_message(message)
    assert caught.value.code == code
