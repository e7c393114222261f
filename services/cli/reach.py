"""Options of verbs that ask the platform on this machine; they may stand before or after what is to be done."""

from __future__ import annotations

import argparse
from typing import Any


def add_port(parser: argparse.ArgumentParser, default: Any = None) -> None:
    """Where it listens."""
    parser.add_argument("--port", type=int, default=default, help="port of the dashboard (GROUNDSWELL_API_PORT)")


def add_json(parser: argparse.ArgumentParser, default: Any = False) -> None:
    """The answer for programs."""
    parser.add_argument("--json", action="store_true", default=default, help="print the API's answer as it is")
