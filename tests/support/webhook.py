"""A server on loopback that speaks as Slack's incoming webhooks do, and misbehaves on command.

Its answers are those Slack documents: 200 ``ok``; 400 ``invalid_payload`` for a body that is no JSON object with
text or blocks; 404 ``no_service``; 429 with Retry-After. ``hang`` and ``reset`` are what networks do.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """``script`` holds what comes next, oldest first; when it is empty all goes well."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.got: list[Any] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                webhook.paths.append(self.path)
                webhook._answer(self, body)

            def do_GET(self) -> None:
                webhook.paths.append(f"GET {self.path}")
                webhook._say(self, 200, b"followed")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/services/T0SECRET/B0SECRET/xoxSECRETxox"

    def _answer(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        act = self.script.pop(0) if self.script else "ok"
        if act == "hang":
            self.released.wait(30)
            handler.close_connection = True
        elif act == "reset":
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
        elif act == "redirect":
            self._say(handler, 302, b"", location=f"http://127.0.0.1:{self.port}/elsewhere")
        elif act.startswith("429"):
            self._say(handler, 429, b"rate_limited", **{"retry-after": act.partition(" ")[2] or "1"})
        elif act == "500":
            self._say(handler, 500, f"rollup_error at {handler.path}".encode())
        elif act == "no_service":
            self._say(handler, 404, b"no_service")
        else:
            self._judge(handler, raw)

    def _judge(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("text") == "refuse":
            self._say(handler, 400, b"invalid_payload")
            return
        self.got.append(body)
        self._say(handler, 200, b"ok")

    def _say(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def webhook_server() -> Iterator[Webhook]:
    server = Webhook()
    server.start()
    try:
        yield server
    finally:
        server.stop()
