"""Bluesky's Jetstream, both versions: one long WebSocket of JSON frames on one of several hosts.

Frames come plain or compressed. What the server says of its own place in the stream rides on each
frame; that and its notices are all this thread reads of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import websocket

from services.relay.drops import Cause, Ending
from services.relay.frames import Evidence, Frame, Missing
from services.relay.sources.base import REWIND_US, resume_us
from services.relay.sources.jetstream_address import V1, Dialect, Hosts
from services.relay.sources.jetstream_refusal import Refusal, plain, refusal
from services.relay.sources.websocket_frames import KEPT_BYTES, Message
from services.relay.sources.websocket_reader import LOST, TEXT, WebSocketReader
from services.relay.sources.zstd import Unpacker, Unusable
from services.relay.sources.zstd_dictionary import Dictionaries
from services.relay.wires.look import Look
from shared.errors import FeedUnavailable
from shared.store.cursors import Cursor
from shared.telemetry import logs

#: Ways of asking that are tried on one host before it counts as refusing us.
_ATTEMPTS = 4


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
        self._max_frame_bytes = max_frame_bytes
        self._reader = WebSocketReader(max_frame_bytes=max_frame_bytes, stall_seconds=stall_seconds)
        #: Why the last connection ended, where we ended it or were refused.
        self._ending: Ending | None = None
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

    @property
    def note(self) -> str | None:
        """Why frames come uncompressed although compression is wanted."""
        if self._dictionaries is None or self._unpacker is not None or not self._dictionaries.why_unused:
            return None
        return f"Read uncompressed: {self._dictionaries.why_unused}"

    def open(self, cursor: Cursor) -> int:
        """Connect and ask for everything after ``cursor``; the time asked from. Raises FeedUnavailable."""
        self._reader.forget()
        self._hosts.choose(cursor.host, (cursor.position, cursor.token))
        self._ending = None
        self._answered = self._over = False
        requested, position = resume_us(cursor), min(cursor.position, cursor.now_us)
        token = cursor.token if (cursor.wire, cursor.host) == (self.wire, self.host) else None
        asked = _Asked(requested, False, position)
        if token is not None and token != self._void_token:
            asked = _Asked(token, True, position)
        try:
            self._dial(asked, requested)
        except LOST as error:
            self._ending = Ending(refused=True, detail=plain(error))
            raise FeedUnavailable("The feed cannot be reached.", why=plain(error)) from error
        self._looking = True
        return position if self._asked.token else requested

    def _dial(self, asked: _Asked, requested: int) -> None:
        """Connect, asked for in another way as often as the server says how. Raises the library's errors."""
        for _ in range(_ATTEMPTS):
            self._asked = asked
            unpacker = self._unpacker_for(self._hosts.url)
            url = self._dialect.query(self._hosts.url, asked.cursor, unpacker.dictionary.id if unpacker else None)
            try:
                self._reader.dial(url, subprotocols=self._dialect.subprotocols)
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
            return
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
        for message in self._reader.messages(stop):
            if message is None:
                yield None
            elif message.opcode == TEXT and not (message.fault or self._looking):
                yield Frame(message.data, message.size)  # nearly all of a plain stream: the short way
            elif (frame := self._frame(message)) is not None:
                yield frame
            if self._over:
                return

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended."""
        return msgspec.structs.replace(self._ending or self._reader.ending, held_seconds=held_seconds)

    def close(self) -> None:
        """End the connection without waiting for the other side."""
        self._reader.close()

    def _frame(self, message: Message) -> Frame | None:
        """The frame in one message, unpacked and looked at; ``None`` where there is none to hand over."""
        if message.fault:
            return Frame(message.data[:KEPT_BYTES], message.size, message.fault)
        if message.opcode == TEXT:
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
