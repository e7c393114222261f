"""The second version of Jetstream: the same events as the first, what is refused, what is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.events import Passing
from services.relay.frames import Frame
from services.relay.pipeline.decode import MAX_AHEAD_US, decode, decode_frame
from services.relay.wires import jetstream, jetstream2
from services.relay.wires.look import Look
from shared.errors import MalformedFrame
from tests.support import wire, wire2
from tests.support.wire import T0

NOW = T0 + 1_000_000
LATEST = NOW + MAX_AHEAD_US

EVENTS = [
    wire.post(1, "a", T0, "Olá\x00 \U0001f600", langs=["pt-BR"], tags=["#x"]),
    wire.post(1, "a", T0 + 1, "changed", operation="update"),
    wire.like(2, "b", T0 + 2, wire.uri(1, "a")),
    wire.repost(3, "c", T0 + 3, wire.uri(1, "a")),
    wire.delete(2, "b", T0 + 4, wire.LIKE),
    wire.delete(1, "a", T0 + 5),
    wire.identity(4, T0 + 6),
    wire.account(5, T0 + 999_999),
    wire.commit(1, "f", T0 + 7, "app.bsky.graph.follow", "create", {"subject": "did:plc:x"}),
]


@pytest.mark.parametrize("event", EVENTS)
def test_both_versions_read_the_same_event(event: dict[str, Any]) -> None:
    first = decode_frame(Frame(wire.encode(event), 1), LATEST, jetstream.read_event)
    second = decode_frame(Frame(wire2.message(event, 7), 1), LATEST, jetstream2.read_event)
    assert first == second
    assert second.time_us == event["time_us"]


def test_a_sync_only_moves_the_cursor() -> None:
    sync = {"$type": f"{wire2.NSID}#sync", "seq": 3, "did": wire.did(1), "time": wire2.moment(T0), "sync": {}}
    assert jetstream2.read_event(wire2.frame(sync), LATEST) == Passing(T0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"$type": f"{wire2.NSID}#surprise"}, "wrong_type"),
        ({"$type": None}, "wrong_type"),
        ({"seq": "1"}, "wrong_type"),
        ({"seq": 0}, "bad_id"),
        ({"did": 5}, "wrong_type"),
        ({"did": "alice"}, "bad_id"),
        ({"time": 5}, "wrong_type"),
        ({"time": "2026-06-01T12:00:00"}, "wrong_type"),
        ({"time": "soon"}, "wrong_type"),
        ({"time": "1999-06-01T12:00:00Z"}, "bad_time"),
        ({"time": "2999-06-01T12:00:00Z"}, "bad_time"),
        ({"operation": "explode"}, "wrong_type"),
        ({"rkey": "../x"}, "bad_id"),
        ({"record": {"text": 5}}, "wrong_type"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], reason: str) -> None:
    data = wire2.frame(wire2.payload(EVENTS[0], 1) | change)
    with pytest.raises(MalformedFrame) as caught:
        decode_frame(Frame(data, len(data)), LATEST, jetstream2.read_event)
    assert caught.value.reason == reason


def test_frames_of_the_first_version_are_refused_and_the_other_way_round() -> None:
    for data, read in (
        (wire.encode(EVENTS[0]), jetstream2.read_event),
        (wire2.message(EVENTS[0], 1), jetstream.read_event),
    ):
        with pytest.raises(MalformedFrame) as caught:
            decode_frame(Frame(data, len(data)), LATEST, read)
        assert caught.value.reason == "wrong_type"


@given(st.binary(max_size=200))
def test_no_bytes_ever_raise_anything_else(data: bytes) -> None:
    assert len(decode([Frame(data, len(data))], NOW, jetstream2.read_event).refused) == 1
    assert jetstream2.look(data) is None


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (wire2.message(EVENTS[0], 41), Look(time_us=T0, token=41)),
        # the wrapped event has a number of its own, which is not the stream's
        (wire2.message(wire.account(5, T0), 42), Look(time_us=T0, token=42)),
        (wire2.error("ConsumerTooSlow", "5\nevents behind"), Look(error="ConsumerTooSlow: 5 events behind")),
        (b'{"$type":"error"}', Look(error="UnknownError")),
        (wire2.info("OutdatedCursor", "clamped"), Look(notice="OutdatedCursor: clamped")),
        (wire2.message(EVENTS[0], 0), None),
        (b'{"$type":"message"}', None),
        (b'{"$type":"message","payload":{"$type":"x","seq":1,"time":"2026-06-01T12:00:00"}}', None),
        (b"{", None),
    ],
)
def test_a_look_at_a_frame(data: bytes, seen: Look | None) -> None:
    assert jetstream2.look(data) == seen


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({}, Look(time_us=T0)),
        ({"cursor": 12_345}, Look(time_us=T0, token=12_345)),
        ({"cursor": T0}, Look(time_us=T0)),
        ({"cursor": -1}, Look(time_us=T0)),
        ({"cursor": "x"}, None),
        ({"time_us": 5}, None),
    ],
)
def test_a_look_at_a_frame_of_the_first_version(change: dict[str, Any], seen: Look | None) -> None:
    assert jetstream.look(wire.encode(EVENTS[0] | change)) == seen
