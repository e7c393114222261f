"""Decoding: what is read, what is refused and with which of the fixed reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.commits import EARLIEST_US
from services.relay.events import LIKE, REPOST, NewPost, Passing, Reaction, Removal
from services.relay.frames import Frame, Resume
from services.relay.pipeline.decode import MAX_AHEAD_US, decode, decode_frame
from services.relay.wires.jetstream import read_event
from shared.contracts.ids import author_hash, post_id, record_key
from shared.errors import MalformedFrame
from tests.support import wire
from tests.support.wire import T0

NOW = T0 + 1_000_000


def read(event: dict[str, Any] | bytes) -> Any:
    data = event if isinstance(event, bytes) else wire.encode(event)
    return decode_frame(Frame(data, len(data)), NOW + MAX_AHEAD_US, read_event)


def refusal(event: dict[str, Any] | bytes) -> str:
    with pytest.raises(MalformedFrame) as caught:
        read(event)
    return caught.value.reason


def facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def test_a_post_is_read_whole() -> None:
    parent = wire.uri(9, "p")
    reply = {"root": {"uri": parent, "cid": "c"}, "parent": {"uri": parent, "cid": "c"}}
    post = read(wire.post(1, "a", T0, "Olá", langs=["pt-BR", "en", "pt"], reply=reply))
    assert isinstance(post, NewPost)
    assert (post.id, post.uri) == (record_key(wire.uri(1, "a")), wire.uri(1, "a"))
    assert (post.author, post.author_hash) == (wire.did(1), author_hash(wire.did(1)))
    assert (post.text, post.languages, post.reply_to) == ("Olá", ["pt", "en"], record_key(parent))
    assert (post.time_us, post.claimed_us, post.replaces) == (T0, T0 - 1_877_000, False)


@pytest.mark.parametrize(("make", "kind"), [(wire.like, LIKE), (wire.repost, REPOST)])
def test_reactions_are_known_by_their_own_uri(make: Any, kind: int) -> None:
    subject = wire.uri(9, "p")
    collection = {LIKE: wire.LIKE, REPOST: wire.REPOST}[kind]
    own = post_id(wire.uri(1, "r", collection))
    assert read(make(1, "r", T0, subject)) == Reaction(own.bytes, post_id(subject).bytes, kind, T0)
    assert read(wire.delete(1, "r", T0, collection)) == Reaction(own.bytes, None, kind, T0, True)


def test_deletes_and_what_only_moves_the_cursor() -> None:
    assert isinstance(read(wire.delete(1, "a", T0)), Removal)
    for event in (
        wire.identity(1, T0),
        wire.account(1, T0, "suspended"),
        wire.commit(1, "f", T0, "app.bsky.graph.follow", "create", {"subject": "did:plc:x"}),
    ):
        assert read(event) == Passing(T0)


def test_facets_count_bytes_and_unsound_ones_are_left_out() -> None:
    text = "日本 #tag https://a.example é"
    raw = text.encode()
    tag, link = raw.index(b"#tag"), raw.index(b"https")
    facets = [
        facet(tag, tag + 4, tag="tag"),
        facet(link, link + 17, uri="https://a.example/full"),
        facet(0, 3, tag="first"),
        facet(1, 3, tag="inside-a-character"),
        facet(0, len(raw) - 1, tag="ends-inside"),
        facet(5, 5, tag="empty"),
        facet(-3, 3, tag="negative"),
        facet(0, len(raw) + 1, tag="beyond"),
        facet(0, len(raw), uri="javascript:alert(1)"),
        facet(0, len(raw), tag="TAG"),
    ]
    post = read(wire.post(1, "a", T0, text, facets=facets, tags=["Own", "#first"]))
    assert post.tags == ["tag", "first", "Own"]
    assert post.links == ["https://a.example/full"]


def test_links_come_from_cards_too_and_stay_bounded() -> None:
    card = {"$type": "app.bsky.embed.external", "external": {"uri": "https://c.example", "title": "t"}}
    beside = {"$type": "app.bsky.embed.recordWithMedia", "media": card, "record": {"record": {"uri": "x"}}}
    assert read(wire.post(1, "a", T0, embed=card)).links == ["https://c.example"]
    assert read(wire.post(1, "a", T0, embed=beside)).links == ["https://c.example"]
    many = [facet(0, 1, uri=f"https://{n}.example") for n in range(99)]
    assert len(read(wire.post(1, "a", T0, facets=many)).links) == 16
    long = [facet(0, 1, uri="https://" + "x" * 3_000, tag="y" * 300)]
    post = read(wire.post(1, "a", T0, facets=long))
    assert (post.links, post.tags) == ([], [])


def test_texts_are_bounded_and_free_of_nul() -> None:
    assert len(read(wire.post(1, "a", T0, "x" * 50_000)).text) == 10_000
    assert read(wire.post(1, "a", T0, "a\x00b")).text == "a\ufffdb"


@pytest.mark.parametrize("escape", [b"\\ud83d", b"\\udc00", b"\\uD800 and \\uDFFF"])
def test_lone_surrogates_become_replacement_characters(escape: bytes) -> None:
    post = read(wire.encode(wire.post(1, "a", T0, "MARK 😀")).replace(b"MARK", escape))
    assert "\ufffd" in post.text
    assert post.text.endswith("😀")
    post.text.encode()


@pytest.mark.parametrize("created", ["", "yesterday", "0000-01-01T00:00:00Z", "9999-99-99", "x" * 5_000])
def test_a_claimed_time_that_cannot_be_read_is_none(created: str) -> None:
    assert read(wire.post(1, "a", T0, createdAt=created)).claimed_us is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nothing",
        b'{"did":"did:plc:a"',
        b"\xff\xfe",
        b'{"did":"\xed\xa0\x80"}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    assert refusal(data) == "not_json"


@pytest.mark.parametrize(
    "change",
    [
        {"time_us": "1"},
        {"time_us": None},
        {"did": 5},
        {"kind": "surprise"},
        {"commit": None},
        {"commit": {"operation": "create"}},
        {"commit": {"operation": "explode", "collection": wire.POST, "rkey": "a"}},
        {"commit": {"operation": "create", "collection": wire.POST, "rkey": "a", "record": {"text": 5}}},
        {"commit": {"operation": "create", "collection": wire.POST, "rkey": "a", "record": []}},
        {"commit": {"operation": "create", "collection": wire.LIKE, "rkey": "a", "record": {"subject": "uri"}}},
    ],
)
def test_a_wrong_type_is_refused(change: dict[str, Any]) -> None:
    assert refusal(wire.post(1, "a", T0) | change) == "wrong_type"


@pytest.mark.parametrize("data", [b"[]", b"5", b'"text"', b"null"])
def test_json_that_is_no_object_is_of_the_wrong_type(data: bytes) -> None:
    assert refusal(data) == "wrong_type"


@pytest.mark.parametrize("time_us", [0, -1, EARLIEST_US - 1, NOW + MAX_AHEAD_US + 1, 2**62])
def test_a_time_that_cannot_be_is_refused(time_us: int) -> None:
    assert refusal(wire.post(1, "a", time_us)) == "bad_time"


@pytest.mark.parametrize("did", ["", "alice", "did:plc:../../x", "did:plc:a b", "did:plc:" + "a" * 300, "did:plc:\x00"])
def test_an_id_that_cannot_be_is_refused(did: str) -> None:
    assert refusal(wire.post(1, "a", T0) | {"did": did}) == "bad_id"
    assert refusal(wire.post(1, "a/../b", T0)) == "bad_id"


@pytest.mark.parametrize("fault", ["binary", "oversize", "truncated"])
def test_what_the_source_could_not_read_keeps_its_reason(fault: Any) -> None:
    batch = decode([Frame(b"x", 99, fault)], NOW, read_event)
    assert [(refused.reason, refused.detail) for refused in batch.refused] == [(fault, "99 bytes")]


def test_a_batch_knows_its_newest_event_and_what_answered_the_resume() -> None:
    frames = [Frame(data, len(data)) for data in map(wire.encode, [wire.post(1, "a", T0), wire.identity(1, T0 - 5)])]
    frames.insert(0, Frame(b"junk", 4, resume=Resume(T0 - 9, T0 - 4, {})))
    batch = decode(frames, NOW, read_event)
    assert (batch.position, batch.first_us, batch.events, len(batch.refused)) == (T0, T0, 2, 1)


@given(st.binary(max_size=300))
def test_no_bytes_ever_raise_anything_else(data: bytes) -> None:
    assert len(decode([Frame(data, len(data))], NOW, read_event).refused) == 1


_WORD = st.text("ab\x00\ud800é", max_size=4)
_JSON = st.none() | st.integers(-2, 2) | _WORD | st.lists(_WORD, max_size=2) | st.dictionaries(_WORD, _WORD, max_size=2)


@given(st.dictionaries(st.sampled_from(["text", "langs", "tags", "facets", "embed", "reply", "createdAt"]), _JSON))
def test_no_record_ever_raises_anything_else(record: dict[str, Any]) -> None:
    event = wire.commit(1, "a", T0, wire.POST, "create", record)
    data = json.dumps(event).encode()
    batch = decode([Frame(data, len(data))], NOW, read_event)
    assert len(batch.refused) + len(batch.posts) == 1


def test_what_is_read_out_of_order_moves_nothing_until_its_mark() -> None:
    early, late = wire.encode(wire.post(1, "a", T0, "old")), wire.encode(wire.post(1, "b", T0 + 5, "new"))
    out_of_order = [Frame(late, len(late), moves=False), Frame(early, len(early), moves=False)]
    assert decode(out_of_order, NOW, read_event).position is None
    marked = decode([*out_of_order, Frame(b"", 0, mark_us=T0 + 5)], NOW, read_event)
    assert (marked.position, len(marked.posts), marked.refused) == (T0 + 5, 2, [])


def test_the_feeds_own_cursor_is_that_of_the_last_frame_that_moves() -> None:
    data = wire.encode(wire.post(1, "a", T0, "x"))
    frames = [
        Frame(data, len(data), token=7),
        Frame(data, len(data), token=8),
        Frame(data, len(data), moves=False, token=99),
    ]
    assert decode(frames, NOW, read_event).token == 8
