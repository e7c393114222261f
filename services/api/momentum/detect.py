"""The engine alone over a recording: its events in, one detection a line out.

Who calls brings the reader, so that posts are read as the relay reads them. The watermark is the
highest event time seen, so the result depends on the recording only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TextIO

import msgspec

from services.api.momentum.allocator import give_back_large_blocks
from services.api.momentum.config import MomentumConfig
from services.api.momentum.engine import Engine, Observation, Tick
from services.api.momentum.model import MINUTE_US
from shared.errors import InputError
from shared.recordings import UNREADABLE, opened


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One event of a recording: a post, the deletion of one (``deleted`` is its id), or another kind."""

    time_us: int
    post: Observation | None = None
    deleted: str = ""


#: Opens what a recording holds, in order; ``None`` for a line that cannot be read. May raise ``UNREADABLE``.
Reader = Callable[[BinaryIO], Iterable[Reading | None]]


class DetectSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run saw. ``malformed`` lines were skipped, ``ignored`` are other kinds of events."""

    lines: int
    posts: int
    deletes: int
    ignored: int
    malformed: int
    late: int
    minutes: int
    detections: int


class DetectedLine(msgspec.Struct, frozen=True):
    """One line of the output."""

    time_us: int
    topic: str
    terms: tuple[str, ...]
    score: float


def run_detect(path: str | Path, out_path: str | Path, read: Reader, include_provisional: bool = False) -> int:
    """Detect over ``path`` (plain, .gz or .zst) into ``out_path``. Returns the exit code: 0, or raises
    ``InputError`` (exit code 2) when a file cannot be read or written, or holds no post at all."""
    give_back_large_blocks()
    try:
        # The recording first: what cannot be read must not cost the detections of an earlier run.
        with opened(Path(path)) as content, _writable(Path(out_path), Path(path)) as out:
            summary = detect(read(content), out, include_provisional=include_provisional)
    except UNREADABLE as error:
        raise InputError(f"Cannot read the recording {path}.", why=str(error)) from error
    if not summary.posts:
        raise InputError(
            f"{path} holds no posts.",
            why=f"{summary.lines} lines were read, {summary.malformed} of them malformed.",
            do="Give a recording of Jetstream JSON lines.",
        )
    return 0


def _writable(out: Path, recording: Path) -> TextIO:
    """``out``, emptied. Raises InputError, also when that would empty the recording itself."""
    try:
        if out.exists() and out.samefile(recording):
            raise InputError(f"{out} is the recording itself.", do="Give --out another name; it would be overwritten.")
        return out.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write to {out}.", why=f"{error.strerror or error}.") from error


def detect(
    readings: Iterable[Reading | None],
    out: TextIO,
    config: MomentumConfig | None = None,
    include_provisional: bool = False,
) -> DetectSummary:
    """Run a fresh engine over ``readings``; detections are written as soon as their minute closes."""
    engine = Engine(config or MomentumConfig())
    count = dict.fromkeys(("lines", "posts", "deletes", "ignored", "malformed", "minutes", "detections"), 0)
    watermark = 0

    def emit(ticks: list[Tick]) -> None:
        count["minutes"] += len(ticks)
        for detection in (d for tick in ticks for d in tick.detections):
            if include_provisional or not detection.provisional:
                count["detections"] += 1
                line = DetectedLine(detection.time_us, detection.topic, detection.terms, detection.score)
                out.write(msgspec.json.encode(line).decode() + "\n")

    for reading in readings:
        count["lines"] += 1
        if reading is None:
            count["malformed"] += 1
            continue
        count[_take(engine, reading)] += 1
        minute = reading.time_us // MINUTE_US
        if minute > watermark:
            watermark = minute
            emit(engine.advance(minute * MINUTE_US))
    emit(engine.advance((watermark + 1) * MINUTE_US + engine.config.lateness_us))
    return DetectSummary(late=engine.drops.late, **count)


def _take(engine: Engine, reading: Reading) -> str:
    """Hand one event to the engine; returns the name of its counter."""
    if reading.post is not None:
        engine.observe((reading.post,))
        return "posts"
    if reading.deleted:
        engine.retract((reading.deleted,))
        return "deletes"
    return "ignored"
