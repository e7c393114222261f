"""A Nostr relay over the simulated conversation: the past newest first up to a cap, EOSE, then live. NIP-01, 42."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from services.relay.crypto.nostr_event import NostrEvent
from services.solo.simulator.faults import Fault, Injector
from services.solo.simulator.nostr_stream import NostrStream
from services.solo.simulator.plan import SECOND_US
from services.solo.simulator.server import wall_clock_us
from services.solo.simulator.stream import Stream
from shared.errors import ConfigurationError

#: Events in one answer, whatever a request asks for.
CAP = 500
#: Faults whose "every so many" counts requests, not frames.
_OF_PAGES = ("noeose", "closed")
_TICK_SECONDS = 0.02
_MOST_SUBSCRIPTIONS = 20
_CLOSE_SECONDS = 2.0


class Wanted(msgspec.Struct):
    """The part of a filter that is served."""

    kinds: list[int] | None = None
    authors: list[str] | None = None
    since: int = 0
    until: int | None = None
    limit: int = CAP

    def passes(self, event: NostrEvent) -> bool:
        """Whether ``event`` is asked for."""
        inside = self.since <= event.created_at and (self.until is None or event.created_at <= self.until)
        kind = self.kinds is None or event.kind in self.kinds
        return inside and kind and (self.authors is None or event.pubkey in self.authors)


class NostrServer:
    """Serves ``stream`` while entered as an async context manager. ``challenge`` asks for NIP-42, "" does not."""

    def __init__(
        self,
        stream: Stream,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        retention_us: int = 86_400_000_000,
        faults: Sequence[Fault] = (),
        seed: int = 1,
        clock: Callable[[], int] = wall_clock_us,
        cap: int = CAP,
        challenge: str = "",
    ) -> None:
        self.stream = NostrStream(stream)
        self._host, self._port, self._retention_us, self._clock = host, port, retention_us, clock
        self._faults, self._seed, self._numbers = faults, seed, itertools.count()
        self.cap, self.challenge = cap, challenge
        #: Whether a sound proof is taken.
        self.welcomes = True
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where to connect; only while serving."""
        if self._server is None:
            raise RuntimeError("the simulator is not serving")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{next(iter(self._server.sockets)).getsockname()[1]}"

    @property
    def described(self) -> str:
        """Where to connect, for people."""
        return self.url

    async def __aenter__(self) -> Self:
        try:
            self._server = await serve(
                self._handle, self._host, self._port, compression=None, close_timeout=_CLOSE_SECONDS
            )
        except OSError as error:
            raise ConfigurationError(
                f"The simulator cannot listen on {self._host} port {self._port}.",
                why=f"{error.strerror or error}.",
                do="Choose another --port, or 0 for a free one.",
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close(reason="shutting down")
            await self._server.wait_closed()
            self._server = None

    def now_us(self) -> int:
        """The relay's clock."""
        return self._clock()

    def floor(self) -> int:
        """The oldest second kept."""
        oldest_us = max(self.stream.stream.anchor_us, self._clock() - self._retention_us)
        return oldest_us // SECOND_US

    async def _handle(self, connection: ServerConnection) -> None:
        number = next(self._numbers)
        of_pages = [fault for fault in self._faults if fault.name in _OF_PAGES]
        of_frames = [fault for fault in self._faults if fault.name not in _OF_PAGES]
        client = _Client(
            connection, self, Injector(of_frames, self._seed, number), Injector(of_pages, self._seed, number)
        )
        await client.serve()


class _Client:
    """One connection: what it subscribed to, and the faults that befall it."""

    def __init__(self, connection: ServerConnection, relay: NostrServer, injector: Injector, pages: Injector) -> None:
        self._connection, self._relay, self._injector = connection, relay, injector
        self._page_injector, self._pages = pages, 0
        self._subscriptions: dict[str, Wanted] = {}
        self._allowed = not relay.challenge
        self._frames, self._last = 0, b""
        self._opened = asyncio.get_running_loop().time()
        self._live_from = relay.now_us() + 1

    async def serve(self) -> None:
        """Until the connection is over, whoever ended it."""
        jobs = [asyncio.create_task(job()) for job in (self._listen, self._follow)]
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
        if self._relay.challenge:
            await self._tell("AUTH", self._relay.challenge)
        async for message in self._connection:
            try:
                word, *rest = msgspec.json.decode(message)
                await self._obey(word, rest)
            except (msgspec.MsgspecError, ValueError, TypeError, IndexError):
                await self._tell("NOTICE", "error: not understood")

    async def _obey(self, word: str, rest: list[Any]) -> None:
        match word:
            case "AUTH":
                proof = msgspec.convert(rest[0], NostrEvent)
                told = {tag[0]: tag[1] for tag in proof.tags if len(tag) > 1}
                sound = proof.kind == 22_242 and proof.has_own_id() and proof.is_signed()
                self._allowed = self._relay.welcomes and sound and told.get("challenge") == self._relay.challenge
                await self._tell("OK", proof.id, self._allowed, "" if self._allowed else "restricted: not on the list")
            case "REQ" if not self._allowed:
                await self._tell("CLOSED", rest[0], "auth-required: say who you are")
            case "REQ" if len(self._subscriptions) >= _MOST_SUBSCRIPTIONS:
                await self._tell("CLOSED", rest[0], "rate-limited: too many subscriptions")
            case "REQ":
                await self._answer(str(rest[0]), msgspec.convert(rest[1], Wanted))
            case "CLOSE":
                self._subscriptions.pop(rest[0], None)
            case "EVENT":
                await self._tell("OK", rest[0].get("id", ""), False, "blocked: this relay only simulates")
            case _:
                await self._tell("NOTICE", "error: unknown message")

    async def _answer(self, name: str, wanted: Wanted) -> None:
        """Stored events newest first, EOSE, and from then on live ones."""
        self._pages += 1
        due = {fault.name for fault in self._page_injector.due(self._pages, self._time())}
        now_us = self._relay.now_us()
        self._subscriptions[name] = wanted
        left = min(wanted.limit, self._relay.cap)
        newest = now_us // SECOND_US if wanted.until is None else min(wanted.until, now_us // SECOND_US)
        for second in range(newest, max(wanted.since, self._relay.floor()) - 1, -1):
            for event in self._relay.stream.at(second, now_us):
                if left and wanted.passes(event):
                    await self._send(name, event)
                    left -= 1
                    if "closed" in due:
                        self._subscriptions.pop(name, None)
                        await self._tell("CLOSED", name, "error: closed on purpose")
                        return
            if not left:
                break
            await asyncio.sleep(0)
        if "noeose" not in due:
            await self._tell("EOSE", name)

    async def _follow(self) -> None:
        """Each event as it happens, to each subscription it fits."""
        while True:
            until_us = self._relay.now_us() + 1
            for _, event in self._relay.stream.between(self._live_from, until_us):
                for name, wanted in list(self._subscriptions.items()):
                    if wanted.passes(event):
                        await self._send(name, event)
            self._live_from = max(self._live_from, until_us)
            await self._misbehave()
            await asyncio.sleep(_TICK_SECONDS)

    async def _send(self, name: str, event: NostrEvent) -> None:
        self._last = msgspec.json.encode(["EVENT", name, event])
        self._frames += 1
        await self._connection.send(self._last, text=True)
        await self._misbehave(name, event)

    async def _misbehave(self, name: str = "", event: NostrEvent | None = None) -> None:
        for fault in self._injector.due(self._frames, self._time()):
            match fault.name:
                case "drop":
                    self._connection.transport.abort()
                    await self._connection.wait_closed()
                case "kick":
                    await self._connection.close(1008, "kicked on purpose")
                case "stall":
                    await asyncio.sleep(fault.length)
                case "notice":
                    await self._tell("NOTICE", "on purpose")
                    await self._tell("HELLO", 1)
                case "badid" if event is not None:
                    await self._tell("EVENT", name, msgspec.structs.replace(event, content=event.content + "!"))
                case "badsig" if event is not None:
                    await self._tell("EVENT", name, msgspec.structs.replace(event, sig="0" * 128))
                case "badid" | "badsig":
                    pass
                case _ if self._last:
                    await self._connection.send(self._injector.frame(fault, self._last))

    async def _tell(self, *parts: Any) -> None:
        await self._connection.send(msgspec.json.encode(parts), text=True)

    def _time(self) -> float:
        return asyncio.get_running_loop().time() - self._opened
