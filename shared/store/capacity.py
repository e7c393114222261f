"""Bounded connections (invariant 6): all pools together must leave the server room."""

from __future__ import annotations

from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.schemas.base import Schema
from shared.store.database import Database, Statement

#: Part of the server's connections that our pools may take; the rest is for people and maintenance.
MOST_SHARE = 0.8


class Limit(Schema, frozen=True, kw_only=True):
    """The server's ``max_connections``."""

    connections: int


_LIMIT = Statement("SELECT current_setting('max_connections')::integer AS connections", Limit)


def check_capacity(database: Database, settings: Settings) -> None:
    """Raise ConfigurationError when the relays, one API and one worker would take too many connections."""
    # Two more hold places: a relay's, and that of whoever builds indexes of vectors.
    wanted = 1 + settings.relay_shards * (1 + settings.relay_pool_size)
    wanted += settings.api_pool_size + settings.worker_pool_size + settings.llm_pool_size
    wanted += settings.analysis_connections
    allowed = int(database.fetch(_LIMIT)[0].connections * MOST_SHARE)
    if wanted > allowed:
        raise ConfigurationError(
            f"The connection pools together want {wanted} connections; PostgreSQL can give them {allowed}.",
            why=f"That is {MOST_SHARE:.0%} of its max_connections.",
            do="Lower GROUNDSWELL_RELAY_POOL_SIZE, GROUNDSWELL_API_POOL_SIZE, GROUNDSWELL_WORKER_POOL_SIZE, "
            "GROUNDSWELL_LLM_POOL_SIZE or GROUNDSWELL_ANALYSIS_CONNECTIONS, or raise max_connections.",
        )
