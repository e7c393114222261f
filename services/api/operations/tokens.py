"""Access tokens: given, listed and taken back by the operator alone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.api.operations import policy
from services.api.operations.context import Context
from services.api.operations.names import plain_name
from services.api.operations.registry import NoInput, operation
from shared.contracts import access as secrets
from shared.errors import ConflictError, InputError, NotFound
from shared.schemas.access import AccessToken, AccessTokenList, NewAccessToken, TokenKind, Whoami
from shared.schemas.base import Schema
from shared.store import access as store
from shared.store.database import AsyncTransaction

#: Not revoked. Each is asked for by its digest, so that this is for who reads the list.
TOKENS_MOST = 200


class NewToken(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``agent`` is for language models, ``script`` for programs of your own. Without ``days`` it holds until revoked.

    Scopes are such as ``posts:read`` and ``watches:write``; ``*`` is all that a token may have.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    kind: TokenKind = "agent"
    scopes: Annotated[list[Annotated[str, Meta(max_length=50)]], Meta(min_length=1, max_length=50)] = msgspec.field(
        default_factory=lambda: ["*"]
    )
    days: Annotated[int, Meta(ge=1, le=3650)] | None = 90


class TokenInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token by its id."""

    token: UUID


@operation("/api/v1/whoami", scope=policy.ANYONE, toolset="access", taints=False)
async def whoami(context: Context, _: NoInput) -> Whoami:
    """Who you are here, what you may do, and whether you have read what strangers wrote."""
    actor = context.actor
    return Whoami(
        name=actor.name, kind=actor.kind, scopes=sorted(actor.scopes), tainted=actor.tainted, door=context.door
    )


@operation("/api/v1/access-tokens", scope="access:read", toolset="access", taints=False)
async def access_tokens(context: Context, _: NoInput) -> AccessTokenList:
    """All access tokens, newest first, and the scopes there are. Never their secrets."""
    return AccessTokenList(
        tokens=await context.services.database.fetch(store.ALL), scopes=["*", *known_scopes(context)]
    )


@operation(
    "/api/v1/access-tokens",
    method="POST",
    scope="access:write",
    effect="write",
    toolset="access",
    taints=False,
    status=201,
)
async def create_access_token(context: Context, new: NewToken) -> NewAccessToken:
    """Give a program or a language model a token of its own. Its secret is in this answer and nowhere else."""
    if unknown := [scope for scope in new.scopes if scope != "*" and scope not in known_scopes(context)]:
        raise InputError(
            "The request is not valid.",
            why=f"There is no scope {unknown[0]!r} to give.",
            do="GET /api/v1/access-tokens lists them.",
        )
    secret, name = secrets.make(), plain_name(new.name)
    if name.startswith(("operator", "person:")):
        raise InputError(
            "The request is not valid.", why="A name that begins with `operator` or `person:` would mislead the log."
        )
    row = {
        "name": name,
        "kind": new.kind,
        "scopes": sorted(set(new.scopes)),
        "digest": secrets.digest(secret),
        "run": None,
        "seconds": None if new.days is None else new.days * 86_400,
    }
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.ONE_AT_A_TIME)
        await _check_room(transaction, name)
        made = await transaction.fetch_one(store.CREATE, row)
    assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return NewAccessToken(token=made, secret=secret)


@operation(
    "/api/v1/access-tokens/{token}",
    method="DELETE",
    scope="access:write",
    effect="destroy",
    toolset="access",
    taints=False,
    idempotent=True,
)
async def revoke_access_token(context: Context, query: TokenInput) -> AccessToken:
    """Take a token back, at once and for good. What waits for an approval of it is denied."""
    gone = await context.services.database.fetch_one(store.REVOKE, {"token": query.token})
    if gone is None:
        raise NotFound("There is no such token.", do="GET /api/v1/access-tokens lists them.")
    return gone


def known_scopes(context: Context) -> list[str]:
    """What can be given to a token."""
    withheld = policy.PEOPLE_ONLY | {policy.ANYONE}
    return sorted({one.scope for one in context.services.operations} - withheld)


async def _check_room(transaction: AsyncTransaction, name: str) -> None:
    there = await transaction.fetch_one(store.OPEN)
    if there is not None and there.count >= TOKENS_MOST:
        raise ConflictError(f"There are {TOKENS_MOST} tokens already.", do="Revoke one first.")
    if await transaction.fetch_one(store.NAMED, {"name": name}) is not None:
        raise ConflictError(
            "There was a token of this name already.",
            why="The audit log tells who did what by name.",
            do="Choose another.",
        )
