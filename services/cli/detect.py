"""``groundswell detect FILE --out OUT.jsonl``: the momentum engine alone, no database."""

from __future__ import annotations

import argparse

from services.api.momentum.detect import run_detect


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("file", help="recorded Jetstream JSON lines, plain, .gz or .zst")
    parser.add_argument("--out", required=True, help="where detections go, one JSON line each")
    parser.add_argument("--provisional", action="store_true", help="also what is found before the baseline is warm")


def run(options: argparse.Namespace) -> int:
    """Detect and say how much was read."""
    return run_detect(options.file, options.out, options.provisional)
