"""One connected client: replay, live pacing, option changes, faults, and the end of slow readers.

Frames are pulled from the stream as the client reads them; nothing is queued for it beyond the
socket's buffers. Replay and live are one loop over event time, so there is no seam between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from services.solo.simulator import encoding
from services.solo.simulator.behaviour import Behaviour
from services.solo.simulator.cursor import Start, Window
from services.solo.simulator.faults import CLOSES, Fault
from services.solo.simulator.plan import SECOND_US
from services.solo.simulator.stream import Stream
from services.solo.simulator.subscription import BadMessage, Subscription, parse_message

#: Microseconds since 1970, UTC.
Clock = Callable[[], int]


class Manner(msgspec.Struct, frozen=True):
    """How one connection is served: which frames, packed or not, and how patient its server is.

    ``second``: the second version, which only pushes, tells what it clamped, and ends with an error.
    """

    write: encoding.Write
    numbered: bool = False
    second: bool = False
    packer: encoding.Packer | None = None
    write_stall_seconds: float = 5.0
    ping_seconds: float = 30.0
    pong_within_seconds: float = 5.0


_TICK_SECONDS = 0.02
_WATCH_SECONDS = 1.0
_MOST_BEHIND_EVENTS = 100_000
_SLOW_EVENTS_A_SECOND = 5
_SLOW_FOR_SECONDS = 60.0
_REPLAY_US = 100_000
#: A half-open connection is given up on this side after so long.
_SILENT_SECONDS = 120.0


class Subscriber:
    """Serves one connection until it ends. ``window`` says how far back a cursor reaches."""

    def __init__(
        self,
        connection: ServerConnection,
        subscription: Subscription,
        stream: Stream,
        behaviour: Behaviour,
        *,
        clock: Clock,
        window: Window,
        manner: Manner,
    ) -> None:
        self._connection, self._stream, self._behaviour = connection, stream, behaviour
        self._clock, self._window, self._manner = clock, window, manner
        self._cursor, self._filter = subscription.cursor, subscription.filter
        self._hello = asyncio.Event()
        if not subscription.hello:
            self._hello.set()
        self._position_us = 0
        self._frames = 0
        self._last = b""
        self._opened = self._progress = asyncio.get_running_loop().time()
        self._sending = self._silent = False

    async def serve(self) -> None:
        """Return when the connection is over, whoever ended it."""
        jobs = [asyncio.create_task(job()) for job in (self._pump, self._listen, self._watch, self._ping)]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            results = await asyncio.gather(*jobs, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
                raise result

    async def _listen(self) -> None:
        async for message in self._connection:
            if self._manner.second:
                await self._connection.close(1008, "this endpoint takes no messages")
                return
            try:
                self._filter = parse_message(message)
            except BadMessage as error:
                await self._connection.close(error.code, error.reason[:120])
                return
            self._hello.set()

    async def _pump(self) -> None:
        await self._hello.wait()
        version, packed = 2 if self._manner.second else 1, self._manner.packer is not None
        self._behaviour.opened(self._clock(), self._cursor, version=version, packed=packed)
        if "slow" in self._behaviour.whole:
            await asyncio.sleep(self._behaviour.rng.uniform(1.0, 3.0))
        start = self._start()
        self._position_us = self._behaviour.entry.start_us = start.time_us
        if start.clamped and self._manner.second:
            number = self._window.number_at(start.time_us)
            await self._write(encoding.info("OutdatedCursor", f"below retention floor; starting at seq {number}"))
        # Who begins with the live tail has no change to it.
        replayed = self._clock() - self._position_us > _REPLAY_US
        while True:
            now_us = self._clock()
            if replayed:
                self._behaviour.cutover.look(self._position_us, now_us)
            second_end = self._stream.anchor_us + (self._stream.second_at(self._position_us) + 1) * SECOND_US
            end_us = min(now_us + 1, second_end)
            for event in self._stream.between(self._position_us, end_us):
                if self._filter.passes(event):
                    written = self._manner.write(event, self._window.base)
                    for frame in self._behaviour.cutover.through(event.time_us, written):
                        await self._send(frame)
            self._position_us = max(self._position_us, end_us)
            await self._misbehave()
            await asyncio.sleep(_TICK_SECONDS if self._position_us > now_us else 0)

    def _start(self) -> Start:
        if "tail" in self._behaviour.whole:
            return Start(self._clock())
        return self._window.start(self._cursor, numbered=self._manner.numbered)

    async def _send(self, frame: bytes) -> None:
        self._sending, self._progress = True, self._time()
        for ordered in self._behaviour.ordered(frame):
            await self._write(ordered)
        self._sending = False
        self._frames += 1
        self._last = frame
        await self._misbehave()

    async def _write(self, frame: bytes) -> None:
        if self._manner.packer is None:
            await self._connection.send(frame, text=True)
        else:
            await self._connection.send(self._manner.packer.pack(frame))

    async def _misbehave(self) -> None:
        if self._behaviour.hung_up:
            self._ends("hangup")
            await self._abort()
        for fault in self._behaviour.due(self._frames, self._time() - self._opened):
            await self._commit_fault(fault)

    async def _commit_fault(self, fault: Fault) -> None:
        match fault.name:
            case "drop":
                self._ends("drop")
                await self._abort()
            case "cut":
                self._ends("cut")
                head = b"\x81\x7e" + len(self._last).to_bytes(2, "big")
                self._connection.transport.write(head + self._last[: len(self._last) // 2])
                await self._cut()
            case "kick" if self._manner.second:
                self._ends("kick")
                await self._fail("ConsumerTooSlow", "kicked on purpose")
            case "kick" | "restart" | "toolarge" | "later":
                self._ends(fault.name)
                await self._connection.close(CLOSES[fault.name], f"{fault.name} on purpose")
            case "stall":
                self._ends("stall")
                await self._stall(fault.length)
            case "halfopen":
                self._ends("halfopen")
                await self._go_silent()
            case "reorder":
                self._behaviour.reorder()
            case "half" if self._last and self._manner.packer is not None:
                packed = self._manner.packer.pack(self._last)
                await self._connection.send(packed[: len(packed) // 2])
            case _ if self._last:
                extra = self._behaviour.frame(fault, self._last)
                if isinstance(extra, str):
                    await self._write(extra.encode())
                else:
                    await self._connection.send(extra)

    async def _fail(self, name: str, text: str) -> None:
        """The second version's end: an error frame, and the line is cut."""
        await self._write(encoding.failure(name, text))
        await self._cut()

    async def _cut(self) -> None:
        """End the connection without a close frame, once what was written is on its way."""
        self._connection.transport.close()
        await self._connection.wait_closed()

    def _ends(self, fault: str) -> None:
        self._behaviour.entry.fault, self._behaviour.entry.ended_us = fault, self._clock()

    async def _abort(self) -> None:
        self._connection.transport.abort()
        await self._connection.wait_closed()

    async def _go_silent(self) -> None:
        """As if the path had gone: nothing is sent, nothing is read, nothing is closed."""
        self._silent = True
        self._connection.transport.pause_reading()
        await asyncio.sleep(_SILENT_SECONDS)
        await self._abort()

    async def _stall(self, seconds: float) -> None:
        self._silent = True
        await asyncio.sleep(seconds)
        self._silent = False

    async def _ping(self) -> None:
        """Ping, and drop a client whose pong is late, without a close frame as the servers do."""
        while True:
            await asyncio.sleep(self._manner.ping_seconds)
            if self._silent:
                continue
            pong = await self._connection.ping()
            try:
                async with asyncio.timeout(self._manner.pong_within_seconds):
                    await pong
            except TimeoutError:
                self._connection.transport.abort()
                return

    async def _watch(self) -> None:
        """Drop a client that blocks a write, or that is far behind and hardly reads."""
        checked, frames = self._time(), self._frames
        while True:
            await asyncio.sleep(min(_WATCH_SECONDS, self._manner.write_stall_seconds / 2))
            now = self._time()
            if self._sending and now - self._progress > self._manner.write_stall_seconds:
                self._ends("unread")
                self._connection.transport.abort()
                return
            if now - checked >= _SLOW_FOR_SECONDS:
                pace = (self._frames - frames) / (now - checked)
                if pace < _SLOW_EVENTS_A_SECOND and self._behind_events() > _MOST_BEHIND_EVENTS:
                    self._ends("unread")
                    if self._manner.second:
                        await self._fail("ConsumerTooSlow", f"{self._behind_events():.0f} events behind the tip")
                    self._connection.transport.abort()
                    return
                checked, frames = now, self._frames

    def _behind_events(self) -> float:
        if not self._position_us:
            return 0.0
        return (self._clock() - self._position_us) / SECOND_US * self._stream.rate

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
