"""Deliveries of alerts, and another try for those that failed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import operation
from services.api.operations.watch_queries import DeliveryInput
from shared.errors import ConflictError, NotFound
from shared.schemas.base import Schema
from shared.schemas.destination import Delivery, DeliveryPage, DeliveryState
from shared.store import destinations as store


class DeliveriesInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In one ``state``, to one ``destination``. ``before`` is ``next`` of an earlier page."""

    state: DeliveryState | None = None
    destination: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: UUID | None = None


@operation("/api/v1/deliveries", scope="alerts:read", toolset="watches", taints=True)
async def deliveries(context: Context, query: DeliveriesInput) -> DeliveryPage:
    """How alerts were sent, newest first: to which destination, whether it worked, and if not, why."""
    params = {
        "state": query.state,
        "destination": query.destination,
        "before": query.before,
        "limit": query.limit + 1,
    }
    rows = await context.services.database.fetch(store.PAGE, params)
    page = [row.delivery() for row in rows[: query.limit]]
    return DeliveryPage(deliveries=page, next=page[-1].id if len(rows) > query.limit else None)


@operation(
    "/api/v1/deliveries/{delivery}/retry",
    method="POST",
    scope="watches:write",
    effect="external",
    toolset="watches",
    taints=True,
    status=202,
)
async def retry_delivery(context: Context, query: DeliveryInput) -> Delivery:
    """Send once more what could not be sent. The worker takes it up within half a minute."""
    async with context.services.database.transaction() as transaction:
        row = await transaction.fetch_one(store.DELIVERY, {"delivery": query.delivery})
        if row is None:
            raise NotFound("There is no such delivery.", why="Its destination was removed, or it is too old.")
        if await transaction.fetch_one(store.RETRY, {"delivery": query.delivery}) is None:
            raise ConflictError(f"This delivery is {row.state}.", why="Only one that has failed is sent again.")
        again = await transaction.fetch_one(store.DELIVERY, {"delivery": query.delivery})
    assert again is not None  # noqa: S101 - it was there in this transaction
    return again.delivery()
