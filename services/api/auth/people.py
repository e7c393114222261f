"""People as the record knows them: who they are, which role they have, and sign-ins under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.api.auth.roles import email_of, role_of
from services.api.auth.trail import note
from shared.config.people import Rule
from shared.contracts.access import digest
from shared.store import people as store
from shared.store.database import AsyncDatabase

_NAME_MOST = 200


class People:
    """Over the record. ``rules`` say who has which role. All methods raise StoreUnavailable."""

    def __init__(self, database: AsyncDatabase, rules: tuple[Rule, ...]) -> None:
        self._database, self._rules = database, rules

    async def remember(self, row: Mapping[str, Any]) -> bool:
        """Note a sign-in that begins; whether there was room."""
        await self._database.execute(store.FORGET_SIGN_INS)
        return await self._database.fetch_one(store.SIGN_IN, row) is not None

    async def pending(self, browser: str | None) -> store.Pending | None:
        """The sign-in that this browser began, which is used up by asking."""
        if not browser:
            return None
        return await self._database.fetch_one(store.COME_BACK, {"browser": digest(browser)})

    async def known(self, issuer: str, claims: Mapping[str, Any], request: str) -> str | None:
        """The id of the person of whom the provider says this; ``None`` without a role. Leaves a row in the log."""
        who = {"issuer": issuer, "subject": str(claims["sub"])}
        role, email = role_of(claims, self._rules), email_of(claims)
        name = f"person:{email or who['subject']}"[:_NAME_MOST]
        if role is None:
            await self._database.execute(store.UNKNOW, who)
            made = None
        else:
            made = await self._database.fetch_one(store.KNOW, who | {"name": name, "email": email, "role": role})
        detail = f"as {role}" if made else "without a role"
        about = {"actor": name, "request": request, "detail": detail}
        await note(self._database, "sign_in", kind="person", refused=made is None, **about)
        return made.id if made else None
