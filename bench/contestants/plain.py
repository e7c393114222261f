"""The same decoding and the same PostgreSQL in a plain loop: what the frameworks add is the difference."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from bench.contestants.measure import run
from bench.contestants.rows import distinct, row_of
from bench.contestants.sink import Sink


def ingest(url: str, path: str, batch: int) -> None:
    """The file's frames, stored."""
    sink = Sink(url)
    with Path(path).open("rb") as file:
        while lines := list(islice(file, batch)):
            sink.write(distinct(map(row_of, lines)), len(lines))
    sink.close()


if __name__ == "__main__":
    run(ingest)
