"""``groundswell relay | api | worker | combined | render-node``: one unit in this process, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import threading

from services.solo.combined import run_combined
from services.solo.entries import ENTRIES
from services.solo.signals import set_at
from shared.config.fields import secrets_of
from shared.config.load import load
from shared.config.settings import Unit
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """Remember which verb it was."""
    parser.set_defaults(unit=parser.prog.split()[-1])


def run(options: argparse.Namespace) -> int:
    """Run the unit. SIGTERM and SIGINT end it cleanly."""
    combined = options.unit == "combined"
    unit: Unit = "api" if combined else options.unit
    settings = load(unit)
    logs.configure(options.unit, level=settings.log_level, form=settings.log_format, hidden=secrets_of(settings))
    stop = threading.Event()
    set_at(stop, signal.SIGTERM, signal.SIGINT)
    if combined:
        return run_combined(settings, stop)
    if unit == "render-node":
        from services.render_node.entry import run as run_render_node  # it alone needs psutil

        return run_render_node(settings, stop)
    return ENTRIES[unit]()(settings, stop)
