"""Vector search and the whole search: how exact, how fast, beside an exact scan, while posts come in.

    python -m bench.search [--posts N] [--queries N] [--rate R] [--seeds N] [--keep FILE]

PostgreSQL runs with the settings of ``make run``. ``--posts`` posts with texts and vectors (``bench.search_world``)
are loaded, and the chunks that fill are indexed as the worker does it. Then, for each filter: recall@10 of the
index against comparing every vector, and both their times; then the index's again while ``--rate`` posts a second
are stored with their vectors; then the whole search operation, the query's embedding included. CPU is that of
PostgreSQL's process for the query: on a shared machine it is the figure to trust, with the ratio to the exact scan.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import psycopg

from bench.search_world import FEEDS, Made, Seeds, World, embed, simulated_texts
from bench.stack import stack
from services.api.operations.queries import SearchInput
from services.api.operations.search import search
from services.api.operations.search_coverage import Coverage
from services.api.operations.search_meaning import Eye
from shared.config.settings import Settings
from shared.embedding.chain import load_embedder
from shared.embedding.embedder import Embedder
from shared.schemas.vector import Vectors
from shared.store.database import AsyncDatabase, Database
from shared.vectors.index import Filter
from shared.vectors.keeper import Keeper
from shared.vectors.pgvector import PgvectorIndex

POSTS, QUERIES, RATE, SEEDS, LIMIT = 20_000, 30, 100, 600, 10
#: Whole searches a query: the 99th of a hundred is wanted, not the last of thirty.
WHOLE = 7
#: Before those come so many that do not count: each connection of the pool reads PostgreSQL's catalogue once.
WARM_UP = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_ALL_ROWS = 1 << 60
#: The queries' posts are none of those that are stored.
_QUERIES_FROM, _LIVE_FROM = 1 << 40, 1 << 41

_COPY = """COPY post (id, feed, uri, author, author_hash, event_time, text, languages, links) FROM STDIN"""


class Timed(msgspec.Struct, frozen=True):
    """Milliseconds: half of the queries are faster than ``p50``, 99 of 100 than ``p99``; CPU of PostgreSQL each."""

    p50: float
    p99: float
    cpu: float


class Bench:
    """The engines with the world loaded."""

    def __init__(self, url: str, world: World, seeds: Seeds, posts: int) -> None:
        self.settings, self.world, self.seeds, self.posts = Settings(postgres_url=url), world, seeds, posts
        self.database = Database(self.settings, name="bench-search", size=1)
        self.writer = Database(self.settings, name="bench-writer", size=2)
        self.ingested = 0.0
        self.database.open()
        self.writer.open()
        self._connection = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()
        self.database.close()
        self.writer.close()

    def load(self, model: str) -> None:
        """Fill and index; print how fast."""
        index, began = PgvectorIndex(self.writer), time.monotonic()
        self._connection.execute(
            "INSERT INTO feed (id, kind, url) SELECT unnest(%s::text[]), 'jetstream', 'x'", [list(FEEDS)]
        )
        for made in self.world.batches(0, self.posts):
            self.store(made)
            index.upsert(model, made.entries, made.vectors)
        self._connection.execute("ANALYZE post")
        loaded = time.monotonic()
        built = Keeper(self.settings, self.writer)(threading.Event()).built
        seconds = time.monotonic() - loaded
        sizes = self._connection.execute(
            """SELECT sum(pg_table_size(relid)) / 1e6, sum(pg_indexes_size(relid)) / 1e6
                 FROM pg_partition_tree('post_vector') WHERE isleaf"""
        ).fetchone()
        indexed = self._connection.execute(
            "SELECT count(*), sum(rows) FROM vector_chunk WHERE state = 'indexed'"
        ).fetchone()
        assert sizes
        assert indexed
        print(
            f"{self.posts:,} posts with vectors stored in {loaded - began:.0f} s,"
            f" {self.posts / (loaded - began):,.0f}/s;"
            f" {built} indexes over {indexed[0]} chunks in {seconds:.0f} s"
            f" ({seconds * 1e5 / max(float(indexed[1] or 0), 1):.0f} s per 100,000);"
            f" vectors {float(sizes[0]):,.0f} MB, their indexes {float(sizes[1]):,.0f} MB.\n",
            flush=True,
        )

    def store(self, made: Made) -> None:
        """Their rows in the record."""
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for entry, seed in zip(made.entries, made.seeds, strict=True):
                links = ["https://example.org/x"] if entry.linked else []
                author = f"did:plc:{entry.author}"
                text = self.seeds.texts[seed]
                copy.write_row(
                    (
                        entry.post,
                        entry.feed,
                        str(entry.post),
                        author,
                        entry.author,
                        entry.time,
                        text,
                        list(entry.languages),
                        links,
                    )
                )

    def cpu_seconds(self) -> float:
        """Of the processes of PostgreSQL that answer our searches."""
        rows = self._connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'groundswell-bench-search'"
        ).fetchall()
        total = 0
        for (pid,) in rows:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def timed(
        self, queries: Sequence[Vectors], ask: Callable[[Vectors], list[object]]
    ) -> tuple[Timed, list[list[object]]]:
        """Each query once, after one that does not count."""
        ask(queries[0])
        cpu, spent, found = self.cpu_seconds(), [], []
        for query in queries:
            began = time.perf_counter()
            found.append(ask(query))
            spent.append((time.perf_counter() - began) * 1000)
        cpu = (self.cpu_seconds() - cpu) * 1000 / len(queries)
        return Timed(float(np.percentile(spent, 50)), float(np.percentile(spent, 99)), cpu), found

    def ingesting(self, model: str, rate: int, stop: threading.Event) -> threading.Thread:
        """Store ``rate`` posts with vectors a second until ``stop``, in a thread."""

        def run() -> None:
            index, number, began = PgvectorIndex(self.writer), 0, time.monotonic()
            while not stop.is_set():
                made = self.world.posts(_LIVE_FROM + number, rate // 4)
                now = datetime.now(UTC)
                made = msgspec.structs.replace(
                    made, entries=[msgspec.structs.replace(entry, time=now) for entry in made.entries]
                )
                self.store(made)
                index.upsert(model, made.entries, made.vectors)
                number += rate // 4
                stop.wait(max(0.0, number / rate - (time.monotonic() - began)))
            self.ingested = number / (time.monotonic() - began)

        thread = threading.Thread(target=run)
        thread.start()
        return thread


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.search")
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="texts that are really embedded")
    parser.add_argument("--keep", type=Path, help="file of their vectors, made where missing")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder:
        embedder = load_embedder(Settings(), Path(folder), compact=True)
        seeds = _seeds(embedder, options.seeds, options.keep)
        with stack() as engines:
            _run(engines.url, embedder, seeds, options)


def _run(url: str, embedder: Embedder, seeds: Seeds, options: argparse.Namespace) -> None:
    posts, apart = options.posts, timedelta(seconds=7 * 86_400 / options.posts)
    begin = datetime.now(UTC) - timedelta(days=7, minutes=1)
    bench = Bench(url, World(seeds, begin, apart), seeds, posts)
    try:
        bench.load(embedder.model)
        queries = [bench.world.posts(_QUERIES_FROM + number, 1).vectors[0] for number in range(options.queries)]
        filters = _filters(bench, begin, apart)
        index, exact = PgvectorIndex(bench.database), PgvectorIndex(bench.database, exact_rows=_ALL_ROWS)
        quiet: dict[str, tuple[Timed, Timed, float]] = {}
        for name, where in filters.items():
            truth, wanted = bench.timed(queries, lambda q, w=where: _ids(exact, embedder.model, q, w))  # type: ignore[misc]
            ours, found = bench.timed(queries, lambda q, w=where: _ids(index, embedder.model, q, w))  # type: ignore[misc]
            shares = [len({*one} & {*other}) / len(one) for one, other in zip(wanted, found, strict=True) if one]
            quiet[name] = truth, ours, float(np.mean(shares)) if shares else 1.0
        stop = threading.Event()
        thread = bench.ingesting(embedder.model, options.rate, stop)
        try:
            busy = {
                name: bench.timed(queries, lambda q, w=where: _ids(index, embedder.model, q, w))[0]  # type: ignore[misc]
                for name, where in filters.items()
            }
            whole = asyncio.run(_whole(bench, embedder, index, WHOLE * options.queries, begin, apart))
        finally:
            stop.set()
            thread.join()
        _print(quiet, busy, whole, options.rate, bench.ingested)
    finally:
        bench.close()


def _ids(index: PgvectorIndex, model: str, query: Vectors, where: Filter) -> list[object]:
    return [match.post for match in index.search(model, query, LIMIT, where)]


async def _whole(
    bench: Bench, embedder: Embedder, index: PgvectorIndex, queries: int, begin: datetime, apart: timedelta
) -> dict[str, Timed]:
    """The search operation with the last words of posts, without filters and with some."""
    database = AsyncDatabase(bench.settings, name="bench-search", size=4)
    await database.open()
    eye, coverage = Eye(index, embedder), Coverage(index, embedder)
    since = begin + bench.posts * 0.9 * apart
    newest: dict[str, object] = {"since": since}
    cases: dict[str, tuple[int, dict[str, object]]] = {
        "six words": (6, {}),
        "six words, newest tenth": (6, newest),
        "two words, newest tenth": (2, newest),
        "a word, newest tenth": (1, newest),
        "six words, language": (6, {"language": "pt"}),
    }
    found: dict[str, Timed] = {}
    try:
        for name, (count, given) in cases.items():
            spent = []
            for number in range(-WARM_UP, queries):
                words = bench.seeds.texts[(number * 37) % len(bench.seeds.texts)].split()[-count:]
                asked = msgspec.convert({"q": " ".join(words) or "x", **given}, SearchInput)
                began = time.perf_counter()
                await search(database, eye, asked, coverage)
                spent.append((time.perf_counter() - began) * 1000)
            found[name] = Timed(
                float(np.percentile(spent[WARM_UP:], 50)), float(np.percentile(spent[WARM_UP:], 99)), 0.0
            )
    finally:
        await database.close()
    return found


def _filters(bench: Bench, begin: datetime, apart: timedelta) -> dict[str, Filter]:
    def at(share: float) -> datetime:
        return begin + bench.posts * share * apart

    some = {entry.post: entry.time for entry in bench.world.posts(0, min(2_000, bench.posts // 4)).entries}
    return {
        "none": Filter(),
        "newest tenth": Filter(since=at(0.9)),
        "half of the time": Filter(since=at(0.25), until=at(0.75)),
        "a 200th of the time": Filter(since=at(0.5), until=at(0.505)),
        "language": Filter(language="pt"),
        "feed": Filter(feed="nostr"),
        "rare feed": Filter(feed="sealed"),
        "linked": Filter(linked=True),
        "not linked": Filter(linked=False),
        "author": Filter(author=1),
        "posts": Filter(posts=some),
        "language, newest half": Filter(language="en", since=at(0.5)),
        "language and linked": Filter(language="ja", linked=True),
        "feed and language": Filter(feed="sky", language="es"),
        "four at once": Filter(feed="sky", language="en", linked=True, since=at(0.1)),
    }


def _print(
    quiet: dict[str, tuple[Timed, Timed, float]],
    busy: dict[str, Timed],
    whole: dict[str, Timed],
    rate: int,
    ingested: float,
) -> None:
    print(
        "| filter | recall@10 | exact CPU ms | CPU ms | ratio | exact p50/p99 ms | p50/p99 ms | p50/p99 ms, ingesting |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (truth, ours, recall) in quiet.items():
        during, ratio = busy[name], truth.cpu / ours.cpu if ours.cpu else float("nan")
        print(
            f"| {name} | {recall:.3f} | {truth.cpu:.1f} | {ours.cpu:.1f} | {ratio:.1f}"
            f" | {truth.p50:.0f} / {truth.p99:.0f} | {ours.p50:.0f} / {ours.p99:.0f}"
            f" | {during.p50:.0f} / {during.p99:.0f} |"
        )
    print(f"\nMeanwhile {ingested:.0f} of {rate} posts/s were stored with their vectors.")
    for name, taken in whole.items():
        print(f"Whole search, {name}, ingesting: p50 {taken.p50:.0f} ms, p99 {taken.p99:.0f} ms.")


def _seeds(embedder: Embedder, count: int, path: Path | None) -> Seeds:
    if path is not None and path.exists():
        kept = np.load(path)
        return Seeds([str(text) for text in kept["texts"]], [str(one) for one in kept["languages"]], kept["vectors"])
    seeds = embed(embedder, simulated_texts(count))
    if path is not None:
        np.savez(path, texts=np.array(seeds.texts), languages=np.array(seeds.languages), vectors=seeds.vectors)
    return seeds


if __name__ == "__main__":
    main()
