"""How a feed's hosts, their version and the way to ask them follow from its row."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.relay.sources.jetstream_address import V1, V2, Hosts, dialect_of, urls_of
from services.relay.sources.registry import kind_of
from services.relay.spec import FeedSpec
from services.relay.wires import jetstream, jetstream2
from shared.errors import ConfigurationError

V1_URL, V2_URL = "wss://a.example/subscribe", f"wss://b.example{jetstream2.PATH}"


def spec(url: str, **options: Any) -> FeedSpec:
    return FeedSpec("sky", "jetstream", url, 0, options)


def test_hosts_are_named_by_commas_and_by_option_each_once() -> None:
    found = urls_of(spec(f"{V1_URL}, wss://c.example/subscribe,", hosts=["wss://c.example/subscribe", "ws://d:1/s"]))
    assert found == [V1_URL, "wss://c.example/subscribe", "ws://d:1/s"]


@pytest.mark.parametrize("url", ["", ",", "https://a.example/subscribe", "wss:///subscribe", "a.example"])
def test_what_is_no_websocket_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sky"):
        urls_of(spec(url))


@pytest.mark.parametrize("hosts", ["wss://a", [1], {"a": 1}])
def test_hosts_must_be_a_list_of_texts(hosts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"options\.hosts"):
        urls_of(spec(V1_URL, hosts=hosts))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (spec(V1_URL), jetstream.read_event),
        (spec(V2_URL), jetstream2.read_event),
        (spec(f"{V2_URL}/"), jetstream2.read_event),
        (spec("wss://proxy.example/sky", version=2), jetstream2.read_event),
        (spec(V2_URL, version=1), jetstream.read_event),
    ],
)
def test_the_path_tells_the_version_and_an_option_wins(given: FeedSpec, read: Any) -> None:
    assert kind_of(given).read is read


@pytest.mark.parametrize("given", [spec(f"{V1_URL},{V2_URL}"), spec(V1_URL, version=3), spec(V1_URL, version=True)])
def test_a_version_that_cannot_be_is_a_configuration_error(given: FeedSpec) -> None:
    with pytest.raises(ConfigurationError, match="version"):
        dialect_of(given)


def test_the_second_version_is_asked_with_its_own_parameters() -> None:
    query = parse_qs(urlsplit(V2.query(f"{V2_URL}?kinds=sync&dids=did:plc:x&zstdDictionary=1", 99, 7)).query)
    assert query == {
        "dids": ["did:plc:x"],
        "kinds": ["commit", "identity", "account"],
        "collections": ["app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"],
        "cursor": ["99"],
        "zstdDictionary": ["7"],
    }
    assert parse_qs(urlsplit(V1.query(V1_URL, 99, 7)).query)["compress"] == ["true"]


def test_the_next_host_is_tried_only_when_the_last_attempt_brought_nothing() -> None:
    hosts = Hosts(["ws://a/s", "ws://b/s", "ws://c/s"])
    seen = []
    for progress in (1, 1, 2, 2, 2, 2):
        hosts.choose("", progress)
        seen.append(hosts.host)
    assert seen == ["a", "b", "b", "c", "a", "b"]
    hosts.stay()
    hosts.choose("", 2)
    assert hosts.host == "b"


def test_a_start_begins_at_the_host_that_the_cursor_belongs_to() -> None:
    for stored, first in (("b:1", "b:1"), ("elsewhere", "a")):
        hosts = Hosts(["ws://a/s", "ws://user:secret@b:1/s"])
        hosts.choose(stored, 1)
        assert hosts.host == first
