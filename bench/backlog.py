"""An hour of backlog, and the live tail behind it.

    python -m bench.backlog [--minutes M] [--rate R] [--embed-minutes M] [--embed-seconds N]

First without embeddings: a relay that was away for an hour connects to a feed of 350 events/s which
goes on meanwhile. How long until it is less than two seconds behind, how many events per CPU-second
of the relay, its memory, and how late the live tail is committed from then on. Then with the real
model on fresh engines and a shorter backlog: how late the live tail is while vectors are still being
filled in behind, compared with the first part. The feed is ``bench.feed``, which is faster than the
relay; it runs on the same machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from bench import frames
from bench.stack import FEED, Freshness, Process, Stack, freshness, stack

MINUTES, RATE = 60.0, 350.0
EMBED_MINUTES, EMBED_SECONDS, TAIL_SECONDS = 5.0, 60.0, 30.0
LIMIT_MINUTES = 5.0
#: The tail is looked at so long after it was reached.
SETTLE_SECONDS = 5.0
#: Closer than this to the feed's newest event is caught up.
CAUGHT_UP_SECONDS = 2.0
_VECTORS = "SELECT (SELECT count(*) FROM post_vector), (SELECT count(*) FROM embedding_pending)"


def main(arguments: list[str] | None = None) -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.backlog")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--embed-minutes", type=float, default=EMBED_MINUTES)
    parser.add_argument("--embed-seconds", type=float, default=EMBED_SECONDS)
    parser.add_argument("--recording", type=Path, help="file of frames to use, made where missing; kept")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder:
        path = options.recording or Path(folder) / "frames.jsonl"
        if not path.exists():
            minutes = max(options.minutes + 2 * LIMIT_MINUTES, options.embed_minutes * 2 + options.embed_seconds / 60)
            frames.record(path, int(options.rate * 60 * minutes))
        with stack() as engines:
            alone = drain(engines, path, options.rate, options.minutes)
        with stack() as engines:
            fill(engines, path, options.rate, options.embed_minutes, options.embed_seconds, alone)


def drain(engines: Stack, path: Path, rate: float, minutes: float) -> Freshness:
    """The backlog without embeddings, and how fresh the tail is afterwards."""
    with engines.feed(path, rate, minutes * 60) as url, _relay(engines, url, minutes, "none") as relay:
        relay.until("event", lambda: _events(engines), 60)
        cpu, began = relay.cpu_seconds(), time.monotonic()
        relay.until("end of the backlog", lambda: _caught_up(engines), 1_800)
        seconds, events, cpu = time.monotonic() - began, _events(engines), relay.cpu_seconds() - cpu
        print(f"Backlog of {minutes:g} minutes at {rate:g} events/s, going on meanwhile, no embeddings:")
        print(f"- {events:,.0f} events in {seconds / 60:.2f} minutes, {events / seconds:,.0f} a second;", end=" ")
        print(f"{seconds / 60 / LIMIT_MINUTES:.2f} of the limit of {LIMIT_MINUTES:g} minutes")
        print(f"- {events / cpu:,.0f} events per CPU-second of the relay, from its socket to the commit")
        print(f"- memory {relay.memory_mb():.0f} MB at most, {relay.memory_mb('VmRSS'):.0f} MB at the end (goal 120)")
        after = time.time() + SETTLE_SECONDS
        relay.until("end of the measurement", lambda: time.time() > after + TAIL_SECONDS, 2 * TAIL_SECONDS + 60)
    tail = freshness(engines, after)
    print(f"- the live tail was then committed after p50 {tail.p50 * 1e3:.0f} ms, p99 {tail.p99 * 1e3:.0f} ms")
    return tail


def fill(engines: Stack, path: Path, rate: float, minutes: float, seconds: float, alone: Freshness) -> None:
    """The live tail while vectors are made behind it."""
    with engines.feed(path, rate, minutes * 60) as url, _relay(engines, url, minutes, "auto") as relay:
        relay.until("event", lambda: _events(engines), 60)
        began = time.monotonic()
        relay.until("end of the backlog", lambda: _caught_up(engines), 1_800)
        drained, after = time.monotonic() - began, time.time() + SETTLE_SECONDS
        made_before, waiting_before = engines.row(_VECTORS)
        relay.until("end of the measurement", lambda: time.time() > after + seconds, seconds + 60)
        made, waiting = engines.row(_VECTORS)
        memory = relay.memory_mb()
    tail = freshness(engines, after)
    rate_made, before = (made - made_before) / (seconds + SETTLE_SECONDS), waiting_before
    print(f"With embeddings, {seconds:g} s after a backlog of {minutes:g} minutes (read in {drained:.0f} s):")
    print(f"- {rate_made:.0f} vectors a second; {before:,.0f} posts waited at first, {waiting:,.0f} at the end")
    print(f"- the live tail was committed after p50 {tail.p50 * 1e3:.0f} ms, p99 {tail.p99 * 1e3:.0f} ms,", end=" ")
    print(f"at most {tail.most * 1e3:.0f} ms ({tail.events:,} reactions)")
    ratios = f"{tail.p50 / alone.p50:.1f} x and {tail.p99 / alone.p99:.1f} x"
    print(f"- without embeddings it was {alone.p50 * 1e3:.0f} ms and {alone.p99 * 1e3:.0f} ms: {ratios}")
    print(f"- memory {memory:.0f} MB at most (goal 550)")


def _relay(engines: Stack, url: str, minutes: float, model: str) -> AbstractContextManager[Process]:
    backfill = int(minutes) + 10  # more than there is: from the feed's first event on
    return engines.unit("relay", embedding_model=model, feed_url=url, feed_name=FEED, feed_backfill_minutes=backfill)


def _events(engines: Stack) -> float:
    return engines.row("SELECT events FROM feed_cursor")[0] if engines.row("SELECT count(*) FROM feed_cursor")[0] else 0


def _caught_up(engines: Stack) -> bool:
    return engines.lag_seconds() < CAUGHT_UP_SECONDS


if __name__ == "__main__":
    main()
