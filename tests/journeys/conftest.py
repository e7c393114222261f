"""One platform for all journeys that only look; those that break things start their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.platform import Platform


@contextmanager
def running_platform(*arguments: str) -> Iterator[Platform]:
    # Not pytest's folder: it is closed to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="groundswell-journey-") as folder:
        Path(folder).chmod(0o755)
        platform = Platform(Path(folder) / "data", *arguments)
        try:
            yield platform
        finally:
            if platform.process.poll() is None:
                platform.stop()


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running_platform() as running:
        yield running
