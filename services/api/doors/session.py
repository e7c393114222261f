"""Sign in with the owner's token, and out: the token becomes a session's cookie that scripts cannot read."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler

from services.api.auth.sessions import Sessions
from services.api.auth.token import Keyring
from services.api.doors.rest import read_body
from services.api.readiness import Readiness
from shared.errors import InputError, Unauthorised
from shared.schemas.base import Schema

PATH = "/api/v1/session"
#: What ``groundswell up`` prints when the token is asked for. Without a good one the page asks.
TICKET = f"{PATH}/ticket"
NOT_KEPT = {"cache-control": "no-store"}


class SessionRequest(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API token."""

    token: str


def _id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope.get("groundswell_request", ""))


def routes(keyring: Keyring, sessions: Sessions, readiness: Readiness) -> list[HTTPRouteHandler]:
    """``POST`` makes a session, ``DELETE`` ends it for good. Both take away what session the browser had before."""

    @post(PATH, status_code=204, name="sign_in", public=True, asks="sign-in")
    async def sign_in(request: Request[Any, Any, Any]) -> Response[None]:
        try:
            given = msgspec.convert(read_body(await request.body()), SessionRequest)
        except msgspec.ValidationError as error:
            raise InputError("The request is not valid.", why="It needs a `token`.") from error
        if keyring.open:
            return Response(None, status_code=204, headers=NOT_KEPT)
        if not keyring.is_owners(given.token):
            raise Unauthorised("This is not the token.", do="It is the value of GROUNDSWELL_API_TOKEN.")
        readiness.check()
        await sessions.end(request.cookies.get(sessions.cookies.session))
        made = await sessions.of_owner(_id(request))
        return Response(None, status_code=204, cookies=[made], headers=NOT_KEPT)

    @delete(PATH, status_code=204, name="sign_out", public=True)
    async def sign_out(request: Request[Any, Any, Any]) -> Response[None]:
        readiness.check()
        gone = await sessions.end(request.cookies.get(sessions.cookies.session), _id(request))
        return Response(None, status_code=204, cookies=[gone], headers=NOT_KEPT)

    @get(TICKET, name="sign_in_ticket", public=True, asks="sign-in")
    async def sign_in_ticket(request: Request[Any, Any, Any]) -> Response[None]:
        readiness.check()
        ticket = request.query_params.get("ticket", "")
        session = None if keyring.open else await sessions.of_ticket(ticket, _id(request))
        headers = {"location": "/", **NOT_KEPT}
        return Response(None, status_code=303, cookies=[session] if session else [], headers=headers)

    return [sign_in, sign_out, sign_in_ticket]
