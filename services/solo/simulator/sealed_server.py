"""The Jetstream stream behind a wallet's signature, each frame encrypted under its session's key."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from services.relay.crypto.cipher import TAG_BYTES, cipher
from services.relay.wires.sealed import Layout
from services.solo.simulator import encoding
from services.solo.simulator.faults import Fault
from services.solo.simulator.sealed_desk import NONCE_PATH, VERIFY_PATH, Desk, Session
from services.solo.simulator.server import SimulatorServer
from services.solo.simulator.stream import Event, Stream
from services.solo.simulator.subscriber import Manner
from shared.contracts.sealed_feed import SealedOptions

_SESSION_OVER = 4401
_WATCH_SECONDS = 0.1
#: Which session the connection that is being set up belongs to.
_session: contextvars.ContextVar[Session] = contextvars.ContextVar("session")


class SealedServer(SimulatorServer):
    """Serves ``stream`` and its ``desk`` while entered. The desk listens on the next port, or a free one."""

    def __init__(
        self,
        stream: Stream,
        *,
        options: SealedOptions | None = None,
        port: int = 0,
        seed: int = 1,
        faults: Sequence[Fault] = (),
        **settings: Any,
    ) -> None:
        super().__init__(stream, port=port, seed=seed, faults=faults, **settings)
        self.options = options or SealedOptions()
        self.desk = Desk(self.options, seed)
        self._desk_server: ThreadingHTTPServer | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._desk_server = self.desk.serve(self._host, self._port + 1 if self._port else 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self._desk_server is not None:
            await asyncio.to_thread(self._desk_server.shutdown)
            self._desk_server.server_close()

    @property
    def described(self) -> str:
        """Where to subscribe, and what a feed must be told to do it."""
        told = msgspec.json.encode({"nonce_url": self.told.nonce_url, "verify_url": self.told.verify_url}).decode()
        return f"{self.url} GROUNDSWELL_FEED_OPTIONS='{told}'"

    @property
    def told(self) -> SealedOptions:
        """The options of a feed that reads this; only while serving."""
        if self._desk_server is None:
            raise RuntimeError("the simulator is not serving")
        base = f"http://{self._host}:{self._desk_server.server_address[1]}"
        return msgspec.structs.replace(self.options, nonce_url=base + NONCE_PATH, verify_url=base + VERIFY_PATH)

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.desk.session(self._token(request)) is None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "sign in first\n")
        return super()._check(connection, request)

    def _token(self, request: Request) -> str:
        if self.options.token_in == "query":  # noqa: S105 - a place
            return parse_qs(urlsplit(request.path).query).get(self.options.token_name, [""])[0]
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    async def _handle(self, connection: ServerConnection) -> None:
        session = None if connection.request is None else self.desk.session(self._token(connection.request))
        if session is None:
            await connection.close(_SESSION_OVER, "session over")
            return
        _session.set(session)
        watch = asyncio.create_task(_end_with(connection, session))
        try:
            await super()._handle(connection)
        finally:
            watch.cancel()

    def _manner(self, second: bool, *, packed: bool) -> Manner:
        session = _session.get()
        opens = cipher(self.options.cipher, session.key)
        options = self.options
        layout = Layout(options.iv_field, options.content_field, options.tag_field, options.encoding)
        separate = TAG_BYTES if options.cipher == "aes-256-gcm" else 0

        def seal(event: Event, base: int) -> bytes:
            session.sealed += 1
            iv = session.sealed.to_bytes(12 if separate else 16, "big")
            return layout.write(iv, opens.seal(iv, encoding.numbered(event, base)), separate)

        return msgspec.structs.replace(super()._manner(second, packed=packed), write=seal, numbered=True)


async def _end_with(connection: ServerConnection, session: Session) -> None:
    """Close the connection when its session is over."""
    while session.lasts:  # noqa: ASYNC110 - a session ends by the clock, or by another thread
        await asyncio.sleep(_WATCH_SECONDS)
    await connection.close(_SESSION_OVER, "session over")
