"""The fake provider, for every test of the gateway, and reading the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_llm import Fake, fake_llm


@pytest.fixture(scope="session")
def _fake_provider() -> Iterator[Fake]:
    with fake_llm() as fake:
        yield fake


@pytest.fixture
def fake(_fake_provider: Fake) -> Fake:
    """A provider that remembers nothing and behaves well."""
    _fake_provider.control()
    return _fake_provider
