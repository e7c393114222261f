"""What a watch matched, minute by minute."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import operation
from services.api.operations.watch_queries import WatchInput
from services.api.operations.watches import read_watch
from shared.schemas.timeline import WatchSeries
from shared.store import timeline as store


class WatchSeriesInput(WatchInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many minutes up to where the watch was judged."""

    minutes: Annotated[int, Meta(ge=1, le=10_080)] = 1_440


@operation("/api/v1/watches/{watch}/series", scope="watches:read", toolset="watches", taints=False)
async def watch_series(context: Context, query: WatchSeriesInput) -> WatchSeries:
    """What one watch matched, minute by minute, up to where it was judged. What is usual rests on these counts."""
    async with context.services.database.transaction() as transaction:
        watch = await read_watch(transaction, query.watch)
        bounds = {"watch": query.watch, "minutes": query.minutes, "end": watch.evaluated_to}
        minutes = await transaction.fetch(store.WATCH_MINUTES, bounds) if watch.evaluated_to else []
    return WatchSeries(watch=watch.id, evaluated_to=watch.evaluated_to, minutes=minutes)
