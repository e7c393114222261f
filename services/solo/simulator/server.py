"""The WebSocket server: handshake, one ``Subscriber`` a connection, shutdown with 1001.

As ``jetstream`` it is a server of the first version: ``/subscribe``. As ``jetstream2`` it is one of
the second, which serves both: its own endpoint, and ``/subscribe`` with numbered events.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from services.solo.simulator import door, encoding, subscription2
from services.solo.simulator.behaviour import Behaviour
from services.solo.simulator.cursor import TooOld, Window
from services.solo.simulator.door import Entry, Standing
from services.solo.simulator.faults import Fault, Injector
from services.solo.simulator.stream import Stream
from services.solo.simulator.subscriber import Clock, Manner, Subscriber
from services.solo.simulator.subscription import PATH, Subscription, last, parse_query
from shared.errors import ConfigurationError, InputError

#: How patient the present servers are: seconds a write may take, between pings, and until a pong.
PATIENCE = (5.0, 30.0, 5.0)
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
        wire: str = "jetstream",
        dictionary: bytes = b"",
        base: int = 0,
        patience: tuple[float, float, float] = PATIENCE,
        control: bool = False,
    ) -> None:
        self._stream, self._host, self._port = stream, host, port
        self._seed, self._true_clock, self._patience = seed, clock, patience
        self._control, self._standing = control, Standing(faults=list(faults))
        self._second = wire == "jetstream2"
        self._window = Window(stream, self._clock, retention_us, base, floor=lambda: self._standing.floor_us)
        self._legacy_dictionary = dictionary
        self._numbers, attempts = itertools.count(), itertools.count(1_000_000)
        self._attempts = attempts.__next__
        self._server: Server | None = None

    @cached_property
    def dictionary(self) -> bytes:
        """What the second version packs with; trained when first asked for."""
        return encoding.train(self._stream, encoding.message)

    @property
    def url(self) -> str:
        """Where to subscribe; only while serving."""
        if self._server is None:
            raise RuntimeError("the simulator is not serving")
        port = next(iter(self._server.sockets)).getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{port}{subscription2.PATH if self._second else PATH}"

    async def __aenter__(self) -> Self:
        try:
            self._server = await serve(
                self._handle,
                self._host,
                self._port,
                process_request=self._check,
                compression=None,
                select_subprotocol=_subprotocol,
                ping_interval=None,  # the subscriber pings, and ends without a close frame
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
        path = urlsplit(request.path).path
        if self._control and path == door.PATH and door.is_here(connection.remote_address):
            return self._answer_at_door(connection, request)
        if self._second and path == subscription2.DICTIONARY_PATH:
            return self._give_dictionary(request)
        if self._second and path == subscription2.PATH:
            return self._check_second(request) or self._refuse(connection)
        if path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Subscribe at {PATH}\n")
        try:
            asked = self._legacy_query(request)
        except InputError as error:
            return connection.respond(HTTPStatus.BAD_REQUEST, f"{error}\n")
        deflate = "permessage-deflate" in request.headers.get("Sec-WebSocket-Extensions", "")
        if asked.packed and deflate:
            return connection.respond(HTTPStatus.BAD_REQUEST, "choose zstd or permessage-deflate, not both\n")
        if asked.packed and not self._legacy_dictionary:
            return connection.respond(HTTPStatus.BAD_REQUEST, "no dictionary: start with --dictionary PATH\n")
        return self._refuse(connection, asked.cursor)

    def _refuse(self, connection: ServerConnection, cursor: int | None = None) -> Response | None:
        """503 where the door or a fault says so."""
        whole = Injector(self._standing.faults, self._seed, self._attempts()).whole
        if not self._standing.closed and "refuse" not in whole:
            return None
        now_us = self._true_clock()
        self._standing.note(Entry(opened_us=now_us, cursor=cursor, fault="refuse", ended_us=now_us))
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "warming up\n")

    def _answer_at_door(self, connection: ServerConnection, request: Request) -> Response:
        try:
            self._standing.obey(request.path, self._clock())
        except InputError as error:
            return connection.respond(HTTPStatus.BAD_REQUEST, f"{error}\n")
        return connection.respond(HTTPStatus.OK, self._standing.told(self._clock()))

    def _check_second(self, request: Request) -> Response | None:
        try:
            asked = self._second_query(request)
            self._window.start(asked.cursor, numbered=True, strict=True)
        except TooOld as error:
            return _json(HTTPStatus.BAD_REQUEST, subscription2.Refused("CursorTooOld", str(error)).body())
        except subscription2.Refused as error:
            return _json(HTTPStatus.BAD_REQUEST, error.body())
        return None

    def _give_dictionary(self, request: Request) -> Response:
        asked = last(parse_qs(urlsplit(request.path).query), "id")
        if asked and asked != str(encoding.DICTIONARY_ID):
            refused = subscription2.Refused("DictionaryNotFound", f"the current one is {encoding.DICTIONARY_ID}")
            return _json(HTTPStatus.NOT_FOUND, refused.body())
        return _response(HTTPStatus.OK, self.dictionary, "application/octet-stream")

    def _legacy_query(self, request: Request) -> Subscription:
        asked = parse_query(request.path)
        header = "zstd" in request.headers.get("Socket-Encoding", "")
        return msgspec.structs.replace(asked, packed=True) if header else asked

    def _second_query(self, request: Request) -> Subscription:
        encoded = request.headers.get("Socket-Encoding", "")
        return subscription2.parse_query(request.path, encoding.DICTIONARY_ID, socket_encoding=encoded)

    async def _handle(self, connection: ServerConnection) -> None:
        request = connection.request
        if request is None:
            return
        second = urlsplit(request.path).path == subscription2.PATH
        asked = self._second_query(request) if second else self._legacy_query(request)
        subscriber = Subscriber(
            connection,
            asked,
            self._stream,
            Behaviour(self._standing, self._seed, next(self._numbers)),
            clock=self._clock,
            window=self._window,
            manner=self._manner(second, packed=asked.packed),
        )
        await subscriber.serve()

    def _manner(self, second: bool, *, packed: bool) -> Manner:
        write = encoding.message if second else encoding.numbered if self._second else encoding.legacy
        dictionary = self.dictionary if second and packed else self._legacy_dictionary
        packer = encoding.Packer(dictionary) if packed else None
        return Manner(write, self._second, second, packer, *self._patience)


def _subprotocol(_connection: ServerConnection, offered: Sequence[str]) -> Subprotocol | None:
    """The only one there is, where it is offered; frames are the same without."""
    return Subprotocol(subscription2.SUBPROTOCOL) if subscription2.SUBPROTOCOL in offered else None


def _json(status: HTTPStatus, body: bytes) -> Response:
    return _response(status, body, "application/json")


def _response(status: HTTPStatus, body: bytes, kind: str) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
