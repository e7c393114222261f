"""A Jetstream server on loopback whose every misstep is scripted, one script a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.support import wire


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection does: serves normally, and after ``after`` frames does ``then``.

    ``then`` is "drop" (no close frame), "stall" (silence until the client leaves), "half" (part of a
    frame, then a drop), "binary", "reject" (HTTP 503 instead of a handshake) or a close code.
    ``from_us`` clamps the cursor silently, as a server does that no longer keeps what is older.
    """

    after: int = 0
    then: str | int | None = None
    from_us: int = 0


class ScriptedFeed:
    """Keeps every event and replays from the cursor asked for, then follows."""

    def __init__(self) -> None:
        self.cursors: list[int | None] = []
        self.queries: list[dict[str, list[str]]] = []
        self.sent = 0
        self._scripts: deque[Script] = deque()
        self._events: list[tuple[int, bytes | str]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.socket.getsockname()[1]
        return f"ws://127.0.0.1:{port}/subscribe"

    def plan(self, *scripts: Script) -> None:
        """The next connections follow ``scripts``, later ones serve normally."""
        self._scripts.extend(scripts)

    def emit(self, *events: dict[str, Any]) -> None:
        """Events happen now."""
        with self._changed:
            self._events += [(event["time_us"], wire.encode(event).decode("utf-8", "replace")) for event in events]
            self._changed.notify_all()

    def emit_raw(self, time_us: int, payload: str | bytes) -> None:
        """A frame that need not be an event; bytes go out as a binary frame."""
        with self._changed:
            self._events.append((time_us, payload))
            self._changed.notify_all()

    def wait_for_connections(self, number: int, seconds: float = 20.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.cursors) >= number, seconds), self.cursors

    def _accept(self, _connection: ServerConnection, _request: Request) -> Response | None:
        with self._changed:
            rejected = bool(self._scripts) and self._scripts[0].then == "reject"
            if rejected:
                self._scripts.popleft()
                self.cursors.append(None)
                self._changed.notify_all()
        return _connection.respond(503, "warming up") if rejected else None

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        with self._changed:
            script = self._scripts.popleft() if self._scripts else Script()
            self.cursors.append(cursor)
            self.queries.append(query)
            self._changed.notify_all()
        with contextlib.suppress(ConnectionClosed, OSError):
            self._stream(connection, script, cursor)

    def _stream(self, connection: ServerConnection, script: Script, cursor: int | None) -> None:
        place, earliest = self._begin(script, cursor)
        sent = 0
        while True:
            if script.then is not None and sent >= script.after:
                return self._misstep(connection, script.then)
            with self._changed:
                self._changed.wait_for(lambda at=place: self._closing or at < len(self._events), 0.1)
                if self._closing:
                    return None
                batch = self._events[place:]
            for time_us, _ in batch:
                place += 1
                if time_us < earliest:
                    continue
                connection.send(self._frame(place - 1))
                sent += 1
                self.sent += 1
                if script.then is not None and sent >= script.after:
                    break
            if not batch:
                connection.ping()

    def _begin(self, script: Script, cursor: int | None) -> tuple[int, int]:
        """Place of the first event to look at, and the time before which none is sent."""
        return 0, max(cursor or 0, script.from_us)

    def _frame(self, place: int) -> bytes | str:
        """What goes out for the event at ``place``; bytes as a binary frame."""
        return self._events[place][1]

    def _misstep(self, connection: ServerConnection, then: str | int) -> None:
        if isinstance(then, int):
            connection.close(then, "scripted")
        elif then == "stall":
            with self._changed:
                self._changed.wait_for(lambda: self._closing or connection.close_code is not None, 30)
        else:
            if then == "half":
                connection.socket.sendall(b"\x81\x7e\x01\x00" + b'{"did":"did:plc:half')
            connection.socket.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def scripted_feed() -> Iterator[ScriptedFeed]:
    with serving(ScriptedFeed()) as feed:
        yield feed


Feed = TypeVar("Feed", bound=ScriptedFeed)


@contextlib.contextmanager
def serving(feed: Feed) -> Iterator[Feed]:
    """``feed`` on a port of its own."""
    with serve(
        feed._serve,
        "127.0.0.1",
        0,
        process_request=feed._accept,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
        compression=None,
        ping_interval=None,
        close_timeout=1,
    ) as server:
        feed._server = server
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield feed
        finally:
            with feed._changed:
                feed._closing = True
                feed._changed.notify_all()
            server.shutdown()
            thread.join()
