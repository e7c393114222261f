"""The second version of Jetstream, compressed frames and several hosts: a feed unit against scripted servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.schemas.base import Schema
from shared.store import cursors, feeds
from shared.store.cursors import Cursor
from shared.store.database import Statement
from tests.integration.relay.conftest import Running
from tests.integration.relay.test_stream import QUARANTINE, story
from tests.support import wire, wire2, zstd
from tests.support.scripted_feed import Script, ScriptedFeed, scripted_feed
from tests.support.scripted_feed2 import ScriptedFeed2, scripted_feed2
from tests.support.waiting import until
from tests.support.wire import SECOND, T0


class GapRow(Schema, frozen=True, kw_only=True):
    start_us: int
    end_us: int
    cause: str
    evidence: str


GAPS = Statement(
    """SELECT (extract(epoch FROM start_time) * 1000000)::bigint AS start_us,
              (extract(epoch FROM end_time) * 1000000)::bigint AS end_us, cause, evidence::text AS evidence
         FROM feed_gap ORDER BY start_time""",
    GapRow,
)


class Row(Schema, frozen=True, kw_only=True):
    row: str


#: Everything of a post that does not depend on when and in which order it was stored.
ROWS = Statement(
    """SELECT concat_ws('|', id, uri, author, author_hash, event_time, claimed_time, text, languages, tags, links,
                        terms, fingerprint, reply_to, likes, reposts, deleted_at IS NULL) AS row
         FROM post UNION ALL
       SELECT concat_ws('|', id, subject, kind, event_time, deleted) FROM reaction ORDER BY 1""",
    Row,
)


@pytest.fixture
def second(running: Running) -> Iterator[ScriptedFeed2]:
    """A server of the second version, which ``running`` reads."""
    with scripted_feed2() as feed:
        running.url = feed.url
        yield feed


def stored(running: Running, number: int) -> None:
    """Exactly the first ``number`` posts of the story, whatever was read twice."""
    until(lambda: running.counters().posts >= number, what=f"{number} posts")
    assert sorted(running.texts(), key=lambda text: int(text.split()[1])) == [f"post {n}" for n in range(number)]
    assert running.counters().posts == number


def said(running: Running) -> str:
    """The feed's reason, as REST, the dashboard and ``feed list`` show it."""
    found = running.database.fetch_one(feeds.ONE, {"feed": "jetstream"})
    return (found and found.reason) or ""


def cursor(running: Running) -> Cursor:
    found = running.database.fetch_one(cursors.READ_CURSOR, {"feed": "jetstream"})
    assert found is not None
    return found


def host(feed: ScriptedFeed) -> str:
    return feed.url.split("/")[2]


def drops(running: Running) -> Any:
    """What the reader said of the last connection that ended."""
    assert running.unit is not None
    return running.unit._reader._last_drop


def test_a_first_connection_asks_by_time_and_the_next_by_the_last_number(
    running: Running, second: ScriptedFeed2
) -> None:
    second.base = 1_000
    second.emit(*story(10))
    second.plan(Script(after=4, then="drop"))
    running.start()
    stored(running, 10)
    # the number asked for is inclusive: one event comes twice, none is lost
    assert second.cursors == [T0 - 60 * SECOND, 1_004]
    assert running.counters().duplicates == 1
    assert second.queries[0]["kinds"] == ["commit", "identity", "account"]
    until(lambda: cursor(running).token == 1_010)
    assert (cursor(running).wire, cursor(running).host) == ("jetstream/2", host(second))
    assert running.database.fetch(GAPS) == []


def test_a_restarted_relay_goes_on_from_the_stored_number(running: Running, second: ScriptedFeed2) -> None:
    second.emit(*story(5))
    running.start()
    stored(running, 5)
    running.stop()
    second.emit(*story(5, start=5))
    running.start()
    stored(running, 10)
    assert second.cursors[-1] == 5


