"""Backups: which there are, asking for one, and having one proven. A worker does it; only the command line restores."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.backup import BackupList, BackupOrder
from shared.schemas.base import Schema
from shared.store import backups as store


class BackupInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A backup by its name."""

    backup: Annotated[str, Meta(min_length=1, max_length=100)]


class BackupOrderInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order by its id."""

    order: UUID


@operation("/api/v1/backups", scope="platform:read", toolset="platform", taints=False)
async def backups(context: Context, _: NoInput) -> BackupList:
    """The backups that there are, when each was last proven, and what was asked for of late."""
    async with context.services.database.transaction() as transaction:
        return BackupList(backups=await transaction.fetch(store.ALL), orders=await transaction.fetch(store.ORDERS))


@operation(
    "/api/v1/backups",
    method="POST",
    scope="platform:write",
    effect="write",
    toolset="platform",
    taints=False,
    idempotent=True,
    status=202,
)
async def take_backup(context: Context, _: NoInput) -> BackupOrder:
    """Have a worker take a backup now. It begins within a minute; `backup_order` tells how it goes."""
    return await _order(context, "take", "")


@operation(
    "/api/v1/backups/{backup}/verify",
    method="POST",
    scope="platform:write",
    effect="write",
    toolset="platform",
    taints=False,
    idempotent=True,
    status=202,
)
async def verify_backup(context: Context, query: BackupInput) -> BackupOrder:
    """Have a backup proven: restored beside the record, compared row by row, searched, and removed again."""
    found = await context.services.database.fetch(store.ALL)
    if query.backup not in {one.name for one in found}:
        raise NotFound("There is no such backup.", do="GET /api/v1/backups lists them.")
    return await _order(context, "verify", query.backup)


@operation("/api/v1/backup-orders/{order}", scope="platform:read", toolset="platform", taints=False)
async def backup_order(context: Context, query: BackupOrderInput) -> BackupOrder:
    """How a backup that was asked for, or its proof, goes."""
    found = await context.services.database.fetch_one(store.ORDER_ONE, {"id": query.order})
    if found is None:
        raise NotFound("There is no such order.", do="GET /api/v1/backups lists the last ones.")
    return found


async def _order(context: Context, what: str, backup: str) -> BackupOrder:
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.FORGET_ORDERS)
        made = await transaction.fetch_one(store.ORDER, {"what": what, "backup": backup})
    assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return made
