"""``groundswell openapi``: the document the dashboard's client is generated from."""

from __future__ import annotations

import argparse
import sys

from services.api.openapi import document


def arguments(_parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(_options: argparse.Namespace) -> int:
    """Print the document."""
    sys.stdout.buffer.write(document())
    return 0
