"""``detect`` over a recording sees exactly the posts that the relay stores of it, and sees them the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from services.api.momentum import detect
from services.api.momentum.engine import Engine, Observation
from services.cli import main
from services.relay.replay import replay
from shared.config.settings import Settings
from shared.store import momentum
from shared.store.database import Database
from tests.support import wire
from tests.support.wire import SECOND, T0


def _facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


TEXTS: list[tuple[str, dict[str, Any]]] = [
    (
        "Silver Bridge closed #Storm today",
        {"tags": ["storm", "Sea Level"], "facets": [_facet(21, 27, tag="Storm"), _facet(0, 900, tag="nowhere")]},
    ),
    ("Read this", {"facets": [_facet(0, 4, uri="https://www.news.example/a/?utm_source=x")], "langs": ["en-GB"]}),
    ("A card", {"embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://news.example/card"}}}),
    ("Quoted", {"embed": {"media": {"external": {"uri": "https://youtu.be/abc"}}, "record": {}}}),
    ("No web address", {"facets": [_facet(0, 2, uri="javascript:alert(1)")], "langs": ["Klingon", "pt-BR"]}),
    ("蓮田鷹斗が逮捕", {"langs": ["ja"]}),
    ("ข่าวด่วน ธนภูมิถูกจับ น้ำท่วม", {"langs": ["th"]}),
    ("nul \x00 in 東京\x00地震 word\x00word", {}),
    ("long " * 4_000 + "end", {}),
    ("tags without end", {"tags": [f"tag{n}" for n in range(40)] + ["x" * 300]}),
    ("written anew by somebody we never read", {"operation": "update"}),
    ("", {}),
]


def recording() -> bytes:
    lines = [wire.encode(wire.post(n, f"p{n}", T0 + n * SECOND, text, **more)) for n, (text, more) in enumerate(TEXTS)]
    # given halves of characters, as careless programs cut them
    torn = json.dumps(wire.post(50, "torn", T0 + 20 * SECOND, "torn \ud83d emoji \udc00 here", tags=["a\ud83d"]))
    lines.append(torn.encode())
    # given the same again, deletions before and after, and what is no post
    lines += [lines[0], lines[-1]]
    lines.append(wire.encode(wire.delete(60, "early", T0 + 21 * SECOND)))
    lines.append(wire.encode(wire.post(60, "early", T0 + 22 * SECOND, "deleted before it came")))
    lines.append(wire.encode(wire.post(61, "late", T0 + 23 * SECOND, "deleted after it came")))
    lines.append(wire.encode(wire.delete(61, "late", T0 + 24 * SECOND)))
    lines.append(wire.encode(wire.like(1, "l", T0 + 25 * SECOND, wire.uri(0, "p0"))))
    lines.append(wire.encode(wire.identity(1, T0 + 26 * SECOND)))
    # given lines that nobody can read
    lines += [b"", b"{broken", b"\xff\xfe", wire.encode(wire.post(1, "big", T0, "x" * 30_000))]
    lines.append(wire.encode(wire.post(1, "bad key!", T0)))
    lines.append(wire.encode({**wire.post(1, "nobody", T0), "did": "nobody"}))
    lines.append(wire.encode(wire.post(1, "old", 5)))
    lines.append(wire.encode(wire.commit(1, "typed", T0, wire.POST, "create", {"text": 7})))
    lines.append(wire.encode(wire.commit(1, "facet", T0, wire.POST, "create", {"text": "x", "facets": [{}]})))
    lines.append(wire.encode(wire.post(70, "last", T0 + 30 * SECOND, "the last one")))
    return b"\n".join(lines) + b"\n"


class _Watched(Engine):
    """Remembers what it was shown."""

    posts: dict[str, Observation]
    gone: set[str]

    def observe(self, observations: Iterable[Observation]) -> None:
        shown = list(observations)
        for post in shown:
            self.posts.setdefault(post.post, post)
        super().observe(shown)

    def retract(self, posts: Iterable[str]) -> None:
        gone = list(posts)
        self.gone.update(gone)
        super().retract(gone)


def test_detect_sees_what_the_relay_stores(
    tmp_path: Path, database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(recording())
    # when the relay stores it
    summary = replay(Settings(postgres_url=postgres_url, relay_max_frame_bytes=24_000), str(path), None)
    stored = database.fetch(momentum.POSTS_AFTER, {"feed": summary.feed, "after": 0, "limit": 1_000})
    # when detect reads it
    monkeypatch.setattr(_Watched, "posts", {}, raising=False)
    monkeypatch.setattr(_Watched, "gone", set(), raising=False)
    monkeypatch.setattr(detect, "Engine", _Watched)
    monkeypatch.setenv("GROUNDSWELL_RELAY_MAX_FRAME_BYTES", "24000")
    assert main.main(["detect", str(path), "--out", str(tmp_path / "out.jsonl")]) == 0
    # then
    seen = {
        post.post: (post.time_us, post.author, list(post.terms), post.fingerprint, post.language)
        for post in _Watched.posts.values()
        if post.post not in _Watched.gone
    }
    assert seen == {row.id: (row.time_us, row.author, row.terms, row.fingerprint, row.language) for row in stored}
    assert len(stored) == len(TEXTS) + 2
    assert summary.quarantined == 8
