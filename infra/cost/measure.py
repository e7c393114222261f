"""Runs the solo stack on a stream of the network's shares and sizes, and measures every process.

The frames are those of ``make bench``: two thirds likes, one event in eight a post, each post of words that come from
30,000 a language, so that no cache of sentences helps. They are sent at the pace asked for by a process that is not
counted. Nobody looks at the dashboard meanwhile and no agent runs.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from bench import frames
from bench.texts import texts
from infra.cost.measured import Run, Use
from infra.cost.processes import Sample, machine_cpu, of_tree
from infra.cost.record import SQL, Counts
from services.solo.progress import Progress
from services.solo.stack import Stack, UpOptions
from shared.config.load import load
from shared.store.database import Statement

SAMPLE_SECONDS = 5.0


_COUNTS = Statement(SQL, Counts)


def measure(rates: list[float], *, warm_seconds: float, seconds: float) -> Iterator[Run]:
    """A run for each rate in posts a second, the services apart and in one process."""
    with tempfile.TemporaryDirectory(prefix="groundswell-cost-") as folder:
        path = Path(folder) / "frames.jsonl"
        share = _record(path, max(rates), warm_seconds + seconds + 60)
        for combined in (False, True):
            for rate in rates:
                with _feed(path, rate / share) as url:
                    yield _one(url, rate, combined=combined, warm_seconds=warm_seconds, seconds=seconds)


def machine() -> str:
    """For people: processor, cores, system."""
    names = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return f"{os.cpu_count()} cores ({names or platform.machine()}), Python {platform.python_version()}"


def _record(path: Path, rate: float, seconds: float) -> float:
    """Write enough frames; the part of them that are posts."""
    probe = frames.record(path, 20_000, texts=texts())
    share = probe.shares["post"]
    made = frames.record(path, int(rate / share * seconds), texts=texts())
    print(made.describe(), file=sys.stderr)
    return made.shares["post"]


@contextlib.contextmanager
def _feed(path: Path, rate: float) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.feed", str(path), str(rate), "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/subscribe"
        finally:
            process.kill()


def _one(url: str, rate: float, *, combined: bool, warm_seconds: float, seconds: float) -> Run:
    with tempfile.TemporaryDirectory(prefix="groundswell-cost-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user when we are root
        given = {"data_dir": folder, "api_port": 0, "feed_url": url, "feed_name": "cost", "feed_backfill_minutes": 1}
        stack = Stack(load("solo", {}, given), UpOptions(source="jetstream", combined=combined), Progress())
        stack.on_signals()
        try:
            stack.start()
            stack.watch(warm_seconds)
            if stack.stop.is_set():
                raise KeyboardInterrupt
            return _watch(stack, rate, combined=combined, warm_seconds=warm_seconds, seconds=seconds)
        finally:
            stack.close()


def _watch(stack: Stack, rate: float, *, combined: bool, warm_seconds: float, seconds: float) -> Run:
    before = _counts(stack)
    began, busy = time.monotonic(), machine_cpu()
    samples = [_sample(stack)]
    while time.monotonic() - began < seconds and not stack.stop.is_set():
        stack.watch(SAMPLE_SECONDS)
        samples.append(_sample(stack))
    if stack.stop.is_set():
        raise KeyboardInterrupt
    took = time.monotonic() - began
    after = _counts(stack)
    services = [_use(name, [sample[name] for sample in samples], took) for name in samples[0]]
    return Run(
        combined=combined,
        posts_asked=rate,
        seconds=round(took, 1),
        warm_seconds=warm_seconds,
        events=after.events - before.events,
        posts=after.posts - before.posts,
        vectors=after.vectors - before.vectors,
        disk_bytes=after.disk_bytes - before.disk_bytes,
        vector_bytes=after.vector_bytes - before.vector_bytes,
        load=round(psutil.getloadavg()[0], 2),
        busy=round((machine_cpu() - busy) / took - sum(use.cores for use in services), 2),
        services=services,
    )


def _counts(stack: Stack) -> Counts:
    row = stack.database.fetch_one(_COUNTS)
    assert row is not None  # noqa: S101 - a query without FROM always has one
    return row


def _sample(stack: Stack) -> Mapping[str, Sample]:
    return {child.spec.name: of_tree(child.pid) for child in stack.supervisor.children if child.pid is not None}


def _use(name: str, samples: list[Sample], seconds: float) -> Use:
    return Use(
        name,
        int(statistics.fmean(sample.memory for sample in samples)),
        max(sample.memory for sample in samples),
        round((samples[-1].cpu - samples[0].cpu) / seconds, 4),
    )
