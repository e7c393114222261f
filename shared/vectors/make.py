"""The index that the settings ask for."""

from __future__ import annotations

from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.store.database import Database
from shared.vectors.index import VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex


def open_index(settings: Settings, database: Database) -> VectorIndex:
    """Connects to nothing yet. ``database`` serves pgvector; the caller opens and closes it.

    Raises ConfigurationError if Qdrant is asked for without an address.
    """
    if settings.vector_backend == "memory":
        return MemoryIndex()
    if settings.vector_backend == "pgvector":
        return PgvectorIndex(database)
    if not settings.qdrant_url:
        raise ConfigurationError(
            "GROUNDSWELL_QDRANT_URL is empty.",
            why="The vector backend is qdrant.",
            do="Set it to Qdrant's address, such as http://qdrant:6333.",
        )
    # Imported when wanted: the client costs 67 MB of memory, which solo need not pay.
    from shared.vectors.qdrant import QdrantIndex, Storage, connect

    client = connect(settings.qdrant_url, settings.qdrant_api_key)
    return QdrantIndex(client, Storage(compact=settings.qdrant_storage == "compact"))
