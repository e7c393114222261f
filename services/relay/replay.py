"""A recorded Jetstream stream through the same decode and store as a live one."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.relay.backoff import Backoff
from services.relay.commits import EARLIEST_US
from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline, observe
from services.relay.pipeline.store import Origin
from services.relay.sources.websocket_frames import KEPT_BYTES
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from services.relay.wires.jetstream import WIRE
from shared.config.settings import Settings
from shared.errors import InputError, StoreUnavailable
from shared.recordings import UNREADABLE, lines_of, unpacked
from shared.store import cursors, feed_rows
from shared.store.database import Database
from shared.store.migrate import check_schema

#: Waited for PostgreSQL in all before a replay gives up.
MAX_ATTEMPTS = 20
_REPORT_SECONDS = 2.0
_TIME = re.compile(rb'"time_us"\s*:\s*(\d{15,17})')


class ReplaySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did. ``events`` were read, ``stored`` changed the record, the others it held already."""

    feed: str
    events: int
    stored: int
    duplicated: int
    quarantined: int
    seconds: float
    events_per_second: float
    events_per_cpu_second: float


def replay(
    settings: Settings,
    path: str,
    speed: float | None,
    progress: Callable[[ReplaySummary], None] | None = None,
    stop: threading.Event | None = None,
) -> ReplaySummary:
    """Store the recording at ``path`` ("-" is standard input; .gz and .zst are unpacked).

    ``speed`` is how many times faster than its event time it runs, ``None`` as fast as it can.
    ``progress`` is called every two seconds. A second replay of the same recording stores nothing
    new. Raises InputError when it cannot be read or holds no event (then nothing of it is kept),
    SchemaNotReady, and StoreUnavailable after about a minute without PostgreSQL; run it again then, it
    is idempotent.
    """
    database = Database(settings, name="replay", size=2)
    database.open()
    try:
        check_schema(database)
        with _opened(path) as stream:
            return _Replay(settings, database, feed_of(path), speed, progress, stop or threading.Event()).run(stream)
    finally:
        database.close()


def feed_of(path: str) -> FeedSpec:
    """A feed of its own for each recording, named after its file."""
    name = "standard input" if path == "-" else Path(path).name
    stem = name.removesuffix(".gz").removesuffix(".zst").removesuffix(".jsonl").removesuffix(".json")
    plain = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:60] or "recording"
    return FeedSpec(f"file-{plain}", "file", f"file:{name}", 0)


