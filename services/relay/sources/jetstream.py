"""Bluesky's Jetstream, both versions: one long WebSocket of JSON frames on one of several hosts.

Frames come plain or compressed. What the server says of its own place in the stream rides on each
frame; that and its notices are all this thread reads of them.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import websocket

from services.relay.drops import Cause, Ending
from services.relay.frames import Evidence, Frame, Missing
from services.relay.sources.base import REWIND_US, TICK_SECONDS, resume_us
from services.relay.sources.jetstream_address import V1, Dialect, Hosts
from services.relay.sources.jetstream_refusal import Refusal, plain, refusal
from services.relay.sources.websocket_frames import KEPT_BYTES, BoundedWebSocket, Message, Messages, Oversize, Part
from services.relay.sources.zstd import Unpacker, Unusable
from services.relay.sources.zstd_dictionary import Dictionaries
from services.relay.wires.look import Look
from shared.errors import FeedUnavailable
from shared.store.cursors import Cursor
from shared.telemetry import logs

#: Connecting, and any one write, may take so long.
CONNECT_SECONDS = 10.0
#: Ways of asking that are tried on one host before it counts as refusing us.
_ATTEMPTS = 4

_CONTROL = (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG)
_LOST = (websocket.WebSocketException, OSError, ValueError)


class _Asked(NamedTuple):
    """What a connection was asked for: from ``cursor`` on, which is a ``token`` of the server or a time.

    ``position`` is the stored one. ``too_old`` is the evidence that the server no longer keeps the token.
    """

    cursor: int
    token: bool
    position: int
    too_old: Evidence | None = None


class Jetstream:
    """One reader. A frame of any kind, the server's pings too, counts as a sign of life."""

    def __init__(
        self,
        urls: Sequence[str],
        dialect: Dialect = V1,
        *,
        max_frame_bytes: int,
        stall_seconds: float,
        dictionaries: Dictionaries | None = None,
    ) -> None:
        self._hosts, self._dialect, self._dictionaries = Hosts(urls), dialect, dictionaries
        self._max_frame_bytes, self._stall_seconds = max_frame_bytes, stall_seconds
        self._socket: BoundedWebSocket | None = None
        self._ending = Ending()
        self._messages = Messages(max_frame_bytes)
        self._last_sign = 0.0
        self._asked = _Asked(0, False, 0)
        self._answered = self._over = False
        self._looking = True
        self._unpacker: Unpacker | None = None
        #: Hosts whose compressed frames we cannot read, and the last token that its server did not honour.
        self._plain_hosts: set[str] = set()
        self._void_token: int | None = None

    @property
    def wire(self) -> str:
        """The version spoken."""
        return self._dialect.wire

    @property
    def host(self) -> str:
        """Host and port of the server now or last connected to."""
        return self._hosts.host

    @property
    def clamps(self) -> bool:
        """Not where the server itself told that it no longer keeps what was asked for."""
        return self._asked.too_old is None

    def open(self, cursor: Cursor) -> int:
        """Connect and ask for everything after ``cursor``; the time asked from. Raises FeedUnavailable."""
        self.close()
        self._hosts.choose(cursor.host, (cursor.position, cursor.token))
        self._ending, self._messages = Ending(), Messages(self._max_frame_bytes)
        self._answered = self._over = False
        requested, position = resume_us(cursor), min(cursor.position, cursor.now_us)
        token = cursor.token if (cursor.wire, cursor.host) == (self.wire, self.host) else None
        asked = _Asked(requested, False, position)
        if token is not None and token != self._void_token:
            asked = _Asked(token, True, position)
        try:
            connection = self._dial(asked, requested)
        except _LOST as error:
            self._ending = Ending(refused=True, detail=plain(error))
            raise FeedUnavailable("The feed cannot be reached.", why=plain(error)) from error
        connection.settimeout(min(TICK_SECONDS, self._stall_seconds))
        self._socket, self._looking = connection, True
        self._last_sign = time.monotonic()
        return position if self._asked.token else requested

    def _dial(self, asked: _Asked, requested: int) -> BoundedWebSocket:
        """A connection, asked for in another way as often as the server says how. Raises the library's errors."""
        for _ in range(_ATTEMPTS):
            self._asked = asked
            unpacker = self._unpacker_for(self._hosts.url)
            connection = BoundedWebSocket(self._max_frame_bytes)
            url = self._dialect.query(self._hosts.url, asked.cursor, unpacker.dictionary.id if unpacker else None)
            try:
                connection.dial(url, CONNECT_SECONDS, self._dialect.subprotocols)
            except websocket.WebSocketBadStatusException as error:
                told = refusal(error)
                if told.too_old and asked.token:
                    asked = _from_the_floor(asked, told, requested)
                elif told.unknown_dictionary and unpacker is not None:
                    self._without(unpacker)
                else:
                    raise
                continue
            self._unpacker = unpacker
            return connection
        raise websocket.WebSocketException("the server refuses every way of asking")

    def _unpacker_for(self, url: str) -> Unpacker | None:
        if self._dictionaries is None or self.host in self._plain_hosts:
            return None
        dictionary = self._dictionaries.get(url)
        return None if dictionary is None else Unpacker(dictionary, self._max_frame_bytes)

    def _without(self, unpacker: Unpacker) -> None:
        """The server no longer knows our dictionary: take its new one, or go on uncompressed."""
        if self._dictionaries is None:
            return
        again = self._dictionaries.forget(self._hosts.url) and self._dictionaries.get(self._hosts.url)
        if not again or again.id == unpacker.dictionary.id:
            self._plain_hosts.add(self.host)
            self._dictionaries.unused(f"{self.host} does not know the zstd dictionary {unpacker.dictionary.id}.")

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Frames until the connection ends (see ``ending``) or ``stop`` is set; ``None`` on a quiet tick."""
        connection = self._socket
        if connection is None:
            return
        while not stop.is_set() and not self._over:
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
                self._ending = Ending(detail=plain(error), idle_seconds=idle)
                break
            self._last_sign = time.monotonic()
            if part.final and part.opcode == websocket.ABNF.OPCODE_TEXT and not self._looking:
                yield Frame(part.data, len(part.data))  # nearly all of a plain stream: the short way
                continue
            if part.opcode == websocket.ABNF.OPCODE_CLOSE:
                self._ending = _closed(part.data)
                break
            if part.opcode in _CONTROL:
                self._answer(connection, part)
            elif (message := self._messages.add(part)) and (frame := self._frame(message)) is not None:
                yield frame
        begun = None if self._over else self._unfinished(connection)
        if begun is not None and not stop.is_set():
            yield begun

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended."""
        return msgspec.structs.replace(self._ending, held_seconds=held_seconds)

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

    def _frame(self, message: Message) -> Frame | None:
        """The frame in one message, unpacked and looked at; ``None`` where there is none to hand over."""
        if message.oversize:
            return Frame(message.data[:KEPT_BYTES], message.size, "oversize")
        if message.opcode == websocket.ABNF.OPCODE_TEXT:
            frame = Frame(message.data, message.size)
        elif self._unpacker is None:
            return Frame(message.data[:KEPT_BYTES], message.size, "binary")
        else:
            try:
                content = self._unpacker.unpack(message.data)
            except Unusable as error:
                return self._packed(message, error, proven=self._unpacker.unpacked > 0)
            frame = Frame(content, len(content))
        return self._looked(frame) if self._looking else frame

    def _packed(self, message: Message, error: Unusable, *, proven: bool) -> Frame | None:
        """A frame that cannot be unpacked: put aside once the dictionary is ``proven``, and else read again plain.

        Nothing was taken yet from a connection whose dictionary does not fit, so nothing is lost.
        """
        if proven and not error.foreign:
            return Frame(message.data[:KEPT_BYTES], message.size, "oversize" if error.oversize else "zstd")
        self._plain_hosts.add(self.host)
        if self._dictionaries is not None:
            self._dictionaries.unused(f"The frames of {self.host} cannot be unpacked: {error}.")
        self._end("restart", f"reading on uncompressed: {error}")
        return None

    def _looked(self, frame: Frame) -> Frame | None:
        """``frame`` with what its server says of its place; ``None`` when it holds no event."""
        seen = self._dialect.look(frame.data)
        if seen is None:
            return frame
        if seen.error:
            name = seen.error.partition(":")[0]
            self._end("kicked" if name == "ConsumerTooSlow" else "restart", seen.error, stay=False)
            return None
        if seen.notice:
            logs.get(__name__).info("feed_notice", host=self.host, notice=seen.notice)
            return None
        missing = None
        if not self._answered:
            if self._asked.token and not _bears_out(self._asked, seen):
                self._void_token = self._asked.cursor
                self._end("restart", "the server numbers its events anew: asking by time instead")
                return None
            self._answered, missing = True, _missing(self._asked, seen)
            self._looking = self._dialect.numbered or seen.token is not None
        return Frame(frame.data, frame.size, token=seen.token, missing=missing)

    def _end(self, cause: Cause, detail: str, *, stay: bool = True) -> None:
        """End this connection from our side."""
        self._ending, self._over = Ending(told=cause, detail=detail), True
        if stay:
            self._hosts.stay()

    def _unfinished(self, connection: BoundedWebSocket) -> Frame | None:
        """What had come of a message when the connection ended in its middle."""
        partial = self._messages.taken() + connection.parser.partial()
        if not partial and not connection.parser.begun():
            return None
        return Frame(partial[:KEPT_BYTES], len(partial), "truncated")


