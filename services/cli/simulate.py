"""``groundswell simulate``: a feed to develop against."""

from __future__ import annotations

import argparse

from services.solo.simulator import entry
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """The simulator's own options."""
    entry.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop, or record."""
    logs.configure("simulator", level="info", form="text")
    return entry.run(entry.options_from(options))
