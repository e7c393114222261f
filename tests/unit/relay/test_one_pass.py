"""Reading a frame in one typed pass changes nothing: it comes out as when the record is read by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.events import Event
from services.relay.frames import Frame
from services.relay.pipeline.decode import MAX_AHEAD_US, decode_frame
from services.relay.wires import jetstream, jetstream2
from shared.errors import MalformedFrame
from tests.support import wire
from tests.support.wire import T0

LATEST = T0 + MAX_AHEAD_US
_URI = wire.uri(9, "p")
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "$type": st.sampled_from([wire.POST, wire.LIKE, wire.REPOST, "app.bsky.graph.follow", 7, None]),
    "text": st.sampled_from(["a", "", "\ud800", 5, None]),
    "createdAt": st.sampled_from(["2026-06-01T11:59:59.651Z", "", 5]),
    "langs": st.sampled_from([["en"], [], ["pt-BR", "en"], None, "en", [1]]),
    "tags": st.sampled_from([["a"], [], None]),
    "subject": st.sampled_from([{"uri": _URI}, {"uri": 5}, {}, "did:plc:x", None]),
    "reply": st.sampled_from([{"parent": {"uri": _URI}}, {"parent": {}}, None]),
    "facets": st.sampled_from(
        [[], None, [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [{"tag": "t"}]}], [{}]]
    ),
    "embed": st.sampled_from([None, {}, {"external": {"uri": "https://c.example"}}, {"external": 5}]),
}
RECORDS = st.fixed_dictionaries({}, optional=_VALUES) | st.sampled_from([None, 5, "record", []])
COMMITS = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["create", "update", "delete", "other"]),
        "collection": st.sampled_from([wire.POST, wire.LIKE, wire.REPOST, "app.bsky.graph.follow"]),
        "rkey": st.sampled_from(["a", "/", ""]),
    },
    optional={"record": RECORDS},
)


def _outcome(read: Callable[[bytes, int], Event], data: bytes) -> Any:
    try:
        return decode_frame(Frame(data, len(data)), LATEST, read)
    except MalformedFrame as error:
        return error.reason, error.why


def _refuse(data: bytes) -> Any:
    raise msgspec.ValidationError("not in one pass")


@pytest.mark.parametrize("module", [jetstream, jetstream2])
@given(COMMITS)
def test_one_pass_gives_what_two_give(module: Any, commit: dict[str, Any]) -> None:
    if module is jetstream:
        event = {"did": wire.did(1), "time_us": T0, "kind": "commit", "commit": commit}
    else:
        kind = {"$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": 5, "time": "2026-06-01T11:59:59.651Z"}
        event = {"$type": "message", "payload": {**kind, "did": wire.did(1), **commit}}
    data = wire.encode(event)
    once = _outcome(module.read_event, data)
    with patch.object(module, "_usual", SimpleNamespace(decode=_refuse)):
        assert _outcome(module.read_event, data) == once


def test_usual_frames_take_one_pass() -> None:
    with patch.object(jetstream, "_any", None):
        for event in (
            wire.post(1, "a", T0),
            wire.like(1, "b", T0, _URI),
            wire.delete(1, "a", T0),
            wire.identity(1, T0),
        ):
            jetstream.read_event(wire.encode(event), LATEST)
