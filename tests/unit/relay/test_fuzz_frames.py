"""Mangled frames of each wire: an event, or a refusal with one of the fixed reasons; never anything else.

A bounded, repeatable slice. ``make contract-fuzz`` runs more: GROUNDSWELL_FUZZ_FRAMES is how many for each wire.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.relay.events import Event
from services.relay.frames import Frame
from services.relay.pipeline.decode import MAX_AHEAD_US, decode_frame
from services.relay.wires import jetstream, jetstream2, nostr
from shared.errors import MalformedFrame
from tests.support import nostr as signed
from tests.support import wire, wire2
from tests.support.wire import T0

FRAMES = int(os.environ.get("GROUNDSWELL_FUZZ_FRAMES", "150"))
LATEST = T0 + MAX_AHEAD_US
EVENTS = [
    wire.post(
        1,
        "a",
        T0,
        "hello",
        langs=["en"],
        tags=["x"],
        facets=[{"index": {"byteStart": 0, "byteEnd": 1}, "features": [{"tag": "x"}]}],
    ),
    wire.like(1, "b", T0, wire.uri(2, "a")),
    wire.delete(1, "a", T0),
    wire.account(1, T0, "deleted"),
]
SEEDS: dict[str, tuple[Callable[[bytes, int], Event], list[bytes]]] = {
    "jetstream": (jetstream.read_event, [wire.encode(event) for event in EVENTS]),
    "jetstream2": (jetstream2.read_event, [wire2.message(event, 7) for event in EVENTS]),
    "nostr": (nostr.read_event, [signed.message(signed.event(1, signed.T0, tags=[["t", "x"]]))]),
}
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def mangled(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A true frame with values replaced within its JSON, bytes changed, a piece cut out or doubled."""
    data = draw(st.sampled_from(seeds))
    if draw(st.booleans()):
        data = json.dumps(_replaced(draw, json.loads(data)), ensure_ascii=draw(st.booleans())).encode(
            "utf-8", "surrogatepass"
        )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        until = min(len(data), at + draw(st.integers(0, 20)))
        piece = draw(
            st.binary(max_size=6) | st.sampled_from([b"", data[at:until] * 2, b"\\u0000", b"\\ud800", b"[" * 2_000])
        )
        data = data[:at] + piece + data[until:]
    return data


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with one place within it taken by anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 5)):
            return {name: held for name, held in value.items() if name != key}
        return {**value, key: _replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _replaced(draw, value[at]), *value[at + 1 :]]
    return draw(VALUES)


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_frames(name: str) -> None:
    read, seeds = SEEDS[name]
    for seed in seeds:
        decode_frame(Frame(seed, len(seed)), LATEST, read)


@pytest.mark.parametrize("name", SEEDS)
def test_a_mangled_frame_is_an_event_or_refused_with_a_reason(name: str) -> None:
    read, seeds = SEEDS[name]
    refused: list[MalformedFrame] = []

    @settings(
        max_examples=FRAMES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(mangled(seeds))
    def fuzz(data: bytes) -> None:
        try:
            event = decode_frame(Frame(data, len(data)), LATEST, read)
        except MalformedFrame as error:
            refused.append(error)
            return
        assert 0 <= event.time_us <= LATEST

    fuzz()
    assert max(len(str(error)) for error in refused) < 2_000
    reasons = {error.reason for error in refused}
    assert len(reasons) >= 2
    assert all(reason.replace("_", "").isalpha() for reason in reasons)
