"""The momentum engine's speed and memory, beside a plain z-score over the same posts.

    python -m bench.momentum [--memory-posts 10000000]

Speed is posts per CPU-second of one core: through the engine alone, through ``groundswell detect``
(parsing, terms and fingerprints included), and through the peer, which counts words in an hour and
scores them each minute. A minute is judged once however many posts it holds, so speed depends on the
rate: the hard score stream brings two a second, made streams bring what an operator may see.
Memory is measured over a long made stream with deletes and a snapshot an hour, in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.momentum_made import Minute, made
from bench.momentum_plant import DAY, MINUTE_US
from bench.momentum_stream import START_US, Setting, lines_of, posts_of, stream_of
from services.api.momentum.allocator import give_back_free_pages, give_back_large_blocks
from services.api.momentum.detect import detect
from services.api.momentum.engine import Engine

_SETTING = Setting(7, hard=True, minutes=2 * DAY, rate=2.0)
_RATES, _MINUTES = (6, 97, 350), 120
_MEMORY_RATE = 97
_MARKS = (1_000_000, 2_000_000, 5_000_000, 10_000_000)


def main(memory_posts: int = 2_000_000) -> None:
    """Print rates, their ratios to the peer, and memory."""
    stream = stream_of(_SETTING)
    print(f"\nmomentum: {len(stream.times):,} posts of {_SETTING.minutes // 60} h, hard setting, 2 a second")
    engine = _rate("engine alone", stream.minutes(), Follower().take)
    peer = _rate("plain z-score over words, posts as given", stream.minutes(), Peer().take)
    # Imported when wanted: the memory below is the engine's, not the relay's that reads recordings.
    from services.cli.recorded import readings
    from services.relay.frames import Frame

    lines = list(lines_of(posts_of(_SETTING)[0]))
    began = time.process_time()
    detect(readings(Frame(line, len(line)) for line in lines), io.StringIO())
    parsed = len(stream.times) / (time.process_time() - began)
    print(f"{'groundswell detect, parsing included':42} {parsed:9,.0f} posts per CPU-second")
    print(f"ratio to the peer: engine {engine / peer:.2f}, detect {parsed / peer:.2f} (the peer is given terms)")
    for rate in _RATES:
        print(f"made stream, {rate} posts a second for {_MINUTES // 60} h")
        engine = _rate("engine alone", made(rate, rate * 60 * _MINUTES), Follower().take)
        peer = _rate("plain z-score over words, posts as given", made(rate, rate * 60 * _MINUTES), Peer().take)
        print(f"ratio to the peer: {engine / peer:.2f}", flush=True)
    # A process of its own: what the above left behind would hide what the engine needs.
    command = [sys.executable, "-m", "bench.momentum", "--memory-only", "--memory-posts", str(memory_posts)]
    subprocess.run(command, check=True)


def _rate(name: str, minutes: Iterable[Minute], take: Callable[[Minute], None]) -> float:
    """Posts per CPU-second that ``take`` manages; making them is not counted."""
    posts, spent = 0, 0.0
    for minute in minutes:
        began = time.process_time()
        take(minute)
        spent += time.process_time() - began
        posts += len(minute[1])
    print(f"{name:42} {posts / spent:9,.0f} posts per CPU-second", flush=True)
    return posts / spent


class Follower:
    """The engine, fed minute by minute."""

    def __init__(self) -> None:
        self.engine = Engine()

    def take(self, held: Minute) -> None:
        minute, posts, deleted = held
        self.engine.observe(posts)
        self.engine.retract(deleted)
        self.engine.advance(START_US + minute * MINUTE_US)


class Peer:
    """Counts of an hour against their running mean and deviation, in dictionaries: what one writes first."""

    def __init__(self) -> None:
        self.window: deque[list[str]] = deque()
        self.counts: Counter[str] = Counter()
        self.mean: dict[str, float] = {}
        self.square: dict[str, float] = {}

    def take(self, held: Minute) -> None:
        terms = [term for post in held[1] for term in post.terms]
        self.window.append(terms)
        self.counts.update(terms)
        if len(self.window) > 60:
            self.counts.subtract(self.window.popleft())
        for term in set(terms):
            seen, usual = self.counts[term], self.mean.get(term, 0.0)
            deviation = max(self.square.get(term, 0.0) - usual * usual, 1.0) ** 0.5
            _ = (seen - usual) / deviation
            self.mean[term] = 0.999 * usual + 0.001 * seen
            self.square[term] = 0.999 * self.square.get(term, 0.0) + 0.001 * seen * seen


def memory(posts: int) -> None:
    """Print what the process holds over ``posts`` posts, and at most while a snapshot is taken."""
    give_back_large_blocks()
    stream = made(_MEMORY_RATE, posts, at_once=200)
    next(stream)
    before, largest, during = _resident("VmRSS"), 0, 0.0
    print(f"memory at {_MEMORY_RATE} posts a second; without the engine {before:,.0f} MB", flush=True)
    follower, seen, hour = Follower(), 0, 0
    marks = [mark for mark in _MARKS if mark <= posts] or [posts]
    held: list[float] = []
    for minute in stream:
        follower.take(minute)
        seen += len(minute[1])
        if minute[0] // 60 > hour:
            hour = minute[0] // 60
            Path("/proc/self/clear_refs").write_text("5", "ascii")  # the high-water mark starts again
            largest = max(largest, len(follower.engine.snapshot()))
            during = max(during, _resident("VmHWM"))
            give_back_free_pages()  # as the job does after each snapshot
        if len(held) < len(marks) and seen >= marks[len(held)] - 200:
            held.append(_resident("VmRSS"))
            print(
                f"  after {seen:11,} posts {held[-1]:5,.0f} MB, of it the engine {held[-1] - before:,.0f}", flush=True
            )
    peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, during)
    print(
        f"  from the first to the last {held[-1] / held[0] - 1:+.1%}; at most {during:,.0f} MB while a snapshot is "
        f"taken (the largest is {largest / 2**20:.0f} MB), {peak:,.0f} MB ever",
        flush=True,
    )


def _resident(line: str) -> float:
    """A line of this process's memory figures, MB."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split(f"{line}:")[1].split()[0]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory-posts", type=int, default=10_000_000)
    parser.add_argument("--memory-only", action="store_true")
    options = parser.parse_args()
    (memory if options.memory_only else main)(options.memory_posts)
