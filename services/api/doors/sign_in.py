"""Signing in through the identity provider: leave for it, and come back with a session's cookie.

A browser that comes back is sent on to the page in any case: ``/?sign_in=WHY`` says why it is not signed in. The log
has the rest.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from services.api.auth.people import People
from services.api.auth.provider import Provider, ProviderAway
from services.api.auth.sessions import SIGN_IN_SECONDS, Sessions
from services.api.auth.token import Keyring
from services.api.doors.session import NOT_KEPT
from services.api.metrics import SIGN_INS
from services.api.readiness import Readiness
from shared.contracts.access import digest
from shared.errors import Forbidden, NotFound, TooMany
from shared.schemas.access import SignInWays
from shared.store import people as store
from shared.telemetry import logs

PATH = "/api/v1/sign-in"
BACK = f"{PATH}/back"
#: What a browser is told at the page's address.
Why = Literal["expired", "refused", "unknown", "away"]


class Door:
    """The three addresses of signing in. ``provider`` is ``None`` where there is none."""

    def __init__(
        self, keyring: Keyring, provider: Provider | None, sessions: Sessions, people: People, readiness: Readiness
    ) -> None:
        self._keyring, self._provider, self._sessions = keyring, provider, sessions
        self._people, self._readiness = people, readiness

    def routes(self, public_url: str) -> list[HTTPRouteHandler]:
        """``public_url`` is where browsers find us; empty takes what each asked for."""

        def back_to_us(request: Request[Any, Any, Any]) -> str:
            return f"{public_url or 'http://' + request.headers.get('host', '')}{BACK}"

        @get(PATH, name="sign_in_ways", public=True)
        async def sign_in_ways() -> SignInWays:
            return await self._ways()

        @get(f"{PATH}/leave", name="sign_in_leave", public=True, asks="sign-in")
        async def sign_in_leave(request: Request[Any, Any, Any]) -> Response[None]:
            return await self._leave(back_to_us(request), request.query_params.get("to"))

        @get(BACK, name="sign_in_back", public=True, asks="sign-in")
        async def sign_in_back(request: Request[Any, Any, Any]) -> Response[None]:
            return await self._back(request, back_to_us(request))

        return [sign_in_ways, sign_in_leave, sign_in_back]

    async def _ways(self) -> SignInWays:
        token = self._keyring.digest is not None
        if self._provider is None:
            return SignInWays(token=token)
        try:
            await self._provider.metadata()
        except ProviderAway as error:
            return SignInWays(token=token, provider=self._provider.host, away=error.what)
        return SignInWays(token=token, provider=self._provider.host)

    async def _leave(self, back: str, wanted: str | None) -> Response[None]:
        if self._provider is None:
            raise NotFound("No identity provider is set up here.", do="Set GROUNDSWELL_OIDC_ISSUER.")
        self._readiness.check()
        leaving = await self._provider.leave(back)
        browser = secrets.token_urlsafe(32)
        row = {
            "browser": digest(browser),
            "state": leaving.state,
            "nonce": leaving.nonce,
            "verifier": leaving.verifier,
            "back_to": local(wanted),
            "seconds": SIGN_IN_SECONDS,
        }
        if not await self._people.remember(row):
            raise TooMany("Too many sign-ins are under way.", do="Try again in some minutes.")
        cookies = self._sessions.cookies
        return _go(leaving.url, [cookies.make(cookies.sign_in, browser, SIGN_IN_SECONDS)])

    async def _back(self, request: Request[Any, Any, Any], back: str) -> Response[None]:
        cookies = self._sessions.cookies
        gone = cookies.make(cookies.sign_in, "", 0)
        try:
            self._readiness.check()
            pending = await self._people.pending(request.cookies.get(cookies.sign_in))
            if pending is None:
                return self._failed("expired", gone, "no sign-in of this browser is under way")
            person = await self._person(request, pending, back)
            await self._sessions.end(request.cookies.get(cookies.session))
            session = await self._sessions.of_person(person)
        except ProviderAway as error:
            return self._failed("away", gone, str(error))
        except Forbidden as error:
            unknown = isinstance(error, NoRole)
            return self._failed("unknown" if unknown else "refused", gone, str(error))
        SIGN_INS.labels("done").inc()
        return _go(pending.back_to, [gone, session])

    async def _person(self, request: Request[Any, Any, Any], pending: store.Pending, back: str) -> str:
        """The id of whoever came back. Raises Forbidden, ProviderAway, StoreUnavailable."""
        assert self._provider is not None  # noqa: S101 - nothing is under way without one
        query = request.query_params
        if not secrets.compare_digest(str(query.get("state", "")).encode(), pending.state.encode()):
            raise Forbidden("This answer belongs to another sign-in.", why="Its state is not the one that was sent.")
        known = await self._provider.metadata()
        if query.get("iss", known.issuer) != known.issuer:
            raise Forbidden(
                "This answer is of another identity provider.", why="Its issuer is not the one that is set."
            )
        if (code := query.get("code")) is None:
            said = str(query.get("error", ""))[:40]
            raise Forbidden("The identity provider did not sign in.", why=f"It says {said!r}.")
        claims = await self._provider.claims(code, verifier=pending.verifier, nonce=pending.nonce, back=back)
        person = await self._people.known(known.issuer, claims, str(request.scope.get("groundswell_request", "")))
        if person is None:
            raise NoRole("This person has no role here.", do="Give one in GROUNDSWELL_OIDC_ROLES.")
        return person

    def _failed(self, why: Why, gone: Cookie, said: str) -> Response[None]:
        SIGN_INS.labels(why).inc()
        logs.get(__name__).warning("sign_in_failed", why=why, said=said)
        return _go(f"/?sign_in={why}", [gone])


class NoRole(Forbidden):
    """Known to the identity provider, and without a role here."""


def local(wanted: str | None) -> str:
    """An address of our own page, or its first one: nobody is sent elsewhere."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\", "/api/")):
        return "/"
    return wanted if wanted.isprintable() and "\\" not in wanted and len(wanted) <= 500 else "/"


def _go(where: str, cookies: list[Cookie]) -> Response[None]:
    return Response(None, status_code=303, headers={"location": where, **NOT_KEPT}, cookies=cookies)
