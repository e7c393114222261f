"""Alerts: what the watches found, what was seen, and how it was sent."""

from __future__ import annotations

from services.api.operations.context import Context
from services.api.operations.registry import operation
from services.api.operations.timeline import DaysInput
from services.api.operations.watch_queries import AcknowledgeInput, AlertInput, AlertsInput
from shared.errors import InputError, NotFound
from shared.schemas.alert import Acknowledged, Alert, AlertDays, AlertPage
from shared.schemas.destination import Delivery
from shared.store import alerts as store
from shared.store import destinations as destination_store
from shared.store.database import AsyncTransaction


@operation("/api/v1/alerts", scope="alerts:read", toolset="watches", taints=True, core=True)
async def alerts(context: Context, query: AlertsInput) -> AlertPage:
    """Alerts, newest first, and how many are not acknowledged. ``next`` is ``before`` of the following page."""
    params = {
        "before": _position(query.before),
        "watch": query.watch,
        "unread": query.unread,
        "limit": query.limit + 1,
    }
    async with context.services.database.transaction() as transaction:
        rows = await transaction.fetch(store.PAGE, params)
        page = rows[: query.limit]
        return AlertPage(
            alerts=await _shown(transaction, page, context.services.settings.public_url),
            next=str(page[-1].seq) if len(rows) > query.limit else None,
            unread=await _unread(transaction),
        )


@operation("/api/v1/alerts/{alert}", scope="alerts:read", toolset="watches", taints=True)
async def alert(context: Context, query: AlertInput) -> Alert:
    """One alert, with the samples that are still there and how it was sent."""
    async with context.services.database.transaction() as transaction:
        row = await transaction.fetch_one(store.ONE, {"alert": query.alert})
        if row is None:
            raise NotFound("There is no such alert.", why="Its watch was removed, or it is older than the retention.")
        return (await _shown(transaction, [row], context.services.settings.public_url))[0]


@operation(
    "/api/v1/alerts/acknowledge",
    method="POST",
    scope="alerts:write",
    effect="write",
    toolset="watches",
    taints=False,
    idempotent=True,
    core=True,
)
async def acknowledge_alerts(context: Context, query: AcknowledgeInput) -> Acknowledged:
    """Mark alerts as seen: those named, those of one watch, or all. Doing it again changes nothing."""
    async with context.services.database.transaction() as transaction:
        wanted = {"alerts": query.alerts, "watch": query.watch}
        seen = await transaction.execute(store.ACKNOWLEDGE, wanted)
        return Acknowledged(acknowledged=seen, unread=await _unread(transaction))


async def _shown(transaction: AsyncTransaction, rows: list[store.AlertRow], public_url: str) -> list[Alert]:
    posts = await transaction.fetch(store.SAMPLES, {"posts": [post for row in rows for post in row.samples]})
    labels = await transaction.fetch(store.LABELS, {"topics": [topic for row in rows for topic in row.topics]})
    sent = await transaction.fetch(destination_store.OF_ALERTS, {"alerts": [row.id for row in rows]})
    deliveries: dict[str, list[Delivery]] = {}
    for found in sent:
        deliveries.setdefault(found.alert or "", []).append(found.delivery())
    by_id = {post.id: post for post in posts}
    by_topic = {label.id: label.label for label in labels}
    return [store.shown(row, by_id, by_topic, deliveries.get(row.id, []), public_url) for row in rows]


async def _unread(transaction: AsyncTransaction) -> int:
    found = await transaction.fetch_one(store.UNREAD)
    return found.count if found else 0


def _position(text: str | None) -> int | None:
    """The place a page gave as ``next``. Raises InputError for anything else."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InputError("The request is not valid.", why="`before` is not a position we gave.", do="Begin without it.")
    return int(text)


@operation("/api/v1/alert-days", scope="alerts:read", toolset="watches", taints=True)
async def alert_days(context: Context, query: DaysInput) -> AlertDays:
    """How often each watch alerted, day by day: which of them cries wolf, and which was never looked at."""
    return AlertDays(days=await context.services.database.fetch(store.DAYS, {"days": query.days}))
