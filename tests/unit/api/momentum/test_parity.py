"""``detect`` over a recording counts what the relay stored of the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from services.api.momentum import detect
from services.api.momentum.engine import Observation
from services.relay.frames import Frame
from services.relay.pipeline.count import count
from services.relay.pipeline.decode import decode
from services.relay.wires.jetstream import read_event
from tests.support import wire


class _Sink:
    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def observe(self, observations: Sequence[Observation]) -> None:
        self.seen += observations


def _facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (
            "Silver Bridge closed #Storm today",
            {"tags": ["storm", "Sea Level"], "facets": [_facet(21, 27, tag="Storm")]},
        ),
        ("Read this", {"facets": [_facet(0, 4, uri="https://www.news.example/a/?utm_source=x")], "langs": ["en-GB"]}),
        ("A card", {"embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://news.example/card"}}}),
        ("Quoted", {"embed": {"media": {"external": {"uri": "https://youtu.be/abc"}}, "record": {}}}),
        ("蓮田鷹斗が逮捕", {"langs": ["ja"]}),
        ("ข่าวด่วน ธนภูมิถูกจับ น้ำท่วม", {"langs": ["th"]}),
        ("nul \x00 in 東京\x00地震 word\x00word", {}),
        ("long " * 4_000 + "end", {}),
    ],
)
def test_detect_and_relay_see_the_same_post(text: str, record: dict[str, Any]) -> None:
    data = wire.encode(wire.post(1, "3k1", wire.T0, text, **record))
    sink: Any = _Sink()
    events, records = msgspec.json.Decoder(detect._Event), msgspec.json.Decoder(detect._Record)
    detect._take(sink, events.decode(data), records)
    (stored,) = decode([Frame(data, len(data))], wire.T0, read_event).posts
    count([stored])
    (seen,) = sink.seen
    assert (list(seen.terms), seen.fingerprint) == (stored.terms, stored.fingerprint)
    assert (seen.author, seen.language) == (stored.author_hash, (stored.languages or [""])[0])