def test_a_number_no_longer_kept_is_a_gap_from_the_position_to_the_first_event(
    running: Running, second: ScriptedFeed2
) -> None:
    second.emit(*story(5))
    running.start()
    stored(running, 5)
    running.stop()
    # given a server that has moved on while we were away
    second.emit(*story(15, start=5))
    second.floor = 12
    running.start()
    # then reading goes on from its floor, and what is between is a gap with the evidence
    until(lambda: running.counters().posts == 5 + 9)
    assert second.cursors[-2:] == [5, 12]
    [gap] = running.database.fetch(GAPS)
    assert (gap.start_us, gap.end_us, gap.cause) == (T0 + 4 * SECOND, T0 + 11 * SECOND, "cursor_too_old")
    evidence = json.loads(gap.evidence)
    assert (evidence["token"], evidence["floor"]) == (5, 12)
    # and it is told once, however often the connection ends afterwards
    running.stop()
    running.start()
    second.wait_for_connections(4)
    assert second.cursors[-1] == 20
    assert len(running.database.fetch(GAPS)) == 1


def test_a_floor_that_is_not_told_is_found_by_time(running: Running, second: ScriptedFeed2) -> None:
    second.emit(*story(5))
    running.start()
    stored(running, 5)
    running.stop()
    second.emit(*story(15, start=5))
    second.floor, second.vague = 12, True
    second.plan(Script(from_us=T0 + 11 * SECOND))
    running.start()
    until(lambda: running.counters().posts == 5 + 9)
    assert second.cursors[-2:] == [5, T0 + (4 - 5) * SECOND]
    [gap] = running.database.fetch(GAPS)
    assert (gap.start_us, gap.end_us, gap.cause) == (T0 + 4 * SECOND, T0 + 11 * SECOND, "cursor_too_old")


@pytest.mark.parametrize("base", [-3, 4])
def test_a_server_that_numbers_anew_is_asked_by_time(running: Running, second: ScriptedFeed2, base: int) -> None:
    second.base = 10
    second.emit(*story(5))
    running.start()
    stored(running, 5)
    running.stop()
    # given an archive that was rebuilt: the number we hold, 15, is not given yet or means a later event
    second.emit(*story(10, start=5))
    second.base = base
    running.start()
    second.wait_for_connections(2)
    second.emit(*story(2, start=15))
    # then what its first answer shows is enough to ask again by time, and nothing is lost
    stored(running, 17)
    assert second.cursors[1:] == [15, T0 + (4 - 5) * SECOND]
    assert running.database.fetch(GAPS) == []


@pytest.mark.parametrize("packed", [False, True])
def test_being_kicked_is_told_with_its_evidence(running: Running, second: ScriptedFeed2, packed: bool) -> None:
    if packed:
        running.options = {"zstd_dictionary": "server"}
    second.emit(*story(6))
    second.plan(Script(after=3, then="error"))
    running.start()
    stored(running, 6)
    drop = drops(running)
    assert drop.cause == "kicked"
    assert drop.evidence["detail"].startswith("ConsumerTooSlow: reading below the floor rate")
    assert running.counters().quarantined == 0


def test_warming_up_is_refused_and_tried_again(running: Running, second: ScriptedFeed2) -> None:
    second.warming = 2
    second.emit(*story(3))
    running.start()
    stored(running, 3)
    drop = drops(running)
    assert (drop.cause, drop.evidence["detail"]) == ("refused", "the server answered HTTP 503")


def test_notices_are_no_events_and_bad_frames_are_quarantined(running: Running, second: ScriptedFeed2) -> None:
    good = story(4)
    second.emit(good[0])
    for payload in (wire2.info("OutdatedCursor", "starting at seq 9").decode(), "{half", '{"$type":"surprise"}'):
        second.emit_raw(T0, payload)
    second.emit_raw(T0, b"\x28\xb5\x2f\xfd nobody asked for it")
    second.emit(*good[1:])
    running.start()
    stored(running, 4)
    assert [row.reason for row in running.database.fetch(QUARANTINE)] == ["binary", "not_json", "wrong_type"]
    until(lambda: cursor(running).token == 8)


