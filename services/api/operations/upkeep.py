"""Vectors, archive and retention: how they are, and what one may do about them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.schemas.base import Schema
from shared.schemas.platform import ArchiveState, Kept, Retention, VectorState
from shared.store import archive as archive_store
from shared.store import platform as store

DAY_SECONDS = 86_400


class RetentionInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many days, instead of those of the settings."""

    days: Annotated[int, Meta(ge=0, le=3650)] | None = None


@operation("/api/v1/vectors", scope="platform:read", toolset="platform", taints=False)
async def vectors(context: Context, _: NoInput) -> VectorState:
    """Vectors: their models and how complete each is, what waits, and how the last comparison with the record went."""
    async with context.services.database.transaction() as transaction:
        models = await transaction.fetch(store.MODELS)
        chunks = (await transaction.fetch(store.CHUNKS))[0]
        waiting = (await transaction.fetch(store.QUEUES))[0]
    return VectorState(
        backend=context.services.settings.vector_backend,
        stored=await context.services.vectors_stored(),
        pending=waiting.embedding_pending,
        removals=waiting.vector_removals,
        chunks=chunks.chunks,
        chunks_indexed=chunks.indexed,
        rows=chunks.rows,
        models=models,
    )


@operation(
    "/api/v1/vectors/compare",
    method="POST",
    heavy=True,
    scope="platform:write",
    effect="write",
    toolset="platform",
    taints=False,
    idempotent=True,
    status=202,
)
async def compare_vectors(context: Context, _: NoInput) -> VectorState:
    """Compare the vector index with the record soon, instead of at the next regular time; what differs is mended."""
    await context.services.database.execute(store.COMPARE_NOW)
    return await vectors.call(context, NoInput())


@operation("/api/v1/archive", scope="platform:read", toolset="platform", taints=False)
async def archive(context: Context, _: NoInput) -> ArchiveState:
    """What is hot and what is cold: posts, bytes, days, and how far the mover is behind."""
    settings = context.services.settings
    async with context.services.database.transaction() as transaction:
        size = (await transaction.fetch(archive_store.SIZE))[0]
        limits = {"hot_seconds": settings.hot_days * DAY_SECONDS, "keep_days": settings.retention_days}
        lag = (await transaction.fetch(archive_store.LAG, limits))[0].seconds if settings.hot_days else 0.0
    return ArchiveState(
        hot_days=settings.hot_days,
        hot_from=size.hot_from,
        hot_posts=size.hot_posts,
        hot_bytes=size.hot_bytes,
        cold_posts=size.cold_posts,
        cold_bytes=size.cold_bytes,
        cold_days=size.cold_days,
        lag_seconds=lag,
    )


@operation("/api/v1/retention", scope="platform:read", toolset="platform", taints=False)
async def retention(context: Context, query: RetentionInput) -> Retention:
    """What the retention would remove now, or what another number of days would. Counts only; nothing is removed."""
    configured = context.services.settings.retention_days
    days = configured if query.days is None else query.days
    async with context.services.database.transaction() as transaction:
        oldest = await transaction.fetch_one(store.OLDEST)
        kept = []
        for table, statement in store.AGED.items() if days else ():
            found = await transaction.fetch_one(statement, {"days": days})
            rows = found.rows if found else 0
            kept.append(Kept(table=table, old=rows, more=rows >= store.COUNTED_MOST))
    return Retention(days=days, configured_days=configured, oldest=oldest.time if oldest else None, tables=kept)
