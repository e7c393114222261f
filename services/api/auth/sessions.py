"""Sessions of browsers: a random secret in a cookie, its digest in the record, so that each can be ended here."""

from __future__ import annotations

import secrets

import msgspec
from litestar.datastructures import Cookie

from services.api.auth.roles import SCOPES
from services.api.auth.trail import note
from services.api.operations.context import OPERATOR, Actor, ActorKind
from shared.contracts.access import digest
from shared.errors import Unauthorised
from shared.store import people
from shared.store.database import AsyncDatabase

OWNER_SECONDS = 30 * 24 * 3600
#: Whom the provider forgets, or whose role changes there, is known here for no longer.
PERSON_SECONDS = 24 * 3600
SIGN_IN_SECONDS = 600


class Cookies(msgspec.Struct, frozen=True):
    """How our cookies are written. ``secure``: the public address is https, so they never travel in the clear, and
    their names hold browsers to that (``__Host-``: of this very host, not of a neighbour's).
    """

    secure: bool

    @property
    def session(self) -> str:
        """Name of the session's cookie."""
        return f"{'__Host-' if self.secure else ''}groundswell_session"

    @property
    def sign_in(self) -> str:
        """Name of the cookie of a sign-in under way."""
        return f"{'__Host-' if self.secure else ''}groundswell_sign_in"

    def make(self, name: str, value: str, seconds: int) -> Cookie:
        """One that scripts cannot read and other sites cannot send along with what changes something."""
        return Cookie(name, value=value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=self.secure)


class Sessions:
    """Makes, admits and ends sessions. ``owner`` is the digest of the owner's token, if there is one."""

    def __init__(self, database: AsyncDatabase, cookies: Cookies, owner: bytes | None) -> None:
        self._database, self.cookies, self._owner = database, cookies, owner

    async def of_owner(self, request: str) -> Cookie:
        """A new session of whoever gave the owner's token. Raises StoreUnavailable."""
        await note(self._database, "sign_in", actor=OPERATOR.name, kind="operator", request=request)
        return await self._begin(None, self._owner, OWNER_SECONDS)

    async def of_ticket(self, ticket: str, request: str) -> Cookie | None:
        """A new session of the owner for a ticket, which is used up, or ``None``. Raises StoreUnavailable."""
        given = {"digest": digest(ticket), "owner": self._owner}
        used = await self._database.fetch_one(people.USE_TICKET, given)
        return await self.of_owner(request) if used is not None else None

    async def of_person(self, person: str) -> Cookie:
        """A new session of the person with that id. Raises StoreUnavailable."""
        return await self._begin(person, None, PERSON_SECONDS)

    async def admit(self, secret: str, *, changeable: bool) -> tuple[Actor, Cookie | None]:
        """Whom the cookie lets in, and the cookie's next value when it is time. Raises Unauthorised, StoreUnavailable.

        ``changeable``: the answer can carry a cookie.
        """
        given = {"digest": digest(secret), "owner": self._owner}
        found = await self._database.fetch_one(people.ADMIT, given)
        if found is None:
            raise Unauthorised("Sign in again.", why="This session has ended.", do="Sign in on the page.")
        changed = None
        if found.due and changeable:
            fresh = secrets.token_urlsafe(32)
            changes = given | {"id": found.id, "fresh": digest(fresh)}
            if await self._database.fetch_one(people.CHANGE, changes) is not None:
                life = OWNER_SECONDS if found.name is None else PERSON_SECONDS
                changed = self.cookies.make(self.cookies.session, fresh, life)
        if found.name is None or found.role is None:
            return OPERATOR, changed
        return Actor(found.name, SCOPES[found.role], "person"), changed

    async def end(self, secret: str | None, request: str | None = None) -> Cookie:
        """End the session, if it is one. What takes its cookie away. With the id of a ``request`` whoever it was has
        signed out. Raises StoreUnavailable.
        """
        if secret and (ended := await self._database.fetch_one(people.END, {"digest": digest(secret)})) and request:
            kind: ActorKind = "person" if ended.name else "operator"
            actor = ended.name or OPERATOR.name
            await note(self._database, "sign_out", actor=actor, kind=kind, request=request)
        return self.cookies.make(self.cookies.session, "", 0)

    async def _begin(self, person: str | None, owner: bytes | None, seconds: int) -> Cookie:
        secret = secrets.token_urlsafe(32)
        made = {"person": person, "owner": owner, "digest": digest(secret), "seconds": seconds}
        await self._database.execute(people.END_OLD)
        await self._database.fetch_one(people.BEGIN, made)
        return self.cookies.make(self.cookies.session, secret, seconds)