def test_the_first_version_from_a_numbering_server_is_resumed_by_number(
    running: Running, second: ScriptedFeed2
) -> None:
    second.path, second.base = "/subscribe", 70
    running.url = second.url
    second.emit(*story(8))
    second.plan(Script(after=3, then="drop"))
    running.start()
    stored(running, 8)
    assert second.cursors == [T0 - 60 * SECOND, 73]
    assert (cursor(running).wire, cursor(running).token) == ("jetstream/1", 78)


def test_a_numbering_server_that_stops_numbering_is_asked_by_time(running: Running, second: ScriptedFeed2) -> None:
    second.path = "/subscribe"
    running.url = second.url
    second.emit(*story(5))
    running.start()
    stored(running, 5)
    running.stop()
    second.frames = {place: wire.encode(event).decode() for place, event in enumerate(story(9))}
    second.emit(*story(4, start=5))
    running.start()
    stored(running, 9)
    assert second.cursors[1:3] == [5, T0 + (4 - 5) * SECOND]


CHATTER = [
    wire.post(1, "a", T0, "one #x", tags=["x"]),
    wire.like(2, "l", T0 + 1, wire.uri(1, "a")),
    wire.post(3, "b", T0 + 2, "two"),
    wire.post(3, "b", T0 + 3, "two, changed", operation="update"),
    wire.repost(4, "r", T0 + 4, wire.uri(3, "b")),
    wire.delete(2, "l", T0 + 5, wire.LIKE),
    wire.post(5, "c", T0 + 6, "gone soon"),
    wire.delete(5, "c", T0 + 7),
    wire.identity(6, T0 + 8),
    wire.account(6, T0 + 9),
]


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_the_same_events_over_both_versions_give_the_same_rows(
    running: Running, scripted: ScriptedFeed, order: tuple[str, str]
) -> None:
    with scripted_feed2() as second:
        feeds = {"first": scripted, "second": second}
        rows, due = [], 0
        for feed in (feeds[name] for name in order):
            feed.emit(*CHATTER)
            running.url = feed.url
            running.start()
            feed.wait_for_connections(1)
            due += len(CHATTER)
            until(lambda events=due: running.counters().events >= events)
            running.stop()
            rows.append(running.database.fetch(ROWS))
    assert rows[0] == rows[1]
    assert len(rows[0]) == 5
    # and the version that came later was asked by time, since numbers mean nothing elsewhere
    assert feeds[order[1]].cursors == [T0 + 9 - 5 * SECOND]


# --- compressed frames -------------------------------------------------------------------------------------


def test_the_servers_dictionary_is_fetched_once_and_frames_come_packed(
    running: Running, second: ScriptedFeed2, tmp_path: Path
) -> None:
    running.options = {"zstd_dictionary": "server"}
    second.emit(*story(5))
    for _ in range(2):
        running.start(data_dir=str(tmp_path))
        stored(running, 5)
        running.stop()
    assert (second.fetched, second.queries[0]["zstdDictionary"]) == (1, ["7"])
    assert "uncompressed" not in said(running)
    assert running.counters().quarantined == 0


def test_a_retired_dictionary_is_fetched_anew(running: Running, second: ScriptedFeed2, tmp_path: Path) -> None:
    running.options = {"zstd_dictionary": "server"}
    running.start(data_dir=str(tmp_path))
    second.emit(*story(3))
    stored(running, 3)
    running.stop()
    second.dictionary = 8
    second.emit(*story(3, start=3))
    running.start(data_dir=str(tmp_path))
    stored(running, 6)
    assert second.fetched == 2
    assert [query.get("zstdDictionary") for query in second.queries] == [["7"], ["7"], ["8"]]


