"""``groundswell simulate``: a feed to develop against."""

from __future__ import annotations

import argparse
from pathlib import Path

from services.cli.words import counted
from services.solo.simulator import entry
from shared.errors import InputError
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """The simulator's own options."""
    entry.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop, or record."""
    logs.configure("simulator", level="info", form="text")
    asked = entry.options_from(options)
    if options.record:
        written = _record(asked, Path(options.record), options.events)
        print(f"{counted(written, 'event')} written to {options.record}")
        return 0
    return entry.run(asked, ready=_say)


def _record(asked: entry.SimulatorOptions, path: Path, events: int) -> int:
    if events < 1:
        raise InputError(f"--events {events} is nothing to record.", do="Give a number above 0, for example 100000.")
    try:
        return entry.record(asked, path, events=events)
    except OSError as error:
        raise InputError(f"The recording {path} cannot be written.", why=f"{error.strerror or error}.") from error


def _say(url: str) -> None:
    print(f"Serving {url}", flush=True)
