"""``groundswell upgrade [--check]``: bring the record to this version, with a way back."""

from __future__ import annotations

import argparse
import sys

from services.cli.backup import tell
from services.solo.offline import engines_alone
from shared.backup import places
from shared.backup.upgrade import preflight, upgrade
from shared.config.load import load
from shared.telemetry.version import installed_version


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and whether only to look."""
    parser.add_argument("--check", action="store_true", help="only say what stands in the way; change nothing")
    parser.add_argument("--data", help="data folder of make run")


def run(options: argparse.Namespace) -> int:
    """Say every problem at once, or upgrade."""
    settings = load("solo", given={"data_dir": options.data})
    with engines_alone(settings) as (ready, taken):
        if problems := [*([taken] if taken else []), *preflight(ready)]:
            for problem in problems:
                print("\n  ".join(part for part in (problem.what, problem.why, problem.do) if part), file=sys.stderr)
            return max(problem.exit_code for problem in problems)
        if options.check:
            print("Nothing stands in the way of an upgrade.")
            return 0
        done = upgrade(ready, places.key_of(ready, make=True), version=installed_version(), progress=tell)
    if done.point is None:
        print("The record is new." if done.applied else "The record is up to date.")
    else:
        print(f"Applied: {', '.join(done.applied) or 'nothing was left to apply'}.")
        print(f"What was there before is {done.point}.")
    return 0
