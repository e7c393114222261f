"""A server that speaks the REST calls we make of Qdrant, over HTTP on the loopback, and misbehaves on command.

What it keeps and finds is the work of the client library's own in-memory engine, which is exact; what real
servers do beyond that (graphs, quantisation, optimisers) only a real server can show.

``python -m tests.support.qdrant_server HOST PORT KEY`` serves until it is ended.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from qdrant_client import QdrantClient, models

#: What a call meets: a status to answer, "reset", "silent" (no answer for too long), "late" (done, but not answered).
Fault = int | str
SILENT_SECONDS = 1.3


class QdrantServer:
    """``key``: the API key it asks for. ``faults`` are used up one a call; ``calls`` are all that came."""

    def __init__(self, key: str = "", host: str = "127.0.0.1", port: int = 0) -> None:
        self.key, self.faults, self.calls = key, deque[Fault](), list[tuple[str, str, Any]]()
        self.settings: dict[str, dict[str, Any]] = {}
        self.payload: dict[str, dict[str, Any]] = {}
        self._snapshots: dict[str, bytes] = {}
        self._engine = QdrantClient(":memory:")
        self._one = threading.RLock()
        handler = type("Handler", (_Handler,), {"world": self})
        self._http = ThreadingHTTPServer((host, port), handler)
        self.url = f"http://{host}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._engine.close()

    def answer(self, method: str, path: str, query: dict[str, list[str]], raw: bytes) -> tuple[int, Any]:
        """Status and result of one call."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        body = json.loads(raw) if raw[:1] == b"{" else {}
        with self._one:
            self.calls.append((method, "/".join(parts), body))
            if parts == ["collections"]:
                return 200, {"collections": [{"name": name} for name in sorted(self.settings)]}
            name, rest = parts[1], parts[2:]
            if rest == ["exists"]:
                return 200, {"exists": name in self.settings}
            if not rest and method == "PUT":
                return self._create(name, body)
            if rest == ["snapshots", "upload"]:
                return self._upload(name, raw)
            if not rest and method == "DELETE":
                return 200, self.settings.pop(name, None) is not None and self._engine.delete_collection(name)
            if name not in self.settings:
                return 404, f"Not found: Collection `{name}` doesn't exist!"
            return self._of(name, method, rest, body)

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if name in self.settings:
            return 409, f"Wrong input: Collection `{name}` already exists!"
        self.settings[name], self.payload[name] = body, {}
        vectors = models.VectorParams(
            size=body["vectors"]["size"], distance=models.Distance(body["vectors"]["distance"])
        )
        self._engine.create_collection(name, vectors_config=vectors)
        return 200, True

    def _of(self, name: str, method: str, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        engine, wanted = self._engine, _filter(body)
        if not rest and method == "GET":
            return 200, self._described(name)
        if not rest and method == "PATCH":
            self.settings[name] |= {key: value for key, value in body.items() if value is not None}
            return 200, True
        if rest == ["index"]:
            self.payload[name][body["field_name"]] = body["field_schema"]
            return 200, _DONE
        if rest == ["points"] and method == "PUT":
            engine.upsert(name, [models.PointStruct(**point) for point in body["points"]])
            return 200, _DONE
        if rest == ["points", "delete"]:
            engine.delete(name, models.PointIdsList(points=body["points"]))
            return 200, _DONE
        if rest == ["points"]:
            found = engine.retrieve(name, body["ids"], body.get("with_payload"), bool(body.get("with_vector")))
            return 200, [_plain(record) for record in found]
        if rest == ["points", "query"]:
            answer = engine.query_points(name, query=body["query"]["nearest"], query_filter=wanted, limit=body["limit"])
            return 200, {"points": [_plain(point) | {"payload": None} for point in answer.points]}
        if rest == ["points", "scroll"]:
            order = models.OrderBy(**body["order_by"]) if body.get("order_by") else None
            page, after = engine.scroll(name, wanted, body["limit"], order, body.get("offset"), body["with_payload"])
            return 200, {"points": [_plain(record) for record in page], "next_page_offset": after}
        if rest == ["points", "count"]:
            return 200, {"count": engine.count(name, wanted).count}
        return self._snapshot(name, method, rest)

    def _described(self, name: str) -> dict[str, Any]:
        settings = self.settings[name]
        schema = {field: {"data_type": kind, "points": 0} for field, kind in self.payload[name].items()}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": self._engine.count(name).count,
            "config": {
                "params": {"vectors": {"size": settings["vectors"].get("size", 384), "distance": "Cosine"}},
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    **{"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0},
                    **{"flush_interval_sec": 5},
                },
                "quantization_config": None
                if settings.get("quantization_config") in (None, "Disabled")
                else settings["quantization_config"],
            },
            "payload_schema": schema,
        }

    def _snapshot(self, name: str, method: str, rest: list[str]) -> tuple[int, Any]:
        if rest == ["snapshots"] and method == "POST":
            kept, _next = self._engine.scroll(name, limit=1_000_000, with_vectors=True)
            points = [_plain(record) for record in kept]
            self._snapshots[f"{name}-1.snapshot"] = json.dumps([self.settings[name], points]).encode()
            return 201, {"name": f"{name}-1.snapshot", "size": 1}
        if method == "DELETE":
            self._snapshots.pop(rest[1])
            return 200, True
        return 200, self._snapshots[rest[1]]

    def _upload(self, name: str, raw: bytes) -> tuple[int, Any]:
        start, end = raw.find(b"[{"), raw.rfind(b"]")
        if start < 0:
            return 400, "Wrong input: Invalid snapshot"
        settings, points = json.loads(raw[start : end + 1])
        if self.settings.pop(name, None):
            self._engine.delete_collection(name)
        self._create(name, settings)
        if points:
            self._engine.upsert(name, [models.PointStruct(**point) for point in points])
        return 200, True

    @property
    def snapshots(self) -> list[str]:
        """Those the server holds."""
        return sorted(self._snapshots)


@contextmanager
def qdrant_server(key: str = "") -> Iterator[QdrantServer]:
    """One, empty."""
    server = QdrantServer(key)
    try:
        yield server
    finally:
        server.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: QdrantServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.world.faults.popleft() if self.world.faults else None
        if self.world.key and self.headers.get("api-key") != self.world.key:
            self._send(401, "Must provide an API key or an Authorization bearer token")
        elif isinstance(fault, int):
            self._send(fault, "told to fail")
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "silent":
            time.sleep(SILENT_SECONDS)
            self.close_connection = True
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the engine warns of what it leaves to real servers
                status, result = self.world.answer(self.command, url.path, parse_qs(url.query), raw)
            if fault == "late":
                time.sleep(SILENT_SECONDS)
                self.close_connection = True
            else:
                self._send(status, result)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _serve

    def _send(self, status: int, result: Any) -> None:
        if isinstance(result, bytes):
            data = result
        else:
            good = status < 300
            said = {"result": result, "status": "ok"} if good else {"status": {"error": result}, "result": None}
            data = json.dumps(said | {"time": 0.0}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


_DONE = {"operation_id": 1, "status": "completed"}


def _filter(body: dict[str, Any]) -> models.Filter | None:
    return models.Filter(**body["filter"]) if body.get("filter") else None


def _plain(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.model_dump_json(exclude_none=True))
    return found


if __name__ == "__main__":
    QdrantServer(sys.argv[3], sys.argv[1], int(sys.argv[2]))
    threading.Event().wait()
