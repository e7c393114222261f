"""Small pure parts: positions, query strings, bodies, addresses of posts, file names, the chart's axis."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.api.doors.rest import read_body, read_query
from services.api.operations import audit
from services.api.operations.chart import Axis, series_of, values_of
from services.api.operations.invoking import read
from services.api.operations.posts import position, read_position
from services.api.operations.reports import file_name
from shared.contracts.addresses import post_address
from shared.errors import InputError
from shared.schemas.feed import Gap
from shared.schemas.post import Post
from shared.store.topics import Minute

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@given(some.datetimes(timezones=some.just(UTC)), some.uuids())
def test_a_position_reads_back_as_it_was(time: datetime, post: UUID) -> None:
    last = Post(id=str(post), feed="f", uri="u", url=None, author="a", time=time, text="t")
    assert read_position(position(last)) == (time, post)


@given(some.text(max_size=60))
def test_what_is_not_a_position_is_an_input_error_or_a_time(text: str) -> None:
    try:
        time, _ = read_position(text)
    except InputError:
        return
    assert time.tzinfo is UTC


@given(some.binary(max_size=200))
def test_no_query_string_or_body_causes_another_error(raw: bytes) -> None:
    for reader in (read_query, read_body):
        with contextlib.suppress(InputError):
            assert isinstance(reader(raw), dict)


def test_a_query_string_is_utf8_given_once_and_empty_means_absent() -> None:
    assert read_query(b"q=caf%C3%A9+x&feed=") == {"q": "café x"}
    for wrong in (b"q=%ff", b"q=1&q=2", b"q=\xff"):
        with pytest.raises(InputError):
            read_query(wrong)


DID = "did:plc:" + "a" * 24


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        (f"at://{DID}/app.bsky.feed.post/3kabc", f"https://bsky.app/profile/{DID}/post/3kabc"),
        ("at://did:web:a.example/app.bsky.feed.post/x", "https://bsky.app/profile/did:web:a.example/post/x"),
        (f"at://{DID}/app.bsky.feed.like/3kabc", None),
        (f"at://{DID}/app.bsky.feed.post/../../evil", None),
        (f"at://{DID}/app.bsky.feed.post/a?b=c", None),
        (f"at://{DID}/app.bsky.feed.post/a\n", None),
        ("at://did:plc:short/app.bsky.feed.post/a", None),
        ("javascript:alert(1)", None),
        ("https://evil.example", None),
        ("", None),
    ],
)
def test_a_posts_address_is_built_from_known_forms_only(uri: str, url: str | None) -> None:
    assert post_address(uri) == url


@given(some.text())
def test_a_file_name_is_always_plain(title: str) -> None:
    name = file_name(title, UUID(int=7), "pdf")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert name.endswith("-00000007.pdf")
    assert len(name) < 90


def minute(offset: int, posts: int) -> Minute:
    return Minute(topic="t", minute=NOON + timedelta(minutes=offset), posts=posts, authors=posts, usual=0.5)


def test_a_chart_breaks_in_gaps_and_before_the_first_word() -> None:
    gap = Gap(
        id="g", feed="f", start=NOON + timedelta(minutes=3, seconds=59), end=NOON + timedelta(minutes=5), cause="c"
    )
    axis = Axis(NOON, NOON + timedelta(minutes=7))
    stored = [minute(1, 4), minute(3, 9), minute(6, 2)]
    assert values_of(axis, stored, [gap], None) == [None, 4, 0, None, None, 0, 2]
    assert values_of(axis, stored, [gap], NOON + timedelta(minutes=1)) == [None, None, 0, None, None, 0, 2]
    assert series_of(axis, stored, [gap], None)[1].usual == 0.5


def test_an_axis_ends_with_the_last_whole_minute_and_has_a_longest_form() -> None:
    axis = Axis.before(NOON + timedelta(seconds=59), 3)
    assert (axis.start, axis.end) == (NOON - timedelta(minutes=3), NOON)
    assert Axis.since(NOON - timedelta(days=9), NOON, 60) == Axis(NOON - timedelta(hours=1), NOON)
    assert values_of(Axis.since(None, NOON, 60), [], [], None) == []


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        (audit.audit, {"since": "0.5"}),
        (audit.audit, {"since": "1780315200"}),
        (audit.audit, {"since": "-1e3"}),
        (audit.audit, {"before": "null"}),
        (audit.audit, {"outcome": "null"}),
        (audit.audit, {"limit": "null"}),
    ],
)
def test_a_text_is_not_taken_for_nothing_and_a_number_not_for_a_time(operation: Any, given: dict[str, str]) -> None:
    with pytest.raises(InputError):
        read(operation, given, strict=False)


def test_texts_that_mean_what_they_say_are_taken() -> None:
    found = read(audit.audit, {"since": "2026-06-01T12:00:00Z", "actor": "null", "limit": "7"}, strict=False)
    assert (found.since.year, found.actor, found.limit) == (2026, "null", 7)
