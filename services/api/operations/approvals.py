"""Approvals: what agents wait for, and the operator's word on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.api.operations import policy
from services.api.operations.context import Actor, Context
from services.api.operations.registry import operation
from services.api.operations.secrets import masked_again
from shared.errors import ConflictError, Forbidden, NotFound
from shared.schemas.access import Approval, ApprovalList
from shared.schemas.base import Schema
from shared.store import approvals as store


class ApprovalsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``waiting=false`` lists what was decided as well."""

    waiting: bool = True
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ApprovalInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval by its id."""

    approval: UUID


@operation("/api/v1/approvals", scope="approvals:read", toolset="access", taints=True)
async def approvals(context: Context, query: ApprovalsInput) -> ApprovalList:
    """Calls of agents that wait for a yes, newest first: what would be called, with what, and why it waits.

    The operator reads addresses whole while they wait. Later, and for everybody else, they are cut to their host.
    """
    found = await context.services.database.fetch(store.LATEST, {"waiting": query.waiting, "limit": query.limit})
    return ApprovalList(approvals=[_told(one, context.actor) for one in found])


@operation(
    "/api/v1/approvals/{approval}/approve",
    method="POST",
    scope="approvals:write",
    effect="write",
    toolset="access",
    taints=True,
)
async def approve_call(context: Context, query: ApprovalInput) -> Approval:
    """Say yes to one call. It holds for a day, for exactly these arguments, and once."""
    return await _decide(context, query, "granted")


@operation(
    "/api/v1/approvals/{approval}/deny",
    method="POST",
    scope="approvals:write",
    effect="write",
    toolset="access",
    taints=True,
)
async def deny_call(context: Context, query: ApprovalInput) -> Approval:
    """Say no to one call. It may be asked for again."""
    return await _decide(context, query, "denied")


async def _decide(context: Context, query: ApprovalInput, state: str) -> Approval:
    async with context.services.database.transaction() as transaction:
        asked = await transaction.fetch_one(store.ONE, {"approval": query.approval})
        if state == "granted" and asked is not None:
            _check_own(context, asked)
        decided = await transaction.fetch_one(store.DECIDE, {"approval": query.approval, "state": state})
        if decided is not None:
            return _told(decided, context.actor)
        there = await transaction.fetch_one(store.ONE, {"approval": query.approval})
    if there is None:
        raise NotFound("There is no such approval.", do="GET /api/v1/approvals lists what waits.")
    raise ConflictError(f"This is decided already: {there.state}.")


def _check_own(context: Context, asked: Approval) -> None:
    """Nobody lets an agent do what they may not do themselves. Raises Forbidden."""
    wanted = next((one for one in context.services.operations if one.name == asked.operation), None)
    if wanted is not None and not policy.may(context.actor, wanted.scope):
        raise Forbidden("This is not allowed.", why=f"What would be done needs the scope {wanted.scope}.")


def _told(one: Approval, actor: Actor) -> Approval:
    """Whoever decides must see the very call; addresses of webhooks are secrets to all others, and afterwards."""
    if policy.may(actor, "approvals:write") and one.state == "waiting":
        return one
    return msgspec.structs.replace(one, arguments=masked_again(one.arguments))
