"""The simulator as a process of its own: signals, restarts, recordings."""

from __future__ import annotations

import asyncio
import gzip
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from services.solo.simulator.entry import SimulatorOptions, record
from services.solo.simulator.server import wall_clock_us
from shared.errors import InputError
from tests.support import jetstream, texts

SCRIPT = """
import sys
from pathlib import Path
from services.solo.simulator.entry import SimulatorOptions, run
options = SimulatorOptions(rate=100, seed=3, anchor_us=int(sys.argv[1]), corpus=Path(sys.argv[2]))
sys.exit(run(options, ready=lambda url: print(url, flush=True)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return texts.write(tmp_path_factory.mktemp("corpus"))


@contextmanager
def simulator(anchor_us: int, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", SCRIPT, str(anchor_us), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


async def read(url: str, cursor: int, count: int) -> list[str | bytes]:
    async with asyncio.timeout(30), connect(f"{url}?cursor={cursor}", compression=None, max_queue=None) as client:
        return [await client.recv() for _ in range(count)]


def test_a_killed_simulator_started_again_serves_the_identical_stream(folder: Path) -> None:
    # given
    anchor_us = wall_clock_us() - 60_000_000
    with simulator(anchor_us, folder) as (process, url):
        before = asyncio.run(read(url, anchor_us, 2_000))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    # when
    with simulator(anchor_us, folder) as (_, url):
        after = asyncio.run(read(url, anchor_us, 2_000))
    # then
    assert after == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_with_1001_and_exit_code_0(folder: Path, number: signal.Signals) -> None:
    with simulator(wall_clock_us() - 1_000_000, folder) as (process, url):

        async def listen() -> int | None:
            async with asyncio.timeout(30), connect(url, compression=None) as client:
                await client.recv()
                process.send_signal(number)
                try:
                    while True:
                        await client.recv()
                except ConnectionClosed as end:
                    return end.rcvd.code if end.rcvd else None

        assert asyncio.run(listen()) == 1001
        assert process.wait(10) == 0


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_recording_holds_the_stream_line_by_line(folder: Path, tmp_path: Path, suffix: str) -> None:
    # given
    options = SimulatorOptions(rate=100, seed=3, anchor_us=1_789_992_000_000_000, corpus=folder)
    path = tmp_path / f"recording.{suffix}"
    # when
    assert record(options, path, events=1_500) == 1_500
    # then
    raw = path.read_bytes()
    if suffix.endswith("gz"):
        raw = gzip.decompress(raw)
    elif suffix.endswith("zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    frames = [jetstream.decode(line) for line in raw.splitlines()]
    assert len(frames) == 1_500
    stream = options.stream(wall_clock_us())
    assert raw.splitlines()[:20] == [event.frame for event in stream.events(0)[:20]]


def test_a_recording_ends_by_event_time_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    options = SimulatorOptions(rate=100, seed=3, anchor_us=1_789_992_000_000_000, corpus=folder)
    count = record(options, tmp_path / "a.jsonl", seconds=10)
    last = jetstream.decode((tmp_path / "a.jsonl").read_bytes().splitlines()[-1])
    assert 9_500_000 < last.time_us - 1_789_992_000_000_000 < 10_000_000
    assert 600 < count < 1_200
    with pytest.raises(InputError):
        record(options, tmp_path / "b.jsonl")
