"""People who signed in through the identity provider, and ending their sessions."""

from __future__ import annotations

from uuid import UUID

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.access import KnownPerson, KnownPersonList
from shared.schemas.base import Schema
from shared.store import people as store


class PersonInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person by their id."""

    person: UUID


@operation("/api/v1/people", scope="access:read", toolset="access", taints=True)
async def people(context: Context, _: NoInput) -> KnownPersonList:
    """Who signed in through the identity provider, with what role, and in how many browsers they are signed in now."""
    return KnownPersonList(people=await context.services.database.fetch(store.ALL))


@operation(
    "/api/v1/people/{person}/sessions",
    method="DELETE",
    scope="access:write",
    effect="destroy",
    toolset="access",
    taints=True,
    idempotent=True,
)
async def end_sessions(context: Context, query: PersonInput) -> KnownPerson:
    """Sign a person out everywhere, at once. Whether they may come back, provider and settings decide."""
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.END_ALL_OF, {"person": query.person})
        there = await transaction.fetch_one(store.ONE, {"person": query.person})
    if there is None:
        raise NotFound("There is no such person.", do="GET /api/v1/people lists them.")
    return there
