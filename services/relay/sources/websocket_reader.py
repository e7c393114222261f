"""Reading one WebSocket at a time, for any protocol: signs of life, pings, stalls, and why a connection ended."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import websocket

from services.relay.drops import Ending
from services.relay.sources.base import TICK_SECONDS
from services.relay.sources.websocket_frames import KEPT_BYTES, BoundedWebSocket, Message, Messages, Oversize, Part

#: Connecting, and any one write, may take so long.
CONNECT_SECONDS = 10.0
#: What the library raises when a connection cannot be made, or is lost.
LOST = (websocket.WebSocketException, OSError, ValueError)
#: A text message; anything else is binary.
TEXT: int = websocket.ABNF.OPCODE_TEXT

_CONTROL = (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG)


class WebSocketReader:
    """One connection after the other. A frame of any kind, pings too, counts as a sign of life.

    ``asks``: ping a silent server ourselves, for protocols whose servers may send nothing for long.
    """

    def __init__(self, *, max_frame_bytes: int, stall_seconds: float, asks: bool = False) -> None:
        self._max_frame_bytes, self._stall_seconds, self._asks = max_frame_bytes, stall_seconds, asks
        self._socket: BoundedWebSocket | None = None
        self._messages = Messages(max_frame_bytes)
        self._last_sign = 0.0
        self._pings, self._asked_at = 0, 0.0
        #: Why the last connection ended, as far as this class saw it.
        self.ending = Ending()
        #: When (monotonic) the last ping was sent whose answer is read: what came before has been read too.
        self.answered_at = 0.0

    def forget(self) -> None:
        """Close what is open and begin anew."""
        self.close()
        self.ending, self._messages = Ending(), Messages(self._max_frame_bytes)

    def dial(self, url: str, *, subprotocols: Sequence[str] = (), headers: Mapping[str, str] | None = None) -> None:
        """Connect and shake hands. Raises ``LOST``, among it WebSocketBadStatusException."""
        connection = BoundedWebSocket(self._max_frame_bytes)
        connection.dial(url, CONNECT_SECONDS, subprotocols, headers)
        connection.settimeout(min(TICK_SECONDS, self._stall_seconds))
        self._socket, self._asked_at = connection, 0.0
        self._last_sign = self.answered_at = time.monotonic()

    def send(self, text: str) -> None:
        """Send one text message. When it cannot be sent, the next read says why."""
        if self._socket is not None:
            with contextlib.suppress(*LOST):
                self._socket.send(text)

    def ask(self) -> None:
        """Ping the server, unless an answer is still due. See ``answered_at``."""
        if self._socket is None or self._asked_at:
            return
        self._pings += 1
        self._asked_at = time.monotonic()
        with contextlib.suppress(*LOST):
            self._socket.ping(self._payload())

    def messages(self, stop: threading.Event) -> Iterator[Message | None]:
        """Messages until the connection ends (see ``ending``) or ``stop`` is set; ``None`` on a quiet tick.

        Last comes what had arrived of a message when the connection ended in its middle.
        """
        connection = self._socket
        if connection is None:
            return
        while not stop.is_set():
            try:
                part = connection.next_part()
            except websocket.WebSocketTimeoutException:
                if self._stalled():
                    break
                yield None
                continue
            except Oversize as error:
                self._last_sign = time.monotonic()
                yield Message(TEXT, error.head, error.size, "oversize")
                continue
            except LOST as error:
                self.ending = Ending(detail=plain(error), idle_seconds=time.monotonic() - self._last_sign)
                break
            self._last_sign = time.monotonic()
            if part.opcode == websocket.ABNF.OPCODE_CLOSE:
                self.ending = _closed(part.data)
                break
            if part.opcode in _CONTROL:
                self._control(connection, part)
            elif (message := self._messages.add(part)) is not None:
                yield message
        begun = self._unfinished(connection)
        if begun is not None and not stop.is_set():
            yield begun

    def close(self) -> None:
        """End the connection without waiting for the other side. Idempotent."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        with contextlib.suppress(*LOST):
            if connection.connected:
                connection.send_close()
        connection.hang_up()

    def _stalled(self) -> bool:
        """Whether the server has been silent for too long; from half of that time on it is asked."""
        idle = time.monotonic() - self._last_sign
        if idle >= self._stall_seconds:
            self.ending = Ending(stalled=True, idle_seconds=idle)
            return True
        if self._asks and idle >= self._stall_seconds / 2:
            self.ask()
        return False

    def _control(self, connection: BoundedWebSocket, part: Part) -> None:
        """Answer a ping, as a server drops a reader whose pong does not come within seconds; note a pong."""
        if part.opcode == websocket.ABNF.OPCODE_PING:
            # When even this cannot be sent, the next read says why.
            with contextlib.suppress(*LOST):
                connection.pong(part.data)
        elif self._asked_at and part.data == self._payload().encode():
            self.answered_at, self._asked_at = self._asked_at, 0.0

    def _payload(self) -> str:
        return f"groundswell {self._pings}"

    def _unfinished(self, connection: BoundedWebSocket) -> Message | None:
        """What had come of a message when the connection ended in its middle."""
        partial = self._messages.taken() + connection.parser.partial()
        if not partial and not connection.parser.begun():
            return None
        return Message(TEXT, partial[:KEPT_BYTES], len(partial), "truncated")


def plain(error: Exception) -> str:
    """One short line for people. A refused handshake's headers and body stay out."""
    if isinstance(error, websocket.WebSocketBadStatusException):
        return f"the server answered HTTP {error.status_code}"
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]


def _closed(payload: bytes) -> Ending:
    """The ending that a close frame tells; 1005 stands for a close frame without a code."""
    if len(payload) < 2:
        return Ending(code=1005)
    return Ending(code=struct.unpack("!H", payload[:2])[0], detail=payload[2:].decode("utf-8", "replace"))
