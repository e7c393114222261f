"""Replaying a recording: plain, packed, twice, at a pace, broken off."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from services.relay.replay import ReplaySummary, feed_of, replay
from shared.config.settings import Settings
from shared.errors import InputError
from shared.schemas.base import Schema
from shared.store import feeds
from shared.store.database import Database, Statement
from tests.support import wire
from tests.support.wire import SECOND, T0


class Number(Schema, frozen=True, kw_only=True):
    n: int


POSTS = Statement("SELECT count(*) AS n FROM post", Number)


def recording(posts: int = 300) -> bytes:
    lines = [wire.encode(wire.post(n, f"p{n}", T0 + n * SECOND, f"text {n}")) for n in range(posts)]
    lines.insert(5, b"{broken")
    lines.insert(9, wire.encode(wire.like(1, "l", T0 + SECOND, wire.uri(0, "p0"))))
    lines.insert(10, wire.encode(wire.identity(1, T0 + SECOND)))
    return b"\n".join(lines) + b"\n"


@pytest.fixture
def settings(postgres_url: str) -> Settings:
    return Settings(postgres_url=postgres_url, relay_batch_events=100)


PACKERS = {
    "stream.jsonl": lambda data: data,
    "stream.jsonl.gz": gzip.compress,
    "stream.jsonl.zst": lambda data: zstandard.compress(data[:50]) + zstandard.compress(data[50:]),
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_recording_is_stored_once_however_often_it_is_replayed(
    tmp_path: Path, database: Database, settings: Settings, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS[name](recording()))
    seen: list[ReplaySummary] = []
    first = replay(settings, str(path), None, seen.append)
    assert (first.events, first.stored, first.duplicated, first.quarantined) == (302, 301, 0, 1)
    second = replay(settings, str(path), None)
    assert (second.events, second.stored, second.duplicated, second.quarantined) == (302, 0, 302, 1)
    assert database.fetch(POSTS)[0].n == 300
    assert seen[-1].events == 302
    feed = database.fetch_one(feeds.ONE, {"feed": "file-stream"})
    assert feed is not None
    assert (feed.kind, feed.status, feed.url, feed.posts) == ("file", "ended", f"file:{name}", 300)
    assert feed.last_event_time is not None
    assert feed.last_event_time.timestamp() * SECOND == T0 + 299 * SECOND


@pytest.mark.parametrize("name", PACKERS)
def test_standard_input_is_a_recording_too_packed_or_not(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(PACKERS[name](recording(10)))))
    assert replay(settings, "-", None).stored == 11
    assert database.fetch_one(feeds.ONE, {"feed": "file-standard-input"}) is not None


def test_a_pace_makes_small_batches_and_loses_nothing(tmp_path: Path, database: Database, settings: Settings) -> None:
    path = tmp_path / "slow.jsonl"
    path.write_bytes(recording(50))
    assert replay(settings, str(path), 1_000.0).stored == 51
    assert database.fetch(POSTS)[0].n == 50


def test_an_oversize_line_is_quarantined_and_the_rest_is_read(
    tmp_path: Path, database: Database, settings: Settings
) -> None:
    path = tmp_path / "big.jsonl"
    path.write_bytes(b"x" * 3_000_000 + b"\r\n" + recording(3) + b"\n\n" + wire.encode(wire.identity(1, T0)))
    summary = replay(settings, str(path), None)
    assert (summary.stored, summary.quarantined) == (4, 2)


def test_a_recording_that_is_damaged_inside_is_a_clear_error_and_keeps_what_came_before(
    tmp_path: Path, database: Database, settings: Settings
) -> None:
    path = tmp_path / "stream.jsonl.gz"
    lines = recording(4_000)
    # Two members, the second of which begins with a block of a type that does not exist: zlib's own error.
    path.write_bytes(gzip.compress(lines) + gzip.compress(lines)[:10] + b"\xff" * 100)
    with pytest.raises(InputError, match="breaks off"):
        replay(settings, str(path), None)
    assert database.fetch(POSTS)[0].n > 100
    feed = database.fetch_one(feeds.ONE, {"feed": "file-stream"})
    assert feed is not None
    assert feed.status == "ended"


def test_the_last_lines_before_a_recording_breaks_off_are_stored_too(
    tmp_path: Path, database: Database, settings: Settings
) -> None:
    path = tmp_path / "stream.jsonl.gz"
    path.write_bytes(gzip.compress(recording(50)) + gzip.compress(b"{}")[:10])  # less than one batch
    with pytest.raises(InputError, match="What came before is stored"):
        replay(settings, str(path), None)
    assert database.fetch(POSTS)[0].n == 50


@pytest.mark.parametrize("name", ["stream.jsonl.gz", "stream.jsonl.zst"])
def test_a_recording_that_breaks_off_is_a_clear_error_and_keeps_what_came_before(
    tmp_path: Path, database: Database, settings: Settings, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS[name](recording(2_000))[:-40])
    with pytest.raises(InputError, match="breaks off"):
        replay(settings, str(path), None)
    assert database.fetch(POSTS)[0].n > 100
    feed = database.fetch_one(feeds.ONE, {"feed": "file-stream"})
    assert feed is not None
    assert feed.status == "ended"
    assert "breaks off" in (feed.reason or "")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "lines, and none can be read"),
        (b"one line that is no JSON", "It has 1 line, and none"),
        (b'{"hello": "world"}\n[1, 2]\n', "It has 2 lines"),
        (b"", "It is empty"),
        (b"\n\n", "It is empty"),
    ],
)
def test_what_is_no_recording_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, database: Database, settings: Settings, content: bytes, why: str
) -> None:
    path = tmp_path / "garbage.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="holds no event") as caught:
        replay(settings, str(path), None)
    assert why in caught.value.why
    assert caught.value.exit_code == 2
    assert database.fetch(feeds.ALL) == []


def test_garbage_under_the_name_of_a_recording_takes_nothing_from_it(
    tmp_path: Path, database: Database, settings: Settings
) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(recording(20))
    replay(settings, str(path), None)
    path.write_bytes(b"garbage\n" * 9)
    with pytest.raises(InputError, match="holds no event"):
        replay(settings, str(path), None)
    feed = database.fetch_one(feeds.ONE, {"feed": "file-day"})
    assert feed is not None
    assert (feed.status, feed.posts) == ("ended", 20)
    assert "none can be read" in (feed.reason or "")


def test_a_file_that_is_not_there_is_a_clear_error(settings: Settings, tmp_path: Path, database: Database) -> None:
    with pytest.raises(InputError, match="No such file"):
        replay(settings, str(tmp_path / "absent.jsonl"), None)


@pytest.mark.parametrize(
    ("path", "feed"),
    [("/a/b/My Day.jsonl.gz", "file-my-day"), ("-", "file-standard-input"), ("../日本.jsonl", "file-recording")],
)
def test_a_feed_is_named_after_its_file(path: str, feed: str) -> None:
    assert feed_of(path).id == feed
