"""A TCP line to a real engine that a test can cut, freeze and mend, as if the engine had gone or hung."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit, urlunsplit

Address = tuple[str, int] | str


class Line:
    """Listens on a port of its own and passes bytes on to ``target`` (host and port, or a Unix socket)."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection; new ones are ended at once."""
        with self._lock:
            self._cut = True
            for held in self._open:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Keep every connection open and let nothing through, like a process that is stopped."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._cut = False
        self._flowing.set()

    def close(self) -> None:
        self.cut()
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        with near, socket.socket(family) as far:
            with self._lock:
                if self._cut:
                    return
                try:
                    far.connect(self._target)
                except OSError:
                    return
                self._open |= {near, far}
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()
            with self._lock:
                self._open -= {near, far}

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def severable(url: str) -> Iterator[tuple[Line, str]]:
    """A line to the server at ``url``, and the URL that leads through it."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    port = parts.port or (5432 if parts.scheme.startswith("postgres") else 6379)
    line = Line(f"{folder}/.s.PGSQL.{port}" if folder else (parts.hostname or "127.0.0.1", port))
    account, at, _ = parts.netloc.rpartition("@")
    try:
        yield line, urlunsplit((parts.scheme, f"{account}{at}127.0.0.1:{line.port}", parts.path, "", ""))
    finally:
        line.close()
