"""Measure, and compute what it costs.

python -m infra.cost measure [--rate 10 --rate 100] [--minutes 4]   runs the solo stack; writes measured.json
python -m infra.cost containers --rate R [--minutes 4]              measures the containers of `make up` as they run
python -m infra.cost table [--of FILE]                              prints the monthly bills
python -m infra.cost write                                          puts them into docs/cost.md
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterable
from pathlib import Path

from infra.cost import measured
from infra.cost.bill import prices
from infra.cost.page import block, put
from infra.stack import ROOT, Stop

RATES = [10.0, 100.0]


def main(arguments: list[str] | None = None) -> int:
    """Do as asked; the exit code."""
    options = _parse(arguments)
    try:
        if options.verb == "measure":
            from infra.cost.measure import machine, measure  # the tables need nothing of the stack

            made = measure(options.rate or RATES, warm_seconds=60 * options.warm_minutes, seconds=60 * options.minutes)
            _keep(made, machine(), "solo", options.out)
        elif options.verb == "containers":
            from infra.cost import containers
            from infra.cost.measure import machine

            made = (containers.measure(rate, 60 * options.minutes) for rate in options.rate)
            _keep(made, machine(), "containers", options.out)
        elif options.verb == "table":
            print(block(measured.read(options.of), prices()))
        else:
            put(ROOT / "docs" / "cost.md", block(measured.read(), prices()))
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.cost")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("measure", "containers"):
        measuring = verbs.add_parser(name)
        measuring.add_argument("--rate", action="append", type=float, metavar="POSTS", required=name == "containers")
        measuring.add_argument("--minutes", type=float, default=4.0)
        measuring.add_argument("--out", type=Path, default=measured.FILE, metavar="FILE")
    verbs.choices["measure"].add_argument("--warm-minutes", type=float, default=2.0)
    verbs.add_parser("table").add_argument("--of", type=Path, default=measured.FILE, metavar="FILE")
    verbs.add_parser("write")
    return parser.parse_args(arguments)


def _keep(made: Iterable[measured.Run], machine: str, stack: str, path: Path) -> None:
    """Write each run as soon as it is done."""
    runs = []
    for run in made:
        runs.append(run)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        measured.write(measured.Measured(today, machine, stack, runs), path)
        print(f"{run.rate:.1f} posts/s, {run.embedded:.0%} with a vector", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
