"""Writes the stream as Jetstream JSON lines, one frame a line, for ``groundswell replay``."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard

from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.server import wall_clock_us
from services.solo.simulator.stream import Event, Stream
from shared.errors import InputError


def record(options: SimulatorOptions, path: Path, *, events: int | None = None, seconds: float | None = None) -> int:
    """Write from the anchor on, until ``events`` frames or ``seconds`` of event time, whichever is less.

    The suffix of ``path`` decides: ``.gz``, ``.zst`` or plain. Event time may run ahead of the
    clock. A file that exists is replaced. Returns the number of frames written.
    """
    if events is None and seconds is None:
        raise InputError("A recording needs an end.", do="Say how many events or seconds.")
    now_us = wall_clock_us()
    options.check(now_us)
    stream = options.stream(now_us)
    count = 0
    with _opened(path) as file:
        for event in itertools.islice(_until(stream, seconds), events):
            file.write(event.frame + b"\n")
            count += 1
    return count


def _until(stream: Stream, seconds: float | None) -> Iterator[Event]:
    if seconds is not None:
        yield from stream.between(stream.anchor_us, stream.anchor_us + round(seconds * 1_000_000))
        return
    for second in itertools.count():
        yield from stream.events(second)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=6) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile writes bytes like any binary file
    elif path.suffix == ".zst":
        with path.open("wb") as plain, zstandard.ZstdCompressor(level=6).stream_writer(plain) as writer:
            yield writer
    else:
        with path.open("wb") as plain:
            yield plain
