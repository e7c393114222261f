"""Destinations: where alerts are sent. Their addresses are taken in, and never given out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import UnsetType

from services.api.operations.context import Context
from services.api.operations.names import plain_name
from services.api.operations.registry import NoInput, operation
from services.api.operations.watch_queries import (
    ChangeDestinationInput,
    DeliveryInput,
    DestinationInput,
    NewDestination,
)
from shared.contracts.jobs import DELIVER_ALERT, DELIVERY_LEASE_SECONDS
from shared.errors import ConflictError, InputError, NotFound
from shared.schemas.destination import Delivery, Destination, DestinationKind, DestinationList
from shared.schemas.watch import DESTINATIONS_MOST, Removed
from shared.store import destinations as store
from shared.store import watches as watch_store
from shared.store.database import AsyncTransaction

_APPRISE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


@operation("/api/v1/destinations", scope="watches:read", toolset="watches", taints=True)
async def destinations(context: Context, _: NoInput) -> DestinationList:
    """All destinations by name, each with its latest delivery."""
    async with context.services.database.transaction() as transaction:
        last = {row.destination: row.delivery() for row in await transaction.fetch(store.LAST)}
        rows = await transaction.fetch(store.ALL)
    return DestinationList(destinations=[row.destination(last.get(row.id)) for row in rows])


@operation(
    "/api/v1/destinations",
    method="POST",
    scope="watches:write",
    status=201,
    effect="external",
    toolset="watches",
    taints=False,
)
async def create_destination(context: Context, new: NewDestination) -> Destination:
    """Save a destination. Its address cannot be read back."""
    check_address(new.kind, new.url)
    async with context.services.database.transaction() as transaction:
        await transaction.execute(watch_store.LOCK)
        count = await transaction.fetch_one(store.COUNT)
        if count and count.count >= DESTINATIONS_MOST:
            raise ConflictError(f"There are {DESTINATIONS_MOST} destinations already.", do="Remove one first.")
        row = {"name": plain_name(new.name), "kind": new.kind, "url": new.url, "notices": new.notices}
        made = await transaction.fetch_one(store.CREATE, row)
        assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        return await _read(transaction, made.id)


@operation(
    "/api/v1/destinations/{destination}",
    method="PATCH",
    scope="watches:write",
    effect="external",
    toolset="watches",
    taints=True,
    idempotent=True,
)
async def change_destination(context: Context, change: ChangeDestinationInput) -> Destination:
    """Change what is given."""
    async with context.services.database.transaction() as transaction:
        found = await _read(transaction, change.destination)
        if not isinstance(change.name, UnsetType):
            await transaction.execute(store.RENAME, {"destination": found.id, "name": plain_name(change.name)})
        if not isinstance(change.url, UnsetType):
            check_address(found.kind, change.url)
            await transaction.execute(store.READDRESS, {"destination": found.id, "url": change.url})
        if not isinstance(change.notices, UnsetType):
            await transaction.execute(store.NOTICES, {"destination": found.id, "notices": change.notices})
        return await _read(transaction, found.id)


@operation(
    "/api/v1/destinations/{destination}",
    method="DELETE",
    scope="watches:write",
    effect="destroy",
    toolset="watches",
    taints=False,
    idempotent=True,
)
async def remove_destination(context: Context, query: DestinationInput) -> Removed:
    """Remove a destination; watches no longer send there."""
    gone = await context.services.database.fetch_one(store.REMOVE, {"destination": query.destination})
    if gone is None:
        raise _absent()
    return Removed(id=gone.id)


@operation(
    "/api/v1/destinations/{destination}/test",
    method="POST",
    scope="watches:write",
    status=202,
    effect="external",
    toolset="watches",
    taints=True,
)
async def check_destination(context: Context, query: DestinationInput) -> Delivery:
    """Send a test message. The answer is its delivery, still pending: read it again until it is sent or failed."""
    async with context.services.database.transaction() as transaction:
        await _read(transaction, query.destination)
        job = {"actor": DELIVER_ALERT.actor, "queue": DELIVER_ALERT.queue, "lease_seconds": DELIVERY_LEASE_SECONDS}
        made = await transaction.fetch_one(store.TEST, job | {"destination": query.destination})
        row = await transaction.fetch_one(store.DELIVERY, {"delivery": made.id if made else None})
        assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        return row.delivery()


@operation("/api/v1/deliveries/{delivery}", scope="alerts:read", toolset="watches", taints=True)
async def delivery(context: Context, query: DeliveryInput) -> Delivery:
    """How one sending goes."""
    row = await context.services.database.fetch_one(store.DELIVERY, {"delivery": query.delivery})
    if row is None:
        raise NotFound("There is no such delivery.", why="Its destination was removed, or it is too old.")
    return row.delivery()


def check_address(kind: DestinationKind, url: str) -> None:
    """Raises InputError, which never repeats the address: it is a secret."""
    if kind == "apprise":
        if not _APPRISE.fullmatch(url):
            raise _invalid("it is not an Apprise URL such as mailto://user:password@example.org")
        return
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well = False
    if not well or re.search(r"[\s\x00-\x1f]", url):
        raise _invalid("it is not an http(s) address such as https://hooks.slack.com/services/…")


async def _read(transaction: AsyncTransaction, destination: UUID | str) -> Destination:
    row = await transaction.fetch_one(store.ONE, {"destination": destination})
    if row is None:
        raise _absent()
    last = {found.destination: found.delivery() for found in await transaction.fetch(store.LAST)}
    return row.destination(last.get(row.id))


def _invalid(why: str) -> InputError:
    return InputError("The request is not valid.", why=f"`url`: {why}.")


def _absent() -> NotFound:
    return NotFound("There is no such destination.", do="GET /api/v1/destinations lists them.")
