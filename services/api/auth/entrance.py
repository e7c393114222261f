"""Who comes in: by the owner's token, an access token, or a session's cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar.datastructures import Cookie

from services.api.auth import bearer
from services.api.auth.sessions import Sessions
from services.api.auth.token import Keyring
from services.api.operations.context import Actor
from services.api.readiness import Readiness
from shared.store.database import AsyncDatabase


class Entrance:
    """The one place that turns what a request carries into an actor."""

    def __init__(self, keyring: Keyring, sessions: Sessions, database: AsyncDatabase, readiness: Readiness) -> None:
        self._keyring, self._sessions = keyring, sessions
        self._database, self._readiness = database, readiness

    async def admit(
        self, headers: Mapping[str, Any], cookies: Mapping[str, str], *, changeable: bool
    ) -> tuple[Actor, Cookie | None]:
        """The caller, and a cookie that its answer is to carry. A header goes before a cookie.

        Raises Unauthorised, StoreUnavailable, SchemaNotReady.
        """
        authorization = headers.get("authorization")
        secret = bearer.given(authorization)
        if secret is not None and not self._keyring.holds(authorization):
            self._readiness.check()
            return await bearer.admit(self._database, secret), None
        session = cookies.get(self._sessions.cookies.session)
        if session and authorization is None and not self._keyring.open:
            self._readiness.check()
            return await self._sessions.admit(session, changeable=changeable)
        return self._keyring.admit(authorization), None