class _Replay:
    """One run over one recording."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        spec: FeedSpec,
        speed: float | None,
        progress: Callable[[ReplaySummary], None] | None,
        stop: threading.Event,
    ) -> None:
        self._settings, self._database, self._spec = settings, database, spec
        self._speed, self._progress, self._stop = speed, progress, stop
        self._events = self._stored = self._duplicated = self._quarantined = 0
        self._began, self._cpu_began = time.monotonic(), time.process_time()
        self._reported = self._began
        self._first_us: int | None = None

    def run(self, stream: BinaryIO) -> ReplaySummary:
        origin = Origin(self._spec.id, WIRE, self._spec.url)
        cursor = ensure_feed(self._database, self._spec, origin, start_us=0, managed="replay")
        clock = DatabaseClock()
        clock.set(cursor.now_us)
        pipeline = Pipeline(self._database, origin, clock, cursor.position)
        self._report("catching_up", "A recording is being replayed.")
        try:
            for frames in self._batches(stream):
                self._keep_pace(frames[0])
                self._process(pipeline, frames)
                if time.monotonic() - self._reported > _REPORT_SECONDS:
                    self._report("catching_up", "A recording is being replayed.")
                if self._stop.is_set():
                    break
            if not self._events and not self._stop.is_set():
                raise _nothing(self._quarantined)
        except InputError as error:
            self._report("ended", f"{error.what} {error.why}")
            # A feed that never held anything is nobody's: what was no recording leaves nothing behind.
            self._database.execute(feed_rows.FORGET_EMPTY, {"feed": self._spec.id})
            raise
        self._report("ended", "The recording has been read to its end.")
        return self._summary()

    def _batches(self, stream: BinaryIO) -> Iterator[list[Frame]]:
        """Frames in batches; at a set pace a batch is one tenth of a second of the replay at most."""
        most = self._settings.relay_batch_events
        span_us = None if self._speed is None else max(int(self._speed * 100_000), 1)
        batch: list[Frame] = []
        ends_us: int | None = None
        broken: InputError | None = None
        frames = _unbroken(frames_of(stream, self._settings.relay_max_frame_bytes))
        while True:
            try:
                frame = next(frames, None)
            except InputError as error:  # what was read before is stored before it is said
                frame, broken = None, error
            if frame is None:
                break
            time_us = None if span_us is None else _time_us(frame)
            late = ends_us is not None and time_us is not None and time_us > ends_us
            if batch and (late or len(batch) >= most):
                yield batch
                batch, ends_us = [], None
            if span_us is not None and time_us is not None and ends_us is None:
                ends_us = time_us + span_us
            batch.append(frame)
        if batch:
            yield batch
        if broken is not None:
            raise broken

    def _keep_pace(self, frame: Frame) -> None:
        if self._speed is None or (time_us := _time_us(frame)) is None:
            return
        if self._first_us is None:
            self._first_us = time_us
        due = self._began + (time_us - self._first_us) / 1e6 / self._speed
        self._stop.wait(max(due - time.monotonic(), 0))

    def _process(self, pipeline: Pipeline, frames: list[Frame]) -> None:
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                results = pipeline.process(frames)
                break
            except StoreUnavailable:
                if backoff.attempts >= MAX_ATTEMPTS or self._stop.is_set():
                    raise
                self._stop.wait(backoff.next_seconds())
        for batch, outcome in results:
            self._events += batch.events
            self._stored += outcome.stored
            self._duplicated += outcome.duplicates
            self._quarantined += outcome.quarantined
            observe(self._spec.id, batch, outcome)

    def _report(self, status: str, reason: str) -> None:
        self._reported = time.monotonic()
        summary = self._summary()
        self._database.execute(
            cursors.REPORT,
            {
                "feed": self._spec.id,
                "status": status,
                "reason": reason,
                "rate": summary.events_per_second,
                "behind_seconds": None,
                "catch_up_seconds": None,
            },
        )
        if self._progress is not None and summary.events:
            self._progress(summary)

    def _summary(self) -> ReplaySummary:
        seconds = max(time.monotonic() - self._began, 1e-9)
        cpu_seconds = max(time.process_time() - self._cpu_began, 1e-9)
        return ReplaySummary(
            feed=self._spec.id,
            events=self._events,
            stored=self._stored,
            duplicated=self._duplicated,
            quarantined=self._quarantined,
            seconds=seconds,
            events_per_second=self._events / seconds,
            events_per_cpu_second=self._events / cpu_seconds,
        )


def frames_of(stream: BinaryIO, max_bytes: int) -> Iterator[Frame]:
    """One frame a line; one longer than ``max_bytes`` is marked and cut. Reading may raise ``UNREADABLE``."""
    for data, size in lines_of(stream, max_bytes):
        yield Frame(data[:KEPT_BYTES], size, "oversize") if len(data) > max_bytes else Frame(data, size)


def _unbroken(frames: Iterator[Frame]) -> Iterator[Frame]:
    try:
        yield from frames
    except UNREADABLE as error:
        raise InputError(
            "The recording breaks off.", why=str(error), do="What came before is stored; mend the file and run again."
        ) from error


def _nothing(unreadable: int) -> InputError:
    """What a file without a single event is told."""
    lines = "1 line" if unreadable == 1 else f"{unreadable:,} lines"
    return InputError(
        "The recording holds no event.",
        why=f"It has {lines}, and none can be read as Jetstream JSON." if unreadable else "It is empty.",
        do="Give a recording of Jetstream JSON lines, plain, .gz or .zst. Nothing of this one was kept.",
    )


def _time_us(frame: Frame) -> int | None:
    """Event time for pacing, without decoding; the decode stage judges whether it is sound."""
    found = _TIME.search(frame.data)
    return int(found[1]) if found and int(found[1]) >= EARLIEST_US else None


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        with unpacked(sys.stdin.buffer, path) as content:
            yield content
        return
    try:
        raw = Path(path).open("rb")  # noqa: SIM115 - closed below, after what wraps it
    except OSError as error:
        raise InputError(f"The recording {path} cannot be opened.", why=error.strerror or str(error)) from error
    with raw, unpacked(raw, path) as content:
        yield content
