"""How fresh the record and the screen are at 1,000 events a second.

    python -m bench.freshness [--seconds N] [--rate R]

Sender, relay, PostgreSQL, Valkey and API are processes of their own on this machine, so one clock times
all. Each frame carries when it was due to be sent. From there two distances are measured: to the commit
of its transaction, as PostgreSQL recorded it, over all reactions; and to the moment a WebSocket client
of ``/api/v1/live`` has the post's message in hand, over the posts that the live stream shows. Both
include the sender's own lateness. Embeddings are off.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
from websockets.sync.client import connect

from bench import frames
from bench.stack import FEED, Stack, freshness, stack
from services.solo.folder import free_port
from shared.schemas.live import Message, Posts

SECONDS, RATE, WARM_SECONDS = 30.0, 1_000.0, 5.0
#: The goals, in seconds.
P50, P99 = 0.2, 1.0


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.freshness")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=float, default=RATE)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder, stack() as engines:
        path = Path(folder) / "frames.jsonl"
        frames.record(path, int(options.rate * (options.seconds + WARM_SECONDS + 20)))
        measure(engines, path, options.rate, options.seconds)


def measure(engines: Stack, path: Path, rate: float, seconds: float) -> None:
    """Run the stream for ``seconds`` and print the table."""
    port = free_port()
    with (
        engines.feed(path, rate, 0.0) as url,
        engines.unit("api", api_port=port) as api,
        engines.unit("relay", embedding_model="none", feed_url=url, feed_name=FEED, feed_backfill_minutes=1) as relay,
    ):
        relay.until("event", lambda: engines.row("SELECT count(*) FROM reaction")[0], 60)
        api.until("answer", lambda: _reachable(port), 60)
        after = time.time() + WARM_SECONDS
        seen = _watch(port, after, after + seconds)
        cpu = relay.cpu_seconds()
        memory = relay.memory_mb()
    committed = freshness(engines, after)
    print(
        f"Freshness at {rate:,.0f} events/s, {committed.events:,} reactions and {len(seen):,} posts over {seconds:g} s:"
    )
    print("\n| from sent to | p50 | of goal | p99 | of goal | most |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    _line("committed", committed.p50, committed.p99, committed.most)
    cuts = statistics.quantiles(seen, n=100)
    _line("browser's socket", cuts[49], cuts[98], max(seen))
    print(f"\nThe relay used {cpu:.1f} CPU-seconds since its start and held {memory:.0f} MB at most.")


def _line(name: str, p50: float, p99: float, most: float) -> None:
    middle = f"{p50 * 1e3:.0f} ms | {p50 / P50:.2f} | {p99 * 1e3:.0f} ms | {p99 / P99:.2f}"
    print(f"| {name} | {middle} | {most * 1e3:.0f} ms |")


def _reachable(port: int) -> bool:
    try:
        with connect(f"ws://127.0.0.1:{port}/api/v1/live", open_timeout=2):
            return True
    except (OSError, TimeoutError):
        return False


def _watch(port: int, begin: float, end: float) -> list[float]:
    """Seconds from each shown post's own time to its arrival here, for arrivals in [begin, end)."""
    late: list[float] = []
    with connect(f"ws://127.0.0.1:{port}/api/v1/live", compression=None, max_size=None) as browser:
        while (now := time.time()) < end:
            data = browser.recv(timeout=10.0)
            now = time.time()
            message = msgspec.json.decode(data, type=Message)
            if now >= begin and isinstance(message, Posts):
                late += [now - post.time.timestamp() for post in message.posts]
    return late


if __name__ == "__main__":
    main()
