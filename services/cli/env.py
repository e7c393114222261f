"""``groundswell env check | template | docs``: the configuration and its texts."""

from __future__ import annotations

import argparse

from shared.config.document import page, template
from shared.config.load import load


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and for which unit."""
    parser.add_argument("what", choices=("check", "template", "docs"))
    parser.add_argument("--unit", choices=("solo", "relay", "api", "worker"), default="solo")


def run(options: argparse.Namespace) -> int:
    """Print a text, or check the environment (exit code 78 and every mistake when it is wrong)."""
    if options.what == "check":
        load(options.unit)
        print(f"The configuration of {options.unit} is right.")
    else:
        print(template() if options.what == "template" else page(), end="")
    return 0
