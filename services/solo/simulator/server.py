"""The WebSocket server: handshake, one ``Subscriber`` a connection, shutdown with 1001."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from services.solo.simulator import door
from services.solo.simulator.behaviour import Behaviour
from services.solo.simulator.door import Entry, Standing
from services.solo.simulator.faults import Fault, Injector
from services.solo.simulator.stream import Stream
from services.solo.simulator.subscriber import Clock, Subscriber
from services.solo.simulator.subscription import PATH, parse_query
from shared.errors import ConfigurationError, InputError

_PING_SECONDS = 30.0
_PONG_WITHIN_SECONDS = 5.0
_WRITE_STALL_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_LARGEST_CLIENT_MESSAGE_BYTES = 10_000_000


def wall_clock_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class SimulatorServer:
    """Serves ``stream`` while entered as an async context manager.

    ``port`` 0 takes a free one. Raises ``ConfigurationError`` when the port cannot be had.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        retention_us: int = 86_400_000_000,
        faults: Sequence[Fault] = (),
        seed: int = 1,
        clock: Clock = wall_clock_us,
        write_stall_seconds: float = _WRITE_STALL_SECONDS,
        control: bool = False,
    ) -> None:
        self._stream, self._host, self._port = stream, host, port
        self._retention_us, self._seed, self._control = retention_us, seed, control
        self._true_clock, self._write_stall_seconds = clock, write_stall_seconds
        self._standing = Standing(faults=list(faults))
        self._numbers, attempts = itertools.count(), itertools.count(1_000_000)
        self._attempts = attempts.__next__
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where to subscribe; only while serving."""
        if self._server is None:
            raise RuntimeError("the simulator is not serving")
        port = next(iter(self._server.sockets)).getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{port}{PATH}"

    async def __aenter__(self) -> Self:
        try:
            self._server = await serve(
                self._handle,
                self._host,
                self._port,
                process_request=self._check,
                compression=None,
                ping_interval=_PING_SECONDS,
                ping_timeout=_PONG_WITHIN_SECONDS,
                close_timeout=_CLOSE_SECONDS,
                max_size=_LARGEST_CLIENT_MESSAGE_BYTES,
            )
        except OSError as error:
            raise ConfigurationError(
                f"The simulator cannot listen on {self._host} port {self._port}.",
                why=f"{error.strerror or error}.",
                do="Choose another --port, or 0 for a free one.",
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close(reason="shutting down")
            await self._server.wait_closed()
            self._server = None

    def _clock(self) -> int:
        return self._true_clock() + self._standing.clock_us

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._control and urlsplit(request.path).path == door.PATH and door.is_here(connection.remote_address):
            return self._answer_at_door(connection, request)
        if urlsplit(request.path).path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Subscribe at {PATH}\n")
        if "zstd" in request.headers.get("Socket-Encoding", ""):
            return connection.respond(HTTPStatus.BAD_REQUEST, "zstd is not built yet: connect without it.\n")
        try:
            parse_query(request.path)
        except InputError as error:
            return connection.respond(HTTPStatus.BAD_REQUEST, f"{error}\n")
        if self._standing.closed or "refuse" in Injector(self._standing.faults, self._seed, self._attempts()).whole:
            cursor = parse_query(request.path).cursor
            now_us = self._true_clock()
            self._standing.note(Entry(opened_us=now_us, cursor=cursor, fault="refuse", ended_us=now_us))
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "warming up\n")
        return None

    def _answer_at_door(self, connection: ServerConnection, request: Request) -> Response:
        try:
            self._standing.obey(request.path, self._clock())
        except InputError as error:
            return connection.respond(HTTPStatus.BAD_REQUEST, f"{error}\n")
        return connection.respond(HTTPStatus.OK, self._standing.told(self._clock()))

    async def _handle(self, connection: ServerConnection) -> None:
        request = connection.request
        if request is None:
            return
        subscriber = Subscriber(
            connection,
            parse_query(request.path),
            self._stream,
            Behaviour(self._standing, self._seed, next(self._numbers)),
            clock=self._clock,
            retention_us=self._retention_us,
            write_stall_seconds=self._write_stall_seconds,
        )
        await subscriber.serve()
