"""Whom an access token lets in."""

from __future__ import annotations

from services.api.operations.context import Actor
from shared.contracts.access import PREFIX, digest
from shared.errors import Unauthorised
from shared.store import access
from shared.store.database import AsyncDatabase


def given(authorization: str | None) -> str | None:
    """The access token in the header, if it is one of these."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(PREFIX) else None


async def admit(database: AsyncDatabase, secret: str) -> Actor:
    """Whom ``secret`` lets in. Raises Unauthorised, and StoreUnavailable."""
    found = await database.fetch_one(access.ADMIT, {"digest": digest(secret)})
    if found is None:
        raise Unauthorised(
            "This token is not valid.",
            why="It was never given, it was revoked, or its time is over.",
            do="The operator makes another with `groundswell op create_access_token`.",
        )
    return Actor(found.name, frozenset(found.scopes), found.kind, found.tainted, found.id)
