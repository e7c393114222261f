"""The live stream over WebSocket: ``/api/v1/live?after=ID``."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from litestar import Response, WebSocket, get, websocket
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from services.api.broadcast.hub import TOO_SLOW, Client, Closed, Hub
from services.api.metrics import LIVE_CLOSED
from shared.errors import InputError
from shared.schemas.base import Schema
from shared.schemas.live import Hello, Message

#: A browser that takes longer to accept one message is closed; the close itself may take this long.
SEND_SECONDS = 10.0
CLOSE_SECONDS = 1.0


class LiveEnvelope(Schema, frozen=True, kw_only=True):
    """What one text frame of the live stream holds, as ``message``."""

    message: Message


def routes(hub: Hub) -> list[HTTPRouteHandler | WebsocketRouteHandler]:
    """The stream, and the address that carries its messages' form into OpenAPI."""

    @websocket("/api/v1/live", name="live", people="posts:read")
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        try:
            client, hello = hub.join(socket.query_params.get("after") or None)
        except Closed as closed:
            await _close(socket, closed)
            return
        try:
            await _serve(socket, hub, client, hello)
        finally:
            hub.leave(client)

    @get("/api/v1/live-message", name="live_message")
    async def live_message() -> Response[bytes]:
        raise InputError(
            "This address only describes the live stream.",
            why="It is a WebSocket.",
            do="Open /api/v1/live?after=ID as one.",
        )

    return [live, live_message]


async def _serve(socket: WebSocket[Any, Any, Any], hub: Hub, client: Client, hello: Hello) -> None:
    """Until either side ends it."""
    sending = asyncio.create_task(_send(socket, hub, client, hello))
    listening = asyncio.create_task(_listen(socket))
    tasks = (sending, listening)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(results[0], Closed):
        await _close(socket, results[0])


async def _send(socket: WebSocket[Any, Any, Any], hub: Hub, client: Client, hello: Hello) -> None:
    texts = [msgspec.json.encode(hello).decode()]
    while True:
        for text in texts:
            try:
                async with asyncio.timeout(SEND_SECONDS):  # wait_for loses cancellations before Python 3.12
                    await socket.send_text(text)
            except TimeoutError:
                raise Closed(TOO_SLOW, "This client reads too slowly; connect again to resume.") from None
        texts = await hub.next(client)


async def _listen(socket: WebSocket[Any, Any, Any]) -> None:
    """Clients have nothing to say: read to learn of the end, and forget what they send."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _close(socket: WebSocket[Any, Any, Any], closed: Closed) -> None:
    LIVE_CLOSED.labels(str(closed.code)).inc()
    with contextlib.suppress(TimeoutError, RuntimeError, OSError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(closed.code, closed.reason)
