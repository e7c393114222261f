"""The engine over a recording of Jetstream JSON lines."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import msgspec
import pytest
import zstandard

from services.api.momentum import detect as detecting
from services.api.momentum.config import MomentumConfig
from services.api.momentum.detect import DetectSummary
from services.cli.recorded import reader
from shared.errors import InputError
from shared.recordings import opened
from tests.support.recorded import read
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0

WORDS = [
    a + b + c for a in ("ba", "ko", "ri", "su") for b in ("la", "mo", "ni", "te") for c in ("da", "fu", "xi", "go")
]


def detect(lines: Iterable[bytes], out: TextIO, config: MomentumConfig, **options: bool) -> DetectSummary:
    return detecting.detect(read(lines), out, config, **options)


def run_detect(path: Path, out: Path) -> int:
    return detecting.run_detect(path, out, reader(1 << 20))


def frame(minute: int, author: int, rkey: str, text: str, **change: object) -> bytes:
    commit = {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": rkey,
        "record": {"$type": "app.bsky.feed.post", "text": text, "langs": ["en-GB"], "createdAt": "1999"},
    }
    event = {"did": f"did:plc:{author}", "time_us": T0 + minute * MINUTE + author, "kind": "commit"}
    return msgspec.json.encode({**event, "commit": {**commit, **change}}) + b"\n"


@pytest.fixture(scope="module")
def recording() -> list[bytes]:
    chance = random.Random(1)
    lines = []
    for minute in range(60):
        for number in range(60):
            text = " ".join(chance.choices(WORDS, k=6))
            lines.append(frame(minute, chance.randrange(5000), f"b{minute}-{number}", text))
        for number in range(min(max(minute - 30, 0), 10)):
            text = f"Quake felt in Lisbon {' '.join(chance.choices(WORDS, k=5))}"
            lines.append(frame(minute, 6000 + minute * 20 + number, f"q{minute}-{number}", text))
    return lines


def test_a_planted_story_becomes_one_line(recording: list[bytes]) -> None:
    out = io.StringIO()
    summary = detect(recording, out, SMALL, include_provisional=True)
    lines = [msgspec.json.decode(line) for line in out.getvalue().splitlines()]
    assert set(lines[0]) == {"time_us", "topic", "terms", "score"}
    assert {"quake", "lisbon"} <= set(lines[0]["terms"])
    assert T0 + 30 * MINUTE < lines[0]["time_us"] < T0 + 42 * MINUTE
    assert summary.posts == summary.lines == len(recording)
    assert summary.minutes == 60
    assert summary.detections == len(lines)


def test_provisional_detections_are_kept_back_unless_asked_for(recording: list[bytes]) -> None:
    out = io.StringIO()
    assert detect(recording, out, SMALL).detections == 0
    assert out.getvalue() == ""


def test_broken_lines_are_counted_and_the_rest_goes_on(recording: list[bytes]) -> None:
    broken = [
        b"{",
        b"\xff\xfe\n",
        b'{"did":1}\n',
        b'{"did":"did:plc:d","time_us":5,"kind":"commit"}\n',
        b'{"did":"d","time_us":%d,"kind":"identity"}\n' % T0,
        b'{"did":"did:plc:d","time_us":99999999999999999,"kind":"identity"}\n',
        frame(2, 1, "x", "", record={"text": 7}),
        frame(0, 1, "like", "", collection="app.bsky.feed.like", record={"subject": {}}),
    ]
    ignored = [
        b'{"did":"did:plc:d","time_us":%d,"kind":"identity"}\n' % T0,
        frame(0, 1, "like", "", collection="app.bsky.feed.like", record={"subject": {"uri": "at://x"}}),
    ]
    with_story, without = io.StringIO(), io.StringIO()
    detect(recording, without, SMALL, include_provisional=True)
    summary = detect([*broken, *ignored, *recording, *broken], with_story, SMALL, include_provisional=True)
    assert (summary.malformed, summary.ignored) == (2 * len(broken), len(ignored))
    assert with_story.getvalue() == without.getvalue() != ""


def test_deleted_posts_do_not_count(recording: list[bytes]) -> None:
    # given that each post of the story is deleted as soon as it was written
    lines = []
    for line in recording:
        lines.append(line)
        event = msgspec.json.decode(line)
        if event["commit"]["rkey"].startswith("q"):
            event["commit"].update(operation="delete")
            del event["commit"]["record"]
            lines.append(msgspec.json.encode(event))
    summary = detect(lines, io.StringIO(), SMALL, include_provisional=True)
    assert summary.detections == 0
    assert summary.deletes == len(lines) - len(recording)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_recordings_are_opened_by_their_ending(tmp_path: Path, ending: str) -> None:
    content = frame(0, 1, "a", "hello there") * 3
    path = tmp_path / f"recording.{ending}"
    pack = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}.get(ending.rpartition(".")[2], bytes)
    # two members or frames, as appending writes them
    path.write_bytes(pack(content) + pack(content))
    with opened(path) as lines:
        assert list(lines) == [frame(0, 1, "a", "hello there")] * 6
    assert run_detect(path, tmp_path / "out.jsonl") == 0
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_unreadable_recordings_are_input_errors(tmp_path: Path) -> None:
    broken, empty, cut = tmp_path / "a.zst", tmp_path / "b.jsonl", tmp_path / "c.zst"
    broken.write_bytes(b"not zstd")
    cut.write_bytes(zstandard.compress(random.Random(1).randbytes(400_000))[:-200_000])
    empty.write_bytes(b"")
    damaged = tmp_path / "d.gz"
    damaged.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 100)  # a block of a type that does not exist
    for path, message in (
        (tmp_path / "missing", "Cannot read"),
        (damaged, "invalid block type"),
        (broken, "Cannot read"),
        (cut, "incomplete"),
        (empty, "holds no posts"),
    ):
        with pytest.raises(InputError, match=message):
            run_detect(path, tmp_path / "out")
    with pytest.raises(InputError, match=r"Cannot write to .*No such file"):
        run_detect(empty, tmp_path / "absent" / "out")


def test_the_defaults_are_the_operating_point_of_the_decision_record() -> None:
    config = MomentumConfig()
    assert (config.windows, config.lag_minutes, config.warmup_minutes) == ((10, 30, 60), 150, 1440)
    assert (config.alert_score, config.candidate_score, config.merge_jaccard) == (4.9, 3.5, 0.2)


def test_a_recording_is_never_overwritten_by_its_own_detections(tmp_path: Path, recording: list[bytes]) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(recording))
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    for out in (path, link):
        with pytest.raises(InputError, match="recording itself"):
            run_detect(path, out)
    assert path.read_bytes() == b"".join(recording)


def test_a_recording_that_is_not_there_leaves_earlier_detections_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("earlier")
    with pytest.raises(InputError, match="Cannot read"):
        run_detect(tmp_path / "absent.jsonl", out)
    assert out.read_text() == "earlier"
