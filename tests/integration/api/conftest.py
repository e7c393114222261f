"""One real API a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.config.settings import Settings
from tests.support.api import Served, served


@pytest.fixture
def settings(postgres_url: str, valkey_url: str) -> Settings:
    return Settings(postgres_url=postgres_url, valkey_url=valkey_url, api_port=0)


@pytest.fixture
def api(settings: Settings) -> Iterator[Served]:
    with served(settings) as running:
        yield running
