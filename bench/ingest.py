"""Events through decode, dedupe and PostgreSQL: our pipeline against Bytewax, Pathway and plain loops.

    python -m bench.ingest [--events N] [--turns N] [--pathway-python PATH]

Every contestant is a process of its own, reads the same file and fills a fresh database of the same
server, batch by batch in transactions that store the position too; afterwards all databases must hold
the same rows. They take turns, and the median counts. Client CPU-seconds are those of the
contestant's process (see ``bench.contestants.measure``), so that a busy machine and the database's own
work do not blur the comparison.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import psycopg

from bench import frames
from bench.texts import texts
from tests.support.engines import Postgres, postgres_server
from tests.support.folders import disk_folder

EVENTS, BATCH, TURNS = 60_000, 5_000, 3
ROOT = Path(__file__).resolve().parent.parent
INSTALL = {
    "bytewax": "python3 infra/bootstrap.py bench (Python 3.11 or 3.12; it has no wheels for others)",
    "pathway": ".venv/bin/python -m pip install pathway (1.6 GB), or --pathway-python of another environment",
}

#: What must be the same in every database afterwards.
_CHECK = """SELECT (SELECT count(*) FROM post WHERE deleted_at IS NULL), (SELECT count(*) FROM post),
                   (SELECT count(*) FROM reaction WHERE NOT deleted), (SELECT count(*) FROM reaction),
                   (SELECT position FROM feed_cursor),
                   (SELECT coalesce(sum(hashtextextended(format('%s %s %s %s %s %s', id, text, languages, tags,
                      links, event_time), 0)), 0) FROM post)"""


class Result(msgspec.Struct):
    """One run of one contestant."""

    cpu_seconds: float
    seconds: float
    peak_mb: float


class Contestant(msgspec.Struct, frozen=True):
    """``module`` below ``bench.contestants``, run by ``python``."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    python: str = sys.executable

    def run(self, url: str, path: Path) -> Result:
        """Fill the database at ``url`` from ``path``."""
        module = f"bench.contestants.{self.module}"
        command = [self.python, "-m", module, url, str(path), str(BATCH), *self.arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.name} failed:\n{done.stderr[-3000:]}")
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Result)


OURS = Contestant("Groundswell", "ours")
BARE = Contestant("Groundswell without terms", "ours", ("bare",))
PLAIN = Contestant("plain loop, binary COPY", "plain")
EXECUTEMANY = Contestant("plain loop, json, executemany", "executemany")
BYTEWAX = Contestant("Bytewax", "bytewax_flow")
BATCHED = Contestant("Bytewax, batches by hand", "bytewax_flow", ("batched",))
PATHWAY = Contestant("Pathway", "pathway_flow")


def main(arguments: list[str] | None = None) -> None:
    """Run all and print the table."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder, postgres_server(disk_folder) as server:
        path = Path(folder) / "frames.jsonl"
        print(f"Ingest: {frames.record(path, options.events).describe()}; batches of {BATCH:,}.")
        table = measure(server, path, contestants(options.pathway_python), options.turns)
        print_table(table, options.events)
        frames.record(path, options.events, texts=texts())
        few = [one for one in table if one in (OURS, BARE, BYTEWAX)]
        print("\nThe same with posts of a large vocabulary (`bench.texts`), which no cache of words can hold:")
        print_table(measure(server, path, few, options.turns), options.events)


def contestants(pathway_python: str) -> list[Contestant]:
    """Ours and those peers that are installed; says which are not."""
    found = [OURS, BARE]
    if _importable("bytewax", sys.executable):
        found += [BYTEWAX, BATCHED]
    if _importable("pathway", pathway_python):
        found.append(msgspec.structs.replace(PATHWAY, python=pathway_python))
    return [*found, PLAIN, EXECUTEMANY]


def _importable(name: str, python: str) -> bool:
    found = subprocess.run(
        [python, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"],
        check=False,
        capture_output=True,
    )
    if found.returncode:
        print(f"{name} is not installed, so it is left out. To have it: {INSTALL[name]}.")
    return found.returncode == 0


def measure(server: Postgres, path: Path, competing: list[Contestant], turns: int) -> dict[Contestant, list[Result]]:
    """Each contestant ``turns`` times, interleaved. Raises RuntimeError when their databases differ."""
    table: dict[Contestant, list[Result]] = {one: [] for one in competing}
    ends: dict[str, object] = {}
    for _ in range(turns):
        for one, results in table.items():
            with server.fresh() as url:
                results.append(one.run(url, path))
                with psycopg.connect(url) as connection:
                    ends[one.name] = connection.execute(_CHECK).fetchone()
    if len(set(map(str, ends.values()))) > 1:
        raise RuntimeError("The databases differ:\n" + "\n".join(f"{name}: {end}" for name, end in ends.items()))
    return table


def print_table(table: dict[Contestant, list[Result]], events: int) -> None:
    """Medians, ratios to ours, and the goals."""
    rate = {one: events / statistics.median(run.cpu_seconds for run in runs) for one, runs in table.items()}
    print("\n| contestant | events per client CPU-second | ours / theirs | events/s of wall time | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for one, runs in table.items():
        wall = events / statistics.median(run.seconds for run in runs)
        peak = max(run.peak_mb for run in runs)
        print(f"| {one.name} | {rate[one]:,.0f} | {rate[OURS] / rate[one]:.2f} | {wall:,.0f} | {peak:.0f} MB |")
    print("\nAll databases hold the same rows.")
    print(f"Goal 25,000 per client CPU-second: {rate[OURS] / 25_000:.1f} x with terms.")
    for peer, goal in ((BYTEWAX, 2.0), (PATHWAY, 1.5)):
        theirs = next((value for one, value in rate.items() if one.name == peer.name), None)
        if theirs:
            print(
                f"Goal {goal:g} x {peer.name}: {rate[OURS] / theirs:.2f} with terms, {rate[BARE] / theirs:.2f} without."
            )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--pathway-python", default=sys.executable, help="a Python that can import pathway")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
