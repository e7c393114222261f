"""Pools that the server cannot serve are refused before anything starts."""

from __future__ import annotations

import pytest

from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.store.capacity import check_capacity
from shared.store.database import Database


def test_the_default_pools_fit(database: Database) -> None:
    check_capacity(database, Settings())


def test_pools_that_together_want_too_much_are_refused_with_the_settings_to_change(database: Database) -> None:
    greedy = Settings(relay_pool_size=50, api_pool_size=50, worker_pool_size=50)
    with pytest.raises(ConfigurationError, match=r"want 158 connections.*GROUNDSWELL_RELAY_POOL_SIZE"):
        check_capacity(database, greedy)
