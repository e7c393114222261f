"""The application: operations behind their doors, around what is injected. Makes nothing of its own."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp

from services.api import openapi
from services.api.auth.entrance import Entrance
from services.api.auth.origin import Origins
from services.api.auth.people import People
from services.api.auth.provider import Provider
from services.api.auth.sessions import Cookies, Sessions
from services.api.auth.token import Keyring
from services.api.broadcast.hub import Hub
from services.api.broadcast.run_streams import RunStreams
from services.api.doors import frontend, live, mcp_door, probes, rest, run_stream, session, sign_in
from services.api.doors.gate import Gate
from services.api.doors.problem import response_of
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.context import Services
from services.api.operations.policy import may
from services.api.operations.rates import Rates
from services.api.readiness import Readiness
from shared.config.people import read_rules
from shared.errors import Forbidden, GroundswellError, StoreUnavailable
from shared.telemetry import logs

BODY_BYTES_MOST = 65_536


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the application is built around."""

    services: Services
    readiness: Readiness
    hub: Hub
    provider: Provider | None = None


def build(parts: Parts) -> ASGIApp:
    """The whole application as ASGI."""
    return Gate(build_router(parts), Origins(parts.services.settings.public_url))


def build_router(parts: Parts) -> Litestar:
    """The routes, without the gate."""
    settings = parts.services.settings
    keyring = Keyring(
        settings.api_token,
        closed=settings.loopback == "closed" or parts.provider is not None,
        open_to_all=settings.loopback == "open",
    )
    database = parts.services.database
    sessions = Sessions(database, Cookies(settings.public_url.startswith("https://")), keyring.digest)
    people = People(database, read_rules(settings.oidc_roles))
    signing_in = sign_in.Door(keyring, parts.provider, sessions, people, parts.readiness)
    document = openapi.document()
    door = mcp_door.McpDoor(OPERATIONS, parts.services, parts.readiness)
    streams = RunStreams(parts.services.database, lambda: parts.hub.closing)

    @get("/api/v1/openapi.json", name="openapi")
    async def openapi_json() -> Response[bytes]:
        return Response(document, media_type="application/json", headers={"cache-control": "no-cache"})

    return Litestar(
        route_handlers=[
            *rest.routes(OPERATIONS, parts.services, parts.readiness),
            *door.routes(),
            *session.routes(keyring, sessions, parts.readiness),
            *signing_in.routes(settings.public_url),
            *live.routes(parts.hub),
            *run_stream.routes(streams, parts.readiness),
            *probes.routes(parts.readiness),
            openapi_json,
            *frontend.routes(settings.frontend_dir),
        ],
        guards=[_guard(Entrance(keyring, sessions, database, parts.readiness), parts.services.rates)],
        exception_handlers={
            GroundswellError: _answer_with(parts.readiness),
            HTTPException: _answer_with(parts.readiness),
            Exception: _answer_with(parts.readiness),
        },
        lifespan=[door.life],
        request_max_body_size=BODY_BYTES_MOST,
        openapi_config=None,
        logging_config=None,
    )


def _guard(entrance: Entrance, rates: Rates) -> Any:
    """Every route asks who comes in, unless it says ``public=True``, and counts how often each comes.

    One that says ``people="SCOPE"`` is not for agents: nothing would write down what they read there.
    """

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        address = connection.client.host if connection.client else ""
        if handler.opt.get("public"):
            if not handler.opt.get("probe"):
                rates.take("sign-in" if handler.opt.get("asks") == "sign-in" else "request", f"at {address}")
            return
        is_socket = connection.scope["type"] == ScopeType.WEBSOCKET
        try:
            actor, cookie = await entrance.admit(connection.headers, connection.cookies, changeable=not is_socket)
            rates.take("request", actor.name)
            wanted = handler.opt.get("people")
            if wanted and (actor.kind == "agent" or not may(actor, wanted)):
                raise Forbidden("This is not allowed.", why=f"It needs the scope {wanted}, and is not for agents.")
        except GroundswellError as error:
            if is_socket:
                raise WebSocketException(detail=error.what, code=4000 + error.status) from error
            raise
        connection.scope["user"] = actor
        if cookie is not None:
            connection.scope["groundswell_cookies"].append(cookie.to_encoded_header()[1])  # type: ignore[typeddict-item]

    return admit


def _answer_with(readiness: Readiness) -> Any:
    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        if isinstance(error, StoreUnavailable):
            readiness.doubt()
        response = response_of(error, str(request.scope.get("groundswell_request", "")))
        if response.status_code == 500:
            logs.get(__name__).error("request_failed", path=request.scope["path"], exc_info=error)
        return response

    return answer
