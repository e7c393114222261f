"""Bluesky's Jetstream, version 1: one long WebSocket of JSON frames (the only home of websocket-client)."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import websocket

from services.relay.drops import Ending
from services.relay.frames import Frame
from services.relay.sources.base import TICK_SECONDS, resume_us
from services.relay.sources.websocket_frames import KEPT_BYTES, BoundedWebSocket, Oversize, Part
from services.relay.wires.jetstream import WIRE
from shared.errors import FeedUnavailable
from shared.store.cursors import Cursor

COLLECTIONS = ("app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost")
#: Connecting, and any one write, may take so long.
CONNECT_SECONDS = 10.0

_CONTROL = (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG)
_LOST = (websocket.WebSocketException, OSError, ValueError)


class Jetstream:
    """One reader. A frame of any kind, the server's pings too, counts as a sign of life."""

    wire = WIRE
    clamps = True

    def __init__(self, url: str, *, max_frame_bytes: int, stall_seconds: float) -> None:
        self._url = url
        self._max_frame_bytes, self._stall_seconds = max_frame_bytes, stall_seconds
        self._socket: BoundedWebSocket | None = None
        self._ending = Ending()
        self._message, self._size = bytearray(), 0
        self._opcode: int | None = None
        self._last_sign = 0.0

    @property
    def host(self) -> str:
        """Host and port of the feed."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    def open(self, cursor: Cursor) -> int:
        """Connect and ask for everything after ``cursor``; the time asked from. Raises FeedUnavailable."""
        self.close()
        position = resume_us(cursor)
        self._ending, self._opcode = Ending(), None
        self._message.clear()
        connection = BoundedWebSocket(self._max_frame_bytes)
        try:
            connection.dial(with_query(self._url, position), CONNECT_SECONDS)
        except _LOST as error:
            detail = _plain(error)
            self._ending = Ending(refused=True, detail=detail)
            raise FeedUnavailable("The feed cannot be reached.", why=detail) from error
        connection.settimeout(min(TICK_SECONDS, self._stall_seconds))
        self._socket = connection
        self._last_sign = time.monotonic()
        return position

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Frames until the connection ends (see ``ending``) or ``stop`` is set; ``None`` on a quiet tick."""
        connection = self._socket
        if connection is None:
            return
        while not stop.is_set():
            try:
                part = connection.next_part()
            except websocket.WebSocketTimeoutException:
                idle = time.monotonic() - self._last_sign
                if idle >= self._stall_seconds:
                    self._ending = Ending(stalled=True, idle_seconds=idle)
                    break
                yield None
                continue
            except Oversize as error:
                self._last_sign = time.monotonic()
                yield Frame(error.head, error.size, "oversize")
                continue
            except _LOST as error:
                idle = time.monotonic() - self._last_sign
                self._ending = Ending(detail=_plain(error), idle_seconds=idle)
                break
            self._last_sign = time.monotonic()
            if part.opcode == websocket.ABNF.OPCODE_CLOSE:
                self._ending = _closed(part.data)
                break
            if part.opcode in _CONTROL:
                self._answer(connection, part)
            elif (frame := self._data(part)) is not None:
                yield frame
        begun = self._unfinished(connection)
        if begun is not None and not stop.is_set():
            yield begun

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended."""
        last = self._ending
        return Ending(
            code=last.code,
            detail=last.detail,
            stalled=last.stalled,
            refused=last.refused,
            held_seconds=held_seconds,
            idle_seconds=last.idle_seconds,
        )

    def close(self) -> None:
        """End the connection without waiting for the other side."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        with contextlib.suppress(*_LOST):
            if connection.connected:
                connection.send_close()
        connection.hang_up()

    def _answer(self, connection: BoundedWebSocket, part: Part) -> None:
        """Answer a ping; the server drops a reader whose pong does not come within 5 s."""
        if part.opcode == websocket.ABNF.OPCODE_PING:
            # When even this cannot be sent, the next read says why.
            with contextlib.suppress(*_LOST):
                connection.pong(part.data)

    def _data(self, part: Part) -> Frame | None:
        """The whole message that ``part`` completes, or ``None`` while fragments are missing."""
        if part.opcode != websocket.ABNF.OPCODE_CONT:
            self._opcode = part.opcode
            if part.final:
                return _frame(part.opcode, part.data)
            self._message[:], self._size = part.data, len(part.data)
            return None
        self._size += len(part.data)
        if self._size <= self._max_frame_bytes:
            self._message += part.data
        if not part.final:
            return None
        data, opcode, size = bytes(self._message), self._opcode, self._size
        self._message.clear()
        if size > self._max_frame_bytes:
            return Frame(data[:KEPT_BYTES], size, "oversize")
        return _frame(opcode, data)

    def _unfinished(self, connection: BoundedWebSocket) -> Frame | None:
        """What had come of a message when the connection ended in its middle."""
        partial = bytes(self._message) + connection.parser.partial()
        self._message.clear()
        if not partial and not connection.parser.begun():
            return None
        return Frame(partial[:KEPT_BYTES], len(partial), "truncated")


def with_query(url: str, position: int) -> str:
    """``url`` with the cursor and our collections; parameters the operator put there stay."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("cursor", "wantedCollections")]
    asked = [("wantedCollections", name) for name in COLLECTIONS]
    return urlunsplit(parts._replace(query=urlencode([*kept, *asked, ("cursor", str(position))])))


def _frame(opcode: int | None, data: bytes) -> Frame:
    if opcode == websocket.ABNF.OPCODE_TEXT:
        return Frame(data, len(data))
    return Frame(data[:KEPT_BYTES], len(data), "binary")


def _closed(payload: bytes) -> Ending:
    """The ending that a close frame tells; 1005 stands for a close frame without a code."""
    if len(payload) < 2:
        return Ending(code=1005)
    return Ending(code=struct.unpack("!H", payload[:2])[0], detail=payload[2:].decode("utf-8", "replace"))


def _plain(error: Exception) -> str:
    """One short line for people. A refused handshake's headers and body stay out."""
    if isinstance(error, websocket.WebSocketBadStatusException):
        return f"the server answered HTTP {error.status_code}"
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]
