"""Parts of a feed: each author in exactly one, each part read by exactly one relay, together the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.feed import first_feed
from services.relay.frames import Frame
from services.relay.pipeline.decode import decode
from services.relay.pipeline.share import share
from services.relay.wires.jetstream import read_event
from shared.config.load import judge
from shared.config.settings import Settings
from shared.contracts.feeds import check_options
from shared.contracts.ids import author_hash
from shared.contracts.shards import MOST, WHOLE, Shard, shard_of
from shared.errors import InputError
from tests.support import wire

COUNTS = st.integers(1, MOST)
EVENTS = [
    *(wire.post(n, f"p{n}", wire.T0 + n, f"post {n}") for n in range(60)),
    *(wire.like(n, f"l{n}", wire.T0 + n, wire.uri(n // 2, f"p{n // 2}")) for n in range(60)),
    *(wire.delete(n, f"l{n}", wire.T0 + 99 + n, wire.LIKE) for n in range(20)),
    *(wire.delete(n, f"p{n}", wire.T0 + 99 + n) for n in range(20)),
    *(wire.account(n, wire.T0 + 200 + n, "deleted") for n in range(20)),
    *(wire.identity(n, wire.T0 + 200 + n) for n in range(5)),
]
FRAMES = [*map(wire.encode, EVENTS), b"{", b"[]", b'{"kind": 7}']


def test_a_hash_never_changes() -> None:
    """Whoever changes it gives every author to another relay, whose cursor has passed their posts."""
    assert author_hash("did:plc:author00000") == -4717632091782271708


@given(st.integers(-(2**63), 2**63 - 1), COUNTS)
def test_a_number_is_in_exactly_one_part(number: int, count: int) -> None:
    assert sum(Shard(index, count).has(number) for index in range(count)) == 1


@given(COUNTS, COUNTS)
def test_each_part_is_read_at_exactly_one_place_however_many_relays_there_are(parts: int, relays: int) -> None:
    for part in range(parts):
        assert sum(Shard(place, relays).reads(Shard(part, parts)) for place in range(relays)) == 1
    assert [Shard(place, relays).reads(WHOLE) for place in range(relays)] == [True] + [False] * (relays - 1)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_parts_are_disjoint_and_together_the_whole(count: int) -> None:
    def kept(shard: Shard | None) -> list[str]:
        batch = decode([Frame(data, len(data)) for data in FRAMES], wire.T0 + 10**9, read_event)
        position, first, last = batch.position, batch.first, batch.last_us
        if shard is not None:
            share(batch, shard)
        assert (batch.position, batch.first, batch.last_us) == (position, first, last), "the cursor is every event's"
        return [repr(each) for each in [*batch.posts, *batch.removals, *batch.reactions, *batch.undoings,
                                        *batch.passing, *batch.refused]]  # fmt: skip

    parts = [kept(Shard(index, count)) for index in range(count)]
    assert all(parts), "each part has something"
    assert sorted(each for part in parts for each in part) == sorted(kept(None))


def test_what_undoes_and_removes_is_where_the_thing_is() -> None:
    for index in range(3):
        batch = decode([Frame(data, len(data)) for data in FRAMES], wire.T0 + 10**9, read_event)
        share(batch, Shard(index, 3))
        assert {removal.author for removal in batch.removals} <= {post.author for post in batch.posts}
        assert {undoing.id for undoing in batch.undoings} <= {reaction.id for reaction in batch.reactions}
        assert {notice.author for notice in batch.notices} <= {post.author for post in batch.posts}


@pytest.mark.parametrize("text", ["4/4", "1", "1/0", "-1/4", "0/257", "1/4 ", "a/b"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        check_options("jetstream", {"shard": text})


def test_a_part_may_be_asked_for_on_every_kind() -> None:
    for kind in ("jetstream", "nostr", "sealed"):
        check_options(kind, {"shard": "3/4"})
    assert shard_of({"shard": "3/4"}) == Shard(3, 4)
    assert shard_of({}) == shard_of({"shard": ""}) == WHOLE


def test_the_settings_feed_is_divided_among_the_relays() -> None:
    spec = first_feed(Settings(feed_url="wss://feed.example", feed_name="sky", relay_shard=1, relay_shards=4))
    assert spec is not None
    assert (spec.id, spec.options) == ("sky-1-of-4", {"shard": "1/4"})


def test_a_place_that_there_is_not_is_a_mistake() -> None:
    urls = {"GROUNDSWELL_POSTGRES_URL": "postgresql://u@h/d", "GROUNDSWELL_VALKEY_URL": "redis://h"}
    given_ = {**urls, "GROUNDSWELL_RELAY_SHARD": "4", "GROUNDSWELL_RELAY_SHARDS": "4"}
    _, findings = judge("relay", given_)
    assert [f.variable for f in findings if f.kind == "mistake"] == ["GROUNDSWELL_RELAY_SHARD"]
