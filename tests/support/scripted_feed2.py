"""The scripted feed as a server of Jetstream's second version: numbered events, refusals by name, packed frames."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from tests.support import wire2, zstd
from tests.support.scripted_feed import Script, ScriptedFeed, serving

PATH = f"/xrpc/{wire2.NSID}"
DICTIONARY_PATH = "/xrpc/network.bsky.jetstream.getZstdDictionary"


class ScriptedFeed2(ScriptedFeed):
    """Events are numbered from ``base`` + 1 in the order they happen.

    ``floor`` is the oldest number kept (``vague``: it is not told); ``dictionary`` is the id of the one on
    offer; ``frames`` replaces, by place, what goes out. "error" is a further misstep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base, self.floor, self.dictionary = 0, 0, 7
        self.warming, self.vague = 0, False
        self.frames: dict[int, bytes | str] = {}
        self.fetched = 0
        self.path = PATH
        self._packed = False

    @property
    def url(self) -> str:
        return super().url.replace("/subscribe", self.path)

    def _accept(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if parts.path == DICTIONARY_PATH:
            self.fetched += 1
            return _response(200, zstd.dictionary(self.dictionary))
        if self.warming:
            self.warming -= 1
            return _refusal(503, "ServiceUnavailable", "service not ready: cursor replay warming up")
        cursor = int(query["cursor"][0])
        asked = query.get("zstdDictionary")
        refused = None
        if asked and asked != [str(self.dictionary)]:
            refused = _refusal(400, "UnknownZstdDictionary", f"current dictionary id is {self.dictionary}")
        if cursor < 10**15 and cursor < self.floor:
            told = "" if self.vague else f"cursor {cursor} below lookback floor {self.floor}; re-backfill"
            refused = _refusal(400, "CursorTooOld", told)
        if refused:
            with self._changed:
                self.cursors.append(cursor)
                self.queries.append(query)
                self._changed.notify_all()
            return refused
        self._packed = asked is not None
        return super()._accept(connection, request)

    def _begin(self, script: Script, cursor: int | None) -> tuple[int, int]:
        asked = cursor or 0
        if asked >= 10**15:
            return super()._begin(script, cursor)
        place = asked - self.base - 1
        # a number not given yet means the live tip
        return (place if place < len(self._events) else len(self._events)), 0

    def _frame(self, place: int) -> bytes | str:
        if place in self.frames:
            return self.frames[place]
        text = super()._frame(place)
        if isinstance(text, bytes) or not text.startswith('{"did"'):
            return text
        event, number = json.loads(text), self.base + place + 1
        if self.path != PATH:  # the first version, from a server that numbers
            data = json.dumps(
                {"did": event.pop("did"), "time_us": event.pop("time_us"), "cursor": number} | event
            ).encode()
        else:
            data = wire2.message(event, number)
        return zstd.pack(zstd.dictionary(self.dictionary), data) if self._packed else data.decode()

    def _misstep(self, connection: ServerConnection, then: str | int) -> None:
        if then != "error":
            return super()._misstep(connection, then)
        data = wire2.error("ConsumerTooSlow", "reading below the floor rate 200000 events behind the tip")
        if self._packed:
            connection.send(zstd.pack(zstd.dictionary(self.dictionary), data))
        else:
            connection.send(data.decode())
        connection.socket.shutdown(socket.SHUT_WR)
        return None


def _refusal(status: int, name: str, text: str) -> Response:
    return _response(status, json.dumps({"error": name, "message": text}).encode())


def _response(status: int, body: bytes) -> Response:
    return Response(status, "", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)


@contextlib.contextmanager
def scripted_feed2() -> Iterator[ScriptedFeed2]:
    with serving(ScriptedFeed2()) as feed:
        yield feed
