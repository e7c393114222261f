"""One Nostr relay: its past in whole windows from the cursor on, then live. Source: NIP-01, NIP-42.

A relay has no cursor and answers newest first, so nothing it stored moves ours by itself: only when
a window has been read whole does a mark. A connection that ends before we are live is followed by one
that goes on where it broke off. Live, a mark follows each answered ping: what the relay
sent before that has been read. After a break we ask again from well before the mark, as an author
may publish a little later than the time an event bears; ids make that harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from services.relay.crypto.secret import Secret
from services.relay.drops import Cause, Ending
from services.relay.events import MAX_AHEAD_US
from services.relay.frames import Frame
from services.relay.sources.base import resume_us
from services.relay.sources.nostr_authentication import Authentication
from services.relay.sources.nostr_headway import Failures, Headway
from services.relay.sources.nostr_messages import Told, close, request, told
from services.relay.sources.nostr_window import MOST_BYTES, MOST_EVENTS, PAGE, Window
from services.relay.sources.websocket_frames import KEPT_BYTES, Message
from services.relay.sources.websocket_reader import LOST, TEXT, WebSocketReader, plain
from services.relay.wires.nostr import KINDS, SECOND_US, WIRE
from shared.errors import FeedUnavailable
from shared.store.cursors import Cursor
from shared.telemetry import logs

#: Asked for again on every reconnect: authors' clocks differ, and relays hand events on late.
REWIND_US = 900_000_000
#: How often the cursor follows a live relay.
MARK_SECONDS = 2.0
#: Pauses after "rate-limited", in seconds, and how often a relay may refuse a window before it counts as lost.
RATE_PAUSES = (2.0, 4.0, 8.0, 16.0)
MOST_REFUSALS = 3
#: Connections that may end within one and the same second before what they did not give counts as lost.
MOST_CUTS = 5

_Frames = Generator[Frame | None, None, None]


class _Over(Exception):
    """The connection is over; ``_ending`` or the reader knows why."""


class _Closed(Exception):
    """The relay closed our subscription with a reason."""

    def __init__(self, answer: Told) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Nostr:
    """One reader of one relay. ``key`` signs NIP-42 challenges, where the relay asks for that."""

    wire = WIRE
    clamps = False
    note: str | None = None

    def __init__(
        self,
        url: str,
        *,
        max_frame_bytes: int,
        stall_seconds: float,
        key: Secret | None = None,
        rate_pauses: tuple[float, ...] = RATE_PAUSES,
    ) -> None:
        self._url, self._key, self._stall_seconds, self._rate_pauses = url, key, stall_seconds, rate_pauses
        self._reader = WebSocketReader(max_frame_bytes=max_frame_bytes, stall_seconds=stall_seconds, asks=True)
        self._incoming: Iterator[Message | None] = iter(())
        self._ending: Ending | None = None
        self._from = 0
        self._offset_us = 0
        self._subscriptions, self._live = 0, ""
        self._auth = Authentication(url, key)
        self._full = PAGE
        self._stop = threading.Event()
        self._headway = Headway()
        #: Live frames that wait for the past to be told, over connections; only those of ``_again``, the
        #: seconds that would be read again if we were killed, may wait.
        self._early: list[Frame] = []
        self._early_bytes, self._holds, self._again = 0, False, range(0)
        #: Of windows, over connections: refused, and broken off although of one second.
        self._refusals, self._cuts = Failures(), Failures()

    @property
    def host(self) -> str:
        """Host and port of the relay."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    def open(self, cursor: Cursor) -> int:
        """Connect; the time from which ``frames`` will ask. Raises FeedUnavailable."""
        self._reader.forget()
        self._holds = False
        self._ending, self._live, self._auth = None, "", Authentication(self._url, self._key)
        self._offset_us = cursor.now_us - time.monotonic_ns() // 1_000
        requested = resume_us(cursor, REWIND_US) // SECOND_US
        self._from = self._headway.begin(requested, cursor.position // SECOND_US)
        try:
            self._reader.dial(self._url)
        except LOST as error:
            self._ending = Ending(refused=True, detail=plain(error))
            raise FeedUnavailable("The relay cannot be reached.", why=plain(error)) from error
        return self._from * SECOND_US

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Frames until the connection ends (see ``ending``) or ``stop`` is set; ``None`` on a quiet tick."""
        self._stop, self._incoming = stop, self._reader.messages(stop)
        try:
            begin = self._from
            while begin <= (settled := (self._now_us() - REWIND_US) // SECOND_US):
                yield from self._past(begin, settled, (settled + 1) * SECOND_US)
                begin = settled + 1
            yield from self._live_from(begin)
        except _Over:
            return

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended."""
        return msgspec.structs.replace(self._ending or self._reader.ending, held_seconds=held_seconds)

    def close(self) -> None:
        """End the connection without waiting for the other side."""
        self._reader.close()

    # --- the past -----------------------------------------------------------------------------------

    def _past(self, begin: int, end: int, known_us: int) -> _Frames:
        """All events of the seconds [begin, end], window by window, each followed by its mark.

        No mark passes ``known_us``, from which on events reach us another way, or not yet.
        """
        while begin <= end:
            window = Window(begin, min(begin + self._headway.span - 1, end), self._full)
            mark_us = min((window.end + 1) * SECOND_US, known_us)
            try:
                whole = yield from self._read(window)
            except (_Over, _Closed):
                yield from self._broken_off(window, mark_us)
                raise
            if not whole:
                self._headway.halve(window)
                continue
            yield from window.frames(mark_us)
            self._full, begin = window.full, window.end + 1
            self._headway.read(window)

    def _broken_off(self, window: Window, mark_us: int) -> _Frames:
        """The connection ended within ``window``: ask for less next time.

        A single second cannot be asked for in parts: what came of it is handed on, and after
        MOST_CUTS connections the rest counts as lost.
        """
        self._headway.halve(window)
        ended_by_relay = self._ending is None or self._ending.stalled
        if self._stop.is_set() or not ended_by_relay or not self._headway.stuck(window):
            return
        tries = self._cuts.again(window.start)
        window.cannot_read("cut_off", {"events": window.events, "tries": tries}, window.end)
        *found, mark = window.frames(mark_us)
        yield from found
        if tries >= MOST_CUTS:
            yield mark
            self._headway.read(window)

    def _read(self, window: Window) -> Generator[Frame | None, None, bool]:
        """All pages of ``window``. False when it holds too much and must be asked for in parts."""
        pauses = iter(self._rate_pauses)
        while True:
            name = self._subscribe(window.wanted())
            try:
                whole = yield from self._page(name, window)
            except _Closed as closed:
                if not (yield from self._ask_again(closed.answer, window, pauses)):
                    return True
                continue
            self._refusals.clear()
            if window.overflows:
                if window.end > window.start:
                    return False
                window.cannot_read("full_second", {"events": window.events}, window.end)
                return True
            if whole:
                return True

    def _page(self, name: str, window: Window) -> Generator[Frame | None, None, bool]:
        """One page into ``window``, up to EOSE. True when the window is whole. Raises _Closed, _Over."""
        for message, answer in self._answers("the end of the stored events", name):
            if answer.word == "EVENT" and answer.name == name and message is not None:
                if not window.add(answer.event, message.data):
                    yield Frame(message.data, message.size, moves=False)
                if window.overflows:
                    self._reader.send(close(name))
                    return False
            elif answer.word == "EOSE" and answer.name == name:
                self._reader.send(close(name))
                return window.page_ended()
            elif answer.word == "CLOSED" and answer.name == name:
                raise _Closed(answer)
            else:
                yield self._other(message, answer)
        raise _Over

    def _ask_again(self, answer: Told, window: Window, pauses: Iterator[float]) -> Generator[Frame | None, None, bool]:
        """The relay closed a page: whether to ask again. A window refused again and again counts as lost."""
        if answer.reason == "auth-required":
            yield from self._authenticate(answer)
            return True
        if answer.reason == "rate-limited":
            yield from self._pause(pauses, answer)
            return True
        if answer.reason == "restricted":
            self._refuse(answer.text)
        if self._refusals.again(window.start) < MOST_REFUSALS:
            self._end("restart", f"the relay closed the request: {answer.text}")
        window.cannot_read("refused", {"told": answer.text}, window.end)
        return False

    def _pause(self, pauses: Iterator[float], answer: Told) -> _Frames:
        seconds = next(pauses, None)
        if seconds is None:
            self._end("kicked", answer.text)
        until = time.monotonic() + seconds
        for message, other in self._answers():
            yield self._other(message, other)
            if time.monotonic() >= until:
                return
        raise _Over

    # --- live ---------------------------------------------------------------------------------------

    def _live_from(self, begin: int) -> _Frames:
        """Subscribe, then read what was stored since ``begin``, then hand on what comes.

        In this order no event slips between: an author may publish now what bears an earlier time.
        What comes live meanwhile waits, so that the past is told first, as long as little waits.
        """
        since = self._now_us() // SECOND_US
        end = since + MAX_AHEAD_US // SECOND_US
        try:
            self._holds, self._again = self._room(), range(begin, end + 1)
            yield from self._subscribe_live()
            yield from self._past(begin, end, since * SECOND_US)
            self._holds = False
            yield from self._early
            self._early, self._early_bytes = [], 0
            self._headway.caught_up()
            marked = self._reader.answered_at
            for message, answer in self._answers():
                yield self._other(message, answer)
                if self._reader.answered_at > marked:
                    marked = self._reader.answered_at
                    yield Frame(b"", 0, mark_us=round(marked * 1e6) + self._offset_us)
                if time.monotonic() - marked >= MARK_SECONDS:
                    self._reader.ask()
        except _Closed as closed:
            if closed.answer.reason in ("auth-required", "restricted"):
                self._refuse(closed.answer.text)
            self._end("kicked", closed.answer.text)
        raise _Over

    def _subscribe_live(self) -> _Frames:
        """A subscription that holds: what comes from here on is handed to us as it comes.

        Without "since", which would also keep back what is published later under an earlier time.
        """
        pauses = iter(self._rate_pauses)
        while True:
            self._live = self._subscribe({"kinds": list(KINDS), "limit": 1})
            try:
                for message, answer in self._answers("the end of the stored events", self._live):
                    yield self._other(message, answer)
                    if answer.word == "EOSE" and answer.name == self._live:
                        return
            except _Closed as closed:
                if closed.answer.reason == "auth-required":
                    yield from self._authenticate(closed.answer)
                elif closed.answer.reason == "rate-limited":
                    yield from self._pause(pauses, closed.answer)
                else:
                    raise
                continue
            raise _Over

    # --- what the relay says --------------------------------------------------------------------------

    def _answers(self, awaited: str = "", name: str = "") -> Iterator[tuple[Message | None, Told]]:
        """Everything the relay says. While something is ``awaited``, only messages called ``name`` show
        that it is still coming; time in which we do not read is not the relay's.
        """
        progress = time.monotonic()
        for message in self._incoming:
            answer = Told() if message is None or message.fault or message.opcode != TEXT else told(message.data)
            if name and answer.name == name:
                progress = time.monotonic()
            before = time.monotonic()
            yield message, answer
            progress += time.monotonic() - before
            idle = time.monotonic() - progress
            if awaited and idle >= self._stall_seconds:
                self._ending = Ending(stalled=True, idle_seconds=idle, detail=f"{awaited} did not come")
                raise _Over

    def _other(self, message: Message | None, answer: Told) -> Frame | None:
        """A message that is not about the page being read: the frame in it, or ``None``."""
        if message is None:
            return None
        if message.fault or message.opcode != TEXT:
            return Frame(message.data[:KEPT_BYTES], message.size, message.fault or "binary", moves=False)
        match answer.word:
            case "EVENT" | "":
                return self._found(Frame(message.data, message.size, moves=False), answer)
            case "CLOSED" if answer.name == self._live:
                raise _Closed(answer)
            case "AUTH":
                reply = self._auth.reply(answer.text, self._now_us() // SECOND_US)
                if reply is not None:
                    self._reader.send(reply)
            case "OK" if answer.name == self._auth.event and not self._auth.settle(answer.accepted):
                self._refuse(f"the relay does not accept our key: {answer.text}")
            case "NOTICE":
                logs.get(__name__).info("feed_notice", host=self.host, notice=answer.text)
        return None

    def _found(self, frame: Frame, answer: Told) -> Frame | None:
        """``frame`` now, or ``None`` when it waits until the past has been told."""
        if not self._holds or answer.event is None or answer.event.created_at not in self._again:
            return frame
        self._early.append(frame)
        self._early_bytes += frame.size
        self._holds = self._room()
        return None

    def _room(self) -> bool:
        """Whether another frame may wait."""
        return len(self._early) < MOST_EVENTS and self._early_bytes < MOST_BYTES

    def _authenticate(self, answer: Told) -> _Frames:
        """Wait until the relay has taken our signature of its challenge."""
        if self._key is None:
            self._refuse(f"{answer.text} (no key is set for this feed)")
        if self._auth.pointless():
            self._refuse(answer.text)
        if self._auth.taken():
            return
        for message, other in self._answers("the answer to our authentication", self._auth.event):
            yield self._other(message, other)
            if self._auth.taken():
                return
        raise _Over

    def _subscribe(self, wanted: dict[str, Any]) -> str:
        self._subscriptions += 1
        name = f"g{self._subscriptions}"
        self._reader.send(request(name, wanted))
        return name

    def _now_us(self) -> int:
        """The database's clock, as the cursor brought it."""
        return time.monotonic_ns() // 1_000 + self._offset_us

    def _refuse(self, detail: str) -> NoReturn:
        self._ending = Ending(refused=True, detail=detail)
        raise _Over

    def _end(self, cause: Cause, detail: str) -> NoReturn:
        self._ending = Ending(told=cause, detail=detail)
        raise _Over
