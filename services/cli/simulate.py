"""``groundswell simulate``: a feed to develop against."""

from __future__ import annotations

import argparse
from pathlib import Path

from services.solo.simulator import entry
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """The simulator's own options."""
    entry.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop, or record."""
    logs.configure("simulator", level="info", form="text")
    asked = entry.options_from(options)
    if options.record:
        written = entry.record(asked, Path(options.record), events=options.events)
        print(f"{written} events written to {options.record}")
        return 0
    return entry.run(asked, ready=_say)


def _say(url: str) -> None:
    print(f"Serving {url}", flush=True)
