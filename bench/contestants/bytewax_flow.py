"""A Bytewax dataflow: decode, dedupe in keyed state, gather, PostgreSQL.

As its documentation teaches: ``map`` to decode, ``key_on`` and ``stateful_flat_map`` to dedupe, a
dynamic sink. Keys are spread over a few buckets whose state remembers the latest keys: one state an
event would grow without end. A fourth argument ``batched`` does by hand what the operators do,
a batch at a time, which is as fast as Bytewax can be made and gives its keyed state up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from bench.contestants.measure import run
from bench.contestants.rows import Row, distinct, row_of
from bench.contestants.sink import Sink

BUCKETS, REMEMBERED = 16, 20_000

Seen = dict[object, None]


class Lines(DynamicSource[bytes]):
    """The file, a batch of lines at a time."""

    def __init__(self, path: str, batch: int) -> None:
        self._path, self._batch = path, batch

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSourcePartition[bytes]:
        return _Lines(self._path, self._batch)


class _Lines(StatelessSourcePartition[bytes]):
    def __init__(self, path: str, batch: int) -> None:
        self._file, self._batch = Path(path).open("rb"), batch  # noqa: SIM115 - closed by ``close``

    def next_batch(self) -> list[bytes]:
        lines = list(islice(self._file, self._batch))
        if not lines:
            raise StopIteration
        return lines

    def close(self) -> None:
        self._file.close()


class Rows(DynamicSink[Row]):
    """PostgreSQL, at least ``batch`` rows a transaction."""

    def __init__(self, url: str, batch: int) -> None:
        self._url, self._batch = url, batch

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSinkPartition[Row]:
        return _Rows(self._url, self._batch)


class _Rows(StatelessSinkPartition[Row]):
    def __init__(self, url: str, batch: int) -> None:
        self._sink, self._batch = Sink(url), batch
        self._rows: list[Row] = []

    def write_batch(self, items: list[Row]) -> None:
        self._rows += items
        if len(self._rows) >= self._batch:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._sink.close()

    def _flush(self) -> None:
        if self._rows:
            self._sink.write(self._rows)
            self._rows = []


def _bucket(row: Row) -> str:
    return str(hash(row.key) % BUCKETS)


def _unseen(seen: Seen | None, row: Row) -> tuple[Seen, Iterable[Row]]:
    seen = {} if seen is None else seen
    key = (row.kind, row.key or row.time_us)
    if key in seen:
        return seen, ()
    seen[key] = None
    if len(seen) > REMEMBERED:
        del seen[next(iter(seen))]
    return seen, (row,)


def ingest(url: str, path: str, batch: int) -> None:
    """The file's frames, stored."""
    flow = Dataflow("bench")
    lines = op.input("lines", flow, Lines(path, batch))
    if "batched" in sys.argv[4:]:
        rows = op.flat_map_batch("decode", lines, lambda some: distinct(map(row_of, some)))
    else:
        keyed = op.key_on("bucket", op.map("decode", lines, row_of), _bucket)
        rows = op.key_rm("unkey", op.stateful_flat_map("dedupe", keyed, _unseen))
    op.output("postgres", rows, Rows(url, batch))
    run_main(flow)


if __name__ == "__main__":
    run(ingest)
