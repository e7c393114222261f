"""The momentum engine's speed and memory, beside a plain z-score over the same posts.

    python -m bench.momentum [--memory-posts 10000000]

Speed is posts per CPU-second of one core: through the engine alone, through ``groundswell detect``
(parsing, terms and fingerprints included), and through the peer, which counts words in an hour and
scores them each minute. Memory is what the process holds in the end over what it held once the engine
was in its stride, snapshots taken on the way, over posts made of re-used texts at a high rate.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from bench.momentum_plant import DAY, MINUTE_US
from bench.momentum_stream import START_US, Setting, lines_of, posts_of, stream_of
from services.api.momentum.detect import detect
from services.api.momentum.engine import Engine, Observation
from services.cli.recorded import readings
from services.relay.frames import Frame

_SETTING = Setting(7, hard=True, minutes=2 * DAY, rate=2.0)
_AGAIN = 20


def main(memory_posts: int = 2_000_000) -> None:
    """Print rates, their ratios to the peer, and memory."""
    stream = stream_of(_SETTING)
    minutes = [(minute, posts) for minute, posts, _ in stream.minutes()]
    posts = len(stream.times)
    print(f"\nmomentum: {posts:,} posts of {_SETTING.minutes // 60} h, hard setting")
    engine = _rate("engine alone", posts, lambda: _engine(minutes))
    peer = _rate("plain z-score over words, posts as given", posts, lambda: _peer(minutes))
    lines = list(lines_of(posts_of(_SETTING)[0]))
    parsed = _rate("groundswell detect, parsing included", posts, lambda: _detect(lines))
    print(f"ratio to the peer: engine {engine / peer:.2f}, detect {parsed / peer:.2f} (the peer is given terms)")
    # A process of its own: what the above left behind would hide what the engine needs.
    command = [sys.executable, "-m", "bench.momentum", "--memory-only", "--memory-posts", str(memory_posts)]
    subprocess.run(command, check=True)


def _detect(lines: Iterable[bytes]) -> None:
    detect(readings(Frame(line, len(line)) for line in lines), io.StringIO())


def _rate(name: str, posts: int, work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    rate = posts / (time.process_time() - began)
    print(f"{name:42} {rate:9,.0f} posts per CPU-second", flush=True)
    return rate


def _engine(minutes: Iterable[tuple[int, list[Observation]]]) -> None:
    engine = Engine()
    for minute, posts in minutes:
        engine.observe(posts)
        engine.advance(START_US + minute * MINUTE_US)


def _peer(minutes: Iterable[tuple[int, list[Observation]]]) -> None:
    """Counts of an hour against their running mean and deviation, in dictionaries: what one writes first."""
    window: deque[list[str]] = deque()
    counts: Counter[str] = Counter()
    mean: dict[str, float] = {}
    square: dict[str, float] = {}
    for _, posts in minutes:
        terms = [term for post in posts for term in post.terms]
        window.append(terms)
        counts.update(terms)
        if len(window) > 60:
            counts.subtract(window.popleft())
        for term in set(terms):
            seen, usual = counts[term], mean.get(term, 0.0)
            deviation = max(square.get(term, 0.0) - usual * usual, 1.0) ** 0.5
            _ = (seen - usual) / deviation
            mean[term] = 0.999 * usual + 0.001 * seen
            square[term] = 0.999 * square.get(term, 0.0) + 0.001 * seen * seen


def _again(minutes: list[tuple[int, list[Observation]]], posts: int) -> Iterator[tuple[int, list[Observation]]]:
    """``posts`` posts of these texts, ``_AGAIN`` times as many a minute, by ever new authors."""
    made, minute = 0, 0
    while made < posts:
        batch = []
        for turn in range(_AGAIN):
            source = minutes[(minute * 7 + turn) % len(minutes)][1]
            for post in source:
                made += 1
                batch.append(
                    Observation(
                        START_US + minute * MINUTE_US + made % MINUTE_US,
                        f"m{made}",
                        made * 2_654_435_761 % (1 << 61),
                        post.terms,
                        (post.fingerprint + made) % (1 << 61),
                        post.language,
                    )
                )
        yield minute, batch
        minute += 1


def memory(posts: int) -> None:
    """Print what the engine holds over ``posts`` posts."""
    minutes = [(minute, batch) for minute, batch, _ in islice(stream_of(_SETTING).minutes(), 600, 660)]
    before = _resident()
    engine, settled, made, largest = Engine(), 0.0, 0, 0.0
    for minute, batch in _again(minutes, posts):
        engine.observe(batch)
        engine.advance(START_US + minute * MINUTE_US)
        made += len(batch)
        if minute % 60 == 59:
            largest = max(largest, len(engine.snapshot()) / 2**20)
        if minute == 240:
            settled = _resident()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"memory over {made:,} posts at {made / max(minute, 1) / 60:,.0f} a second, a snapshot an hour: "
        f"{settled:,.0f} MB settled, {_resident():,.0f} MB in the end ({_resident() / max(settled, 1.0) - 1:+.1%}); "
        f"of it the engine {_resident() - before:,.0f} MB; peak {peak:,.0f} MB, largest snapshot {largest:.0f} MB",
        flush=True,
    )


def _resident() -> float:
    """Resident memory of this process, MB."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory-posts", type=int, default=10_000_000)
    parser.add_argument("--memory-only", action="store_true")
    options = parser.parse_args()
    (memory if options.memory_only else main)(options.memory_posts)
