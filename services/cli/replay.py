"""``groundswell replay FILE|-``: a recorded Jetstream stream through the real pipeline."""

from __future__ import annotations

import argparse
import sys

import msgspec

from services.relay.replay import ReplaySummary, replay
from services.solo.offline import engines_for
from shared.config.load import load
from shared.errors import InputError
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("file", help="JSON lines, plain, .gz or .zst; - is standard input")
    parser.add_argument("--speed", default="max", help='"max", or how many times faster than it happened')
    parser.add_argument("--data", help="folder for all data (GROUNDSWELL_DATA_DIR)")


def run(options: argparse.Namespace) -> int:
    """Replay and print one JSON line with the counts and the speed."""
    settings = load("solo", given={"data_dir": options.data})
    logs.configure("replay", level="warning", form="text")
    with engines_for(settings) as ready:
        summary = replay(ready, options.file, _speed(options.speed), _progress)
    print(msgspec.json.encode(summary).decode())
    return 0


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise InputError(f"--speed {text} is not a speed.", do='Give "max" or a number above 0, for example 10.')
    return speed


def _progress(summary: ReplaySummary) -> None:
    if sys.stderr.isatty():
        print(f"\r  {summary.events:,} events", end="", file=sys.stderr, flush=True)