@pytest.mark.parametrize("content", [None, b"no dictionary", zstd.dictionary(99)])
def test_without_a_dictionary_that_fits_the_feed_is_read_plain(
    running: Running, second: ScriptedFeed2, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "dictionary"
    if content is not None:
        path.write_bytes(content)
    running.options = {"zstd_dictionary": str(path)}
    second.emit(*story(4))
    running.start()
    stored(running, 4)
    assert "zstdDictionary" not in second.queries[-1]
    # and everybody who asks how the feed is hears of it
    until(lambda: "Read uncompressed: " in said(running), what="the reason on the feed")


@pytest.mark.parametrize("number", [7, 99])
def test_frames_of_another_dictionary_are_read_again_plain_and_none_is_lost(
    running: Running, scripted: ScriptedFeed, tmp_path: Path, number: int
) -> None:
    # given a server of the first version, which packs with a dictionary of its own: id or content differ
    path = tmp_path / "dictionary"
    path.write_bytes(zstd.dictionary(7))
    running.options = {"zstd_dictionary": str(path)}
    other = zstd.dictionary(number) if number != 7 else zstd.other(7)
    for event in story(3):
        scripted.emit_raw(event["time_us"], zstd.pack(other, wire.encode(event)))  # type: ignore[arg-type]
    running.start()
    scripted.wait_for_connections(2)
    assert [query.get("compress") for query in scripted.queries[:2]] == [["true"], None]
    assert drops(running).cause == "restart"
    assert "uncompressed" in drops(running).reason


def test_packed_frames_of_the_first_version_are_read_and_bad_ones_quarantined(
    running: Running, scripted: ScriptedFeed, tmp_path: Path
) -> None:
    made, path = zstd.dictionary(7), tmp_path / "dictionary"
    path.write_bytes(made)
    events = story(4)
    whole = [zstd.pack(made, wire.encode(event)) for event in events]
    scripted.emit_raw(T0, whole[0])
    scripted.emit_raw(T0, whole[1][:-9])
    scripted.emit_raw(T0, b"not zstd at all")
    scripted.emit_raw(T0, zstd.pack(made, bytes(50_000_000)))
    scripted.emit_raw(T0, zstd.pack(made, b"{half"))
    scripted.emit(events[1])
    for frame in whole[2:]:
        scripted.emit_raw(T0, frame)
    running.start(feed_zstd_dictionary=str(path), relay_max_frame_bytes=100_000)
    stored(running, 4)
    found = {row.reason: row.raw for row in running.database.fetch(QUARANTINE)}
    assert set(found) == {"zstd", "oversize", "not_json"}
    assert found["not_json"] == b"{half"
    assert running.counters().quarantined == 4
    assert len(scripted.cursors) == 1


# --- several hosts -----------------------------------------------------------------------------------------


def test_a_host_that_gives_nothing_is_left_for_the_next_and_nothing_is_lost_or_doubled(
    running: Running, scripted: ScriptedFeed
) -> None:
    with scripted_feed() as other:
        running.url = f"{scripted.url}, {other.url}"
        # given two hosts that saw the same posts, the second one 0.3 s later and one post before the other
        events = story(30)
        later = [event | {"time_us": event["time_us"] + 300_000} for event in events]  # type: ignore[operator]
        later[7], later[8] = later[8], later[7]
        scripted.emit(*events[:12])
        other.emit(*later)
        scripted.plan(Script(after=12, then=1008), Script(then="reject"), *[Script(then="reject")] * 20)
        running.start()
        stored(running, 30)
        # then the first host was tried again, and the second asked by time with an overlap
        assert len(scripted.cursors) == 2
        assert other.cursors == [T0 + (11 - 5) * SECOND]
        assert cursor(running).host == host(other)
        assert running.database.fetch(GAPS) == []


def test_numbers_hold_on_their_own_host_only(running: Running, second: ScriptedFeed2) -> None:
    with scripted_feed2() as other:
        running.url, running.options = second.url, {"hosts": [other.url]}
        second.base, other.base = 100, 9_000
        second.emit(*story(6))
        other.emit(*story(12))
        second.plan(Script(after=6, then="drop"), Script(then="reject"))
        other.plan(Script(after=8, then="drop"))
        running.start()
        stored(running, 12)
        assert second.cursors == [T0 - 60 * SECOND, None]
        # by time at first, then by its own number
        assert other.cursors == [T0 + (5 - 5) * SECOND, 9_008]
        running.stop()
        # and a restart begins where the number belongs to, not with the first host named
        other.emit(*story(2, start=12))
        running.start()
        stored(running, 14)
        assert other.cursors[-1] == 9_012
        assert len(second.cursors) == 2
