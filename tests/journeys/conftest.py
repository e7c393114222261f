"""One platform for all journeys that only look; those that break things start their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.folders import engine_folder
from tests.support.platform import Platform


@contextmanager
def running_platform(*arguments: str) -> Iterator[Platform]:
    with engine_folder() as folder:
        platform = Platform(folder / "data", *arguments)
        try:
            yield platform
        finally:
            if platform.process.poll() is None:
                platform.stop()


@pytest.fixture(scope="package")
def platform() -> Iterator[Platform]:
    """It ends with the journeys, so that it takes nothing from the tests after them."""
    with running_platform() as running:
        yield running
