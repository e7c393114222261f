"""Signing in and out as the audit log tells of it: they are no operations, and leave their row all the same."""

from __future__ import annotations

import hashlib
from typing import Literal

from services.api.operations.context import ActorKind
from shared.store import audit_log as log
from shared.store.database import AsyncDatabase


async def note(
    database: AsyncDatabase,
    done: Literal["sign_in", "sign_out"],
    *,
    actor: str,
    kind: ActorKind,
    request: str,
    refused: bool = False,
    detail: str = "",
) -> None:
    """Write the row. Raises StoreUnavailable."""
    row = await database.fetch_one(
        log.BEGIN,
        {
            "actor": actor,
            "kind": kind,
            "token": None,
            "tainted": False,
            "door": "rest",
            "operation": done,
            "effect": "write",
            "call": hashlib.sha256(done.encode()).digest(),
            "arguments": "{}",
            "request": request,
            "key": None,
        },
    )
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    outcome = "refused" if refused else "done"
    await database.execute(log.END, {"id": row.id, "outcome": outcome, "detail": detail, "answer": None})
