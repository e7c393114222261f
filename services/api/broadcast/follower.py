"""Follows the live stream in Valkey and feeds the hub, through restarts and outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from services.api.broadcast.hub import Hub
from services.api.broadcast.ring import Live
from services.api.metrics import LIVE_MESSAGES, LIVE_REJECTED
from shared.errors import BrokerUnavailable
from shared.schemas.live import Message
from shared.store.ring import READ_MOST, Entry, RingReader
from shared.telemetry import logs
from shared.telemetry.health import State

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.2, 2.0
_AWAY = "Valkey does not answer: live updates pause."
#: Position before any entry.
_START = "0-0"


class Follower:
    """One task. ``say`` is told the state of Valkey."""

    def __init__(self, reader: RingReader, hub: Hub, say: Callable[[State, str | None], None]) -> None:
        self._reader, self._hub, self._say = reader, hub, say
        self._position: str | None = None
        self.filled = asyncio.Event()

    async def run(self) -> None:
        """Follow for ever. Cancel to end."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._attach()
                pause = FIRST_PAUSE_SECONDS
                await self._follow()
            except BrokerUnavailable as error:
                logs.get(__name__).debug("live_stream_unavailable", error=str(error))
                self._hub.state(_AWAY)
                self._say("degraded", _AWAY)
                self.filled.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE_SECONDS)

    async def _attach(self) -> None:
        """Go on where we were if the stream still holds that place, else begin anew."""
        if self._position not in (None, _START) and await self._reader.has(self._position or _START):
            pass
        elif self._position != _START:
            entries = await self._reader.tail()
            self._hub.restart(_readable(entries))
            self._position = entries[-1].id if entries else _START
        self._hub.state(None)
        self._say("ok", None)
        self.filled.set()

    async def _follow(self) -> None:
        while True:
            entries = await self._reader.after(self._position or _START)
            if not entries:
                continue
            self._position = entries[-1].id
            self._hub.publish(_readable(entries))
            if len(entries) == READ_MOST and not await self._reader.has(self._position):
                await self._attach()  # it was trimmed faster than we read


def _readable(entries: list[Entry]) -> list[Live]:
    """Entries that hold a live message, with their ids inside. Others are counted and left out."""
    found = []
    for entry in entries:
        try:
            message: Message = msgspec.json.decode(entry.message, type=Message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            LIVE_REJECTED.inc()
            continue
        LIVE_MESSAGES.inc()
        text = msgspec.json.encode(msgspec.structs.replace(message, id=entry.id)).decode()
        found.append(Live(entry.id, text))
    return found
