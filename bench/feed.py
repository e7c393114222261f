"""A Jetstream server that is no bottleneck: recorded frames, given new times, straight to one socket.

    python -m bench.feed FILE RATE BACKLOG_SECONDS

Frame number i happens at ``start + i / RATE``, where ``start`` lies BACKLOG_SECONDS before this process
began; it is sent as soon as it has happened and the reader takes it. So the backlog goes out as fast as
it is read, and the live tail follows at RATE. ``cursor`` is honoured. The simulator, which makes
every frame when it is due, would be slower than the relay. Prints its port.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

#: Sent in one piece at most, and how long to wait when nothing has happened yet.
_PIECE, _TICK_SECONDS = 128, 0.001
_TIME = re.compile(rb'"time_us":(\d{16})')
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Feed:
    """Serves one recording to whoever connects."""

    def __init__(self, path: Path, rate: float, backlog_seconds: float) -> None:
        self._path, self._step_us = path, 1e6 / rate
        self._start_us = time.time_ns() / 1e3 - backlog_seconds * 1e6

    def serve(self, listener: socket.socket) -> None:
        """Connections for ever, each in a thread."""
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            cursor = _shake_hands(connection)
            threading.Thread(target=_read_away, args=(connection,), daemon=True).start()
            for piece in self._pieces(cursor):
                connection.sendall(piece)

    def _pieces(self, cursor_us: int) -> Iterator[bytes]:
        """Frames from ``cursor_us`` on as the wire has them, several at once while they are overdue."""
        with self._path.open("rb") as file:
            waiting: list[bytes] = []
            for number, line in enumerate(file):
                time_us = int(self._start_us + number * self._step_us)
                if time_us < cursor_us:
                    continue
                while time_us > time.time_ns() // 1_000:
                    if waiting:
                        yield b"".join(waiting)
                        waiting.clear()
                    time.sleep(_TICK_SECONDS)
                waiting.append(_framed(_TIME.sub(b'"time_us":%d' % time_us, line[:-1], 1)))
                if len(waiting) == _PIECE:
                    yield b"".join(waiting)
                    waiting.clear()
            yield b"".join(waiting)
        while True:  # the recording is over: stay, so that the reader does not connect again
            yield b"\x89\x00"
            time.sleep(1.0)


def _framed(data: bytes) -> bytes:
    """An unmasked text frame."""
    size = len(data)
    return (struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)) + data


def _shake_hands(connection: socket.socket) -> int:
    """Answer the upgrade; the cursor asked for."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    text = request.decode("latin-1")
    key = text.lower().partition("sec-websocket-key:")
    name = text[len(key[0]) + len(key[1]) :].split("\r\n", 1)[0].strip()
    accept = base64.b64encode(hashlib.sha1((name + _GUID).encode()).digest()).decode()  # noqa: S324 - RFC 6455
    connection.sendall(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    found = re.search(r"[?&]cursor=(\d+)", text)
    return int(found[1]) if found else 0


def _read_away(connection: socket.socket) -> None:
    """Pongs and the like are of no interest."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def main() -> None:
    """Listen on a free port of loopback until killed."""
    feed = Feed(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        feed.serve(listener)


if __name__ == "__main__":
    main()
