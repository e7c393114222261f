"""The audit log: who changed what, through which door, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import operation
from shared.schemas.access import AuditPage, Outcome
from shared.schemas.base import Schema
from shared.store import audit_log as store

Text = Annotated[str, Meta(min_length=1, max_length=100)]


class AuditInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one ``operation``, ``actor``, ``outcome``, ``door`` or ``request`` (its id), from ``since`` to ``until``.

    ``before`` is ``next`` of an earlier page.
    """

    operation: Text | None = None
    actor: Text | None = None
    outcome: Outcome | None = None
    door: Text | None = None
    request: Text | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: UUID | None = None


@operation("/api/v1/audit", scope="audit:read", toolset="access", taints=True)
async def audit(context: Context, query: AuditInput) -> AuditPage:
    """Every change, and every one that lacked an approval, newest first, with its arguments. Reads leave no row."""
    wanted = {
        "operation": query.operation,
        "actor": query.actor,
        "outcome": query.outcome,
        "door": query.door,
        "request": query.request,
        "since": query.since,
        "until": query.until,
        "before": query.before,
        "limit": query.limit + 1,
    }
    found = await context.services.database.fetch(store.PAGE, wanted)
    page = found[: query.limit]
    return AuditPage(entries=page, next=page[-1].id if len(found) > query.limit else None)
