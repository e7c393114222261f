"""A real API, a fake provider, and a worker's parts in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shared.config.settings import Settings
from tests.support.agents import model_settings
from tests.support.api import Served, served
from tests.support.fake_llm import Fake, fake_llm
from tests.support.waiting import eventually


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_llm() as provider:
        yield provider


@pytest.fixture
def api(postgres_url: str, valkey_url: str) -> Iterator[Served]:
    with served(Settings(postgres_url=postgres_url, valkey_url=valkey_url, api_port=0)) as running:
        eventually(lambda: running.http.get("/health/ready").status_code == 200)
        yield running


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, api: Served, fake: Fake, tmp_path: Path) -> Settings:
    made = Settings(postgres_url=postgres_url, valkey_url=valkey_url, agents_api_url=api.url)
    return msgspec.structs.replace(made, **model_settings(tmp_path, fake.url))
