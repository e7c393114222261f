"""``groundswell detect FILE --out OUT.jsonl``: the momentum engine alone, no database."""

from __future__ import annotations

import argparse

from services.api.momentum.detect import run_detect
from services.cli.recorded import reader
from shared.config.load import load


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("file", help="recorded Jetstream JSON lines, plain, .gz or .zst")
    parser.add_argument("--out", required=True, help="where detections go, one JSON line each")
    parser.add_argument("--provisional", action="store_true", help="also what is found before the baseline is warm")


def run(options: argparse.Namespace) -> int:
    """Detect and say how much was read."""
    read = reader(load("solo").relay_max_frame_bytes)
    return run_detect(options.file, options.out, read, options.provisional)
