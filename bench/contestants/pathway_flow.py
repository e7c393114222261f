"""A Pathway pipeline: decode in a UDF, dedupe by key, PostgreSQL once per minibatch.

Pathway's own PostgreSQL writer fills one table and keeps no position with it; ``subscribe`` with the
peers' sink stores all tables and the position in one transaction, as the others do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pathway as pw

from bench.contestants.measure import run
from bench.contestants.rows import Row, row_of
from bench.contestants.sink import Sink


class Line(pw.Schema):  # type: ignore[misc]
    """One frame."""

    data: bytes


class Lines(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    """The file's lines; a minibatch ends after each ``batch``."""

    def __init__(self, path: str, batch: int) -> None:
        super().__init__()
        self._path, self._batch = path, batch

    def run(self) -> None:
        with Path(self._path).open("rb") as file:
            for number, line in enumerate(file, 1):
                self.next_bytes(line)
                if number % self._batch == 0:
                    self.commit()


class Writer:
    """Collects a minibatch and stores it when its time ends."""

    def __init__(self, url: str) -> None:
        self._sink = Sink(url)
        self._rows: list[Row] = []

    def change(self, key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        """A row came out of the dataflow (``is_addition`` is false for one taken back: none is)."""
        if is_addition:
            self._rows.append(row["row"].value)

    def end_of_time(self, time: int) -> None:
        """All rows of a minibatch are here."""
        if self._rows:
            self._sink.write(self._rows)
            self._rows = []

    def close(self) -> None:
        """After the last."""
        self.end_of_time(0)
        self._sink.close()


def ingest(url: str, path: str, batch: int) -> None:
    """The file's frames, stored."""
    lines = pw.io.python.read(Lines(path, batch), format="binary", autocommit_duration_ms=None)
    decoded = lines.select(made=pw.apply_with_type(_decoded, tuple[str, pw.PyObjectWrapper], lines.data))
    keyed = decoded.select(key=decoded.made[0], row=decoded.made[1])
    distinct = keyed.groupby(keyed.key).reduce(row=pw.reducers.any(keyed.row))
    writer = Writer(url)
    pw.io.subscribe(distinct, on_change=writer.change, on_time_end=writer.end_of_time)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    writer.close()


def _decoded(data: bytes) -> tuple[str, Any]:
    row = row_of(data)
    return f"{row.kind}{row.key or row.time_us}", pw.wrap_py_object(row)


if __name__ == "__main__":
    run(ingest)
