"""Nostr events: ids, signatures, and what each kind means. The oracle is nostr-sdk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from nostr_sdk import Event, EventBuilder, Keys, Kind, Tag, Timestamp

from services.relay.crypto.nostr_event import NostrEvent, event_id
from services.relay.events import (
    LIKE,
    MAX_AHEAD_US,
    REPOST,
    AccountNotice,
    NewPost,
    Passing,
    Reaction,
    Removal,
    Together,
)
from services.relay.frames import Frame
from services.relay.pipeline.decode import decode_frame
from services.relay.wires.nostr import read_event
from shared.contracts.ids import author_hash, post_id, record_key
from shared.errors import MalformedFrame
from tests.support import nostr
from tests.support.nostr import T0, event, message

NOW_US = (T0 + 60) * 1_000_000
LATEST = NOW_US + MAX_AHEAD_US
OTHER = "ab" * 32


def read(data: bytes) -> Any:
    return decode_frame(Frame(data, len(data)), LATEST, read_event)


def refused(data: bytes) -> str:
    with pytest.raises(MalformedFrame) as error:
        read(data)
    return error.value.reason


TEXTS = [
    "plain",
    "",
    'line\nbreak "quoted" back\\slash\r\ttab\b\f',
    "日本語 é 🎉 \u2028 \u007f </script>",
    "control \x01\x1f\x00 characters",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_event_made_by_another_library_is_read(text: str) -> None:
    made = EventBuilder(Kind(1), text).tags([Tag.parse(["t", "Tea"]), Tag.parse(["x", text])])
    made = made.custom_created_at(Timestamp.from_secs(T0)).finalize(Keys.generate())
    post = read(f'["EVENT","s",{made.as_json()}]'.encode())
    assert isinstance(post, NewPost)
    assert post.text == text.replace("\x00", "\ufffd")
    assert (post.time_us, post.tags, post.languages) == (T0 * 1_000_000, ["Tea"], [])


@pytest.mark.parametrize("text", TEXTS[:4])
def test_an_event_of_ours_is_valid_to_another_library(text: str) -> None:
    theirs = Event.from_json(json.dumps(nostr.body(event(1, T0, content=text, tags=[["t", text]]))))
    assert theirs.verify()


def test_only_seven_characters_are_escaped_in_the_exact_form() -> None:
    exact = event(1, T0, content="a\x01b")
    exact_id = event_id(NostrEvent("", exact.pubkey, T0, 1, [], "a\x01b", ""))
    assert exact.id == exact_id
    assert isinstance(read(message(exact)), NewPost)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"content": "other words"}, "bad_id"),
        ({"id": OTHER}, "bad_id"),
        ({"id": OTHER.upper()}, "bad_id"),
        ({"id": "xyz"}, "bad_id"),
        ({"pubkey": "00" * 32}, "bad_id"),
        ({"created_at": T0 + 1}, "bad_id"),
        ({"sig": "00" * 64}, "bad_signature"),
        ({"sig": "not hex"}, "bad_signature"),
        ({"sig": ""}, "bad_signature"),
        ({"created_at": -1}, "bad_time"),
        ({"created_at": 10**30}, "bad_time"),
        ({"created_at": str(T0)}, "wrong_type"),
        ({"tags": "t"}, "wrong_type"),
        ({"content": None}, "wrong_type"),
    ],
)
def test_what_is_not_whole_and_signed_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert refused(message(event(1, T0), **changes)) == reason


def test_a_key_that_is_no_point_on_the_curve_is_a_bad_signature() -> None:
    forged = event(1, T0)
    forged.pubkey = "f" * 64
    forged.id = event_id(forged)
    assert refused(message(forged)) == "bad_signature"


def test_another_authors_signature_is_refused() -> None:
    mine, theirs = event(1, T0), event(2, T0)
    theirs.sig = mine.sig
    assert refused(message(theirs)) == "bad_signature"


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no json", "not_json"), (b'["NEWS","s",{}]', "wrong_type"), (b'["EVENT"]', "wrong_type")]
)
def test_what_is_no_event_message_is_refused(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_the_authors_time_counts_but_never_a_later_one_than_now() -> None:
    assert read(message(event(1, 1_000))).time_us == 1_000_000_000
    early = read(message(event(1, T0 + 600)))
    assert (early.time_us, early.claimed_us) == (NOW_US, (T0 + 600) * 1_000_000)
    assert refused(message(event(1, T0 + 661))) == "bad_time"


def test_a_post_carries_its_author_links_and_tags() -> None:
    made = event(1, T0, content="see https://example.org/a?b=c. and (http://x.org/y)", tags=[["t", "#One"], ["t"], []])
    post = read(message(made))
    assert post.uri == f"nostr:{made.id}"
    assert (post.id, post.author) == (record_key(post.uri), made.pubkey)
    assert post.author_hash == author_hash(made.pubkey)
    assert post.links == ["https://example.org/a?b=c", "http://x.org/y"]
    assert post.tags == ["One"]


A, B, C = "aa" * 32, "bb" * 32, "cc" * 32


@pytest.mark.parametrize(
    ("tags", "parent"),
    [
        ([["e", A, "", "root"], ["e", B, "", "reply"], ["e", C, "", "mention"]], B),
        ([["e", A, "", "root"]], A),
        ([["e", A], ["e", B, "wss://relay"]], B),
        ([["e", A, "", "mention"]], None),
        ([["e", "short"], ["p", A]], None),
        ([], None),
    ],
)
def test_a_reply_names_its_parent_as_nip_10_says(tags: list[list[str]], parent: str | None) -> None:
    post = read(message(event(1, T0, tags=tags)))
    assert post.reply_to == (record_key(f"nostr:{parent}") if parent else None)


@pytest.mark.parametrize(
    ("kind", "content", "tags", "subject", "what"),
    [
        (7, "+", [["e", A], ["e", B]], B, LIKE),
        (7, "🤙", [["e", A], ["p", B]], A, LIKE),
        (6, "{}", [["e", A], ["e", B]], A, REPOST),
    ],
)
def test_reactions_and_reposts(kind: int, content: str, tags: list[list[str]], subject: str, what: int) -> None:
    found = read(message(event(1, T0, kind, content, tags)))
    assert isinstance(found, Reaction)
    assert (found.kind, found.subject, found.undone) == (what, post_id(f"nostr:{subject}").bytes, False)


@pytest.mark.parametrize(("kind", "content", "tags"), [(7, "-", [["e", A]]), (7, "+", []), (30023, "long", [])])
def test_what_is_not_counted_only_passes(kind: int, content: str, tags: list[list[str]]) -> None:
    assert isinstance(read(message(event(1, T0, kind, content, tags))), Passing)


def test_a_deletion_takes_back_each_event_it_names_as_its_own_authors() -> None:
    liked = event(1, T0, 7, "+", [["e", A]])
    undone = read(message(event(1, T0, 5, "", [["e", liked.id], ["k", "7"]])))
    foreign = read(message(event(2, T0, 5, "", [["e", liked.id], ["k", "7"]])))
    like = read(message(liked))
    assert undone.events == [Reaction(like.id, None, LIKE, T0 * 1_000_000, undone=True)]
    assert foreign.events[0].id != like.id

    posts = read(message(event(1, T0, 5, "", [["e", A], ["e", B], ["e", A], ["e", "junk"]])))
    assert isinstance(posts, Together)
    removed = [each.id for each in posts.events if isinstance(each, Removal)]
    assert removed == [post_id(f"nostr:{A}"), post_id(f"nostr:{B}")]
    post = event(1, T0)
    assert read(message(post)).tombstone == read(message(event(1, T0, 5, "", [["e", post.id]]))).events[0].tombstone


@pytest.mark.parametrize(
    ("tags", "vanishes"),
    [
        ([["relay", "ALL_RELAYS"]], True),
        ([["relay", "wss://relay.example"], ["relay", "ALL_RELAYS"]], True),
        ([["relay", "wss://relay.example"]], False),
        ([["r", "ALL_RELAYS"]], False),
        ([["relay"]], False),
        ([], False),
    ],
)
def test_a_wish_to_vanish_everywhere_is_the_authors_departure(tags: list[list[str]], vanishes: bool) -> None:
    wish = event(1, T0, 62, "", tags)
    found = read(message(wish))
    assert isinstance(found, AccountNotice) == vanishes
    if vanishes:
        assert found == AccountNotice(T0 * 1_000_000, wish.pubkey, author_hash(wish.pubkey), True)
