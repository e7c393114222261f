"""A run while it goes on, as server-sent events: ``/api/v1/runs/{run}/stream`` (see ``RunStream`` for the events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from services.api.broadcast.run_streams import RunStreams
from services.api.readiness import Readiness
from shared.errors import InputError

#: A client that takes longer to accept one event is left; it can go on later behind what it has seen.
SEND_SECONDS = 10.0
#: No number of a change is longer.
_DIGITS_MOST = 9
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def routes(streams: RunStreams, readiness: Readiness) -> list[HTTPRouteHandler]:
    """The stream. It is for people: what an agent reads there, nothing would write down."""

    @get("/api/v1/runs/{run:str}/stream", name="run_stream", people="runs:read")
    async def run_stream(request: Request[Any, Any, Any]) -> ASGIApp:
        readiness.check()
        seen = request.headers.get("last-event-id") or request.query_params.get("after")
        events = await streams.open(_id(request.path_params["run"]), _number(seen))

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            await _respond(events, receive, send)

        return respond

    return [run_stream]


async def _respond(events: AsyncGenerator[bytes], receive: Receive, send: Send) -> None:
    """Until the events end or the client goes, whichever is first."""
    sending, listening = asyncio.create_task(_send(events, send)), asyncio.create_task(_listen(receive))
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, listening):
            task.cancel()
        sent, _ = await asyncio.gather(sending, listening, return_exceptions=True)
        await events.aclose()  # it gives its place back; here, as a sending that was cancelled early never began
    if isinstance(sent, Exception) and not isinstance(sent, TimeoutError):
        raise sent


async def _send(events: AsyncGenerator[bytes], send: Send) -> None:
    """Raises TimeoutError for a client that does not read."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    async for event in events:
        await _body(send, event, more=True)
    await _body(send, b"", more=False)


async def _body(send: Send, body: bytes, *, more: bool) -> None:
    # Not wait_for: before Python 3.12 it loses a cancellation that comes in the moment in which the sending ends.
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _listen(receive: Receive) -> None:
    """Clients have nothing to say: wait for the end."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _id(run: str) -> UUID:
    try:
        return UUID(run)
    except ValueError as error:
        raise InputError("The request is not valid.", why="`run` is not the id of a run.") from error


def _number(seen: str | None) -> int:
    """The change to go on behind. What is no number is told everything: a step that comes again replaces itself."""
    return int(seen) if seen and seen.isascii() and seen.isdigit() and len(seen) <= _DIGITS_MOST else 0
