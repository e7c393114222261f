"""What every request passes first: a request id, Host and Origin checks, security headers, a log line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from services.api.auth.origin import Origins
from services.api.doors.problem import problem_of
from services.api.metrics import REFUSED
from shared.errors import GroundswellError
from shared.telemetry import logs

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Probes come with any Host and learn only a state.
_PROBES = "/health/"

_CONTENT_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Gate:
    """ASGI application around the application. The request's id is ``scope["groundswell_request"]``; what is put into
    ``scope["groundswell_cookies"]`` goes with the answer, as ``Set-Cookie``.
    """

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        header = _headers(scope)
        given = header("x-request-id") or ""
        request = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope["groundswell_request"] = request  # type: ignore[typeddict-unknown-key]
        with structlog.contextvars.bound_contextvars(request=request):
            try:
                self._check(scope, header)
            except GroundswellError as error:
                REFUSED.labels(type(error).__name__).inc()
                await _refuse(scope, send, error, request)
                return
            await self._pass(scope, receive, send, request)

    def _check(self, scope: Scope, header: Callable[[str], str | None]) -> None:
        if scope["path"].startswith(_PROBES):
            return
        host = header("host")
        self._origins.check_host(host)
        if scope.get("method") not in _SAFE_METHODS:  # a WebSocket has no method
            self._origins.check_origin(header("origin"), host, header("sec-fetch-site"))

    async def _pass(self, scope: Scope, receive: Receive, send: Send, request: str) -> None:
        began, status = time.monotonic(), 0
        cookies: list[bytes] = []
        scope["groundswell_cookies"] = cookies  # type: ignore[typeddict-unknown-key]

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = [(b"set-cookie", cookie) for cookie in cookies]
                said = message["headers"]
                if scope.get("method") == "OPTIONS":  # Litestar's own answer names one of a path's methods alone
                    said = [(name, value) for name, value in said if name.lower() != b"allow"]
                message["headers"] = [*said, *_own_headers(request), *given]
            await send(message)

        await self._app(scope, receive, sending)
        logs.get(__name__).debug(
            "request_finished",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            status=status,
            milliseconds=round((time.monotonic() - began) * 1000, 1),
        )


def _own_headers(request: str) -> list[tuple[bytes, bytes]]:
    return [*SECURITY_HEADERS, (b"x-request-id", request.encode())]


async def _refuse(scope: Scope, send: Send, error: GroundswellError, request: str) -> None:
    problem = problem_of(error, request)
    if scope["type"] == ScopeType.WEBSOCKET:
        await send({"type": "websocket.close", "code": 4000 + problem.status, "reason": problem.what})
        return
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *_own_headers(request)]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False})


def _headers(scope: Scope) -> Callable[[str], str | None]:
    """First value of a header, by its lower-case name. Two Hosts are as good as none."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def header(name: str) -> str | None:
        values = found.get(name, [])
        return values[0] if len(values) == 1 else None

    return header