def _from_the_floor(asked: _Asked, told: Refusal, requested: int) -> _Asked:
    """Ask from the oldest event the server keeps: by its number where it names one, else by time."""
    evidence: Evidence = {"token": asked.cursor, "floor": told.floor, "told": told.message}
    if asked.too_old is None and told.floor is not None and told.floor > asked.cursor:
        return asked._replace(cursor=told.floor, too_old=evidence)
    return asked._replace(cursor=requested, token=False, too_old=asked.too_old or evidence)


def _bears_out(asked: _Asked, seen: Look) -> bool:
    """Whether the first event can be what comes after a token: no lower number, no later time.

    The token's own event was due. After a rebuilt archive the same number means another event, or none
    yet, which a server answers with its live tail.
    """
    if asked.too_old is not None:
        return True
    return seen.token is not None and seen.token >= asked.cursor and seen.time_us <= asked.position + REWIND_US


def _missing(asked: _Asked, seen: Look) -> Missing | None:
    """What the server said it no longer keeps: from the stored position to the first event it gave instead."""
    if asked.too_old is None or not 0 < asked.position < seen.time_us:
        return None
    return Missing(asked.position, seen.time_us, "cursor_too_old", {**asked.too_old, "first_us": seen.time_us})


def _closed(payload: bytes) -> Ending:
    """The ending that a close frame tells; 1005 stands for a close frame without a code."""
    if len(payload) < 2:
        return Ending(code=1005)
    return Ending(code=struct.unpack("!H", payload[:2])[0], detail=payload[2:].decode("utf-8", "replace"))
