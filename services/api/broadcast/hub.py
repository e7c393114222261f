"""Hands the ring to every connected browser, each at its own pace.

A client holds a place in the shared ring, not a queue: a hundred slow clients buffer nothing. One that
falls ``LAG_MOST`` entries behind is told to come back, and can still resume without a loss.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from services.api.broadcast.ring import Live, Ring
from services.api.metrics import LIVE_CLIENTS
from shared.contracts.channels import LIVE_RING
from shared.schemas.live import Beat, Hello

CLIENTS_MOST = 100
LAG_MOST = LIVE_RING // 2
BATCH = 50
BEAT_SECONDS = 5.0

#: Close codes: going away; come back now, the stream began anew; no room; you are too slow.
GOING_AWAY, RESTARTED, FULL, TOO_SLOW = 1001, 1012, 1013, 4408


class Closed(Exception):
    """The server ends this connection, with a close code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Client:
    """One browser's place in the ring. While it replays what it missed, it may lag further."""

    def __init__(self, place: int, position: str, epoch: int, *, replays: bool) -> None:
        self.place, self.position, self.epoch, self.replays = place, position, epoch, replays


class Hub:
    """The ring, its clients, and whether the stream behind it is well. Belongs to one event loop."""

    def __init__(self, *, ring: Ring | None = None, clients_most: int = CLIENTS_MOST, lag_most: int = LAG_MOST) -> None:
        self.ring = ring or Ring()
        self._clients_most, self._lag_most = clients_most, lag_most
        self._clients: set[Client] = set()
        self._news = asyncio.Event()
        self._epoch = 0
        self._closing = False
        self._wrong: str | None = "The live stream is not connected yet."

    # --- what the reader does -------------------------------------------------------------------
    def publish(self, entries: list[Live]) -> None:
        """New entries for everyone."""
        for entry in entries:
            self.ring.append(entry)
        self._wake()

    def restart(self, entries: list[Live]) -> None:
        """The stream began anew: clients must come back and be told that they missed something."""
        self.ring.reset(entries)
        self._epoch += 1
        self._wake()

    def state(self, wrong: str | None) -> None:
        """``None`` while the stream is well, else why not."""
        self._wrong = wrong

    def close(self) -> None:
        """End every connection: the server is going away."""
        self._closing = True
        self._wake()

    @property
    def closing(self) -> bool:
        """Whether the server is going away."""
        return self._closing

    # --- what a connection does -----------------------------------------------------------------
    def join(self, after: str | None) -> tuple[Client, Hello]:
        """A place for a new client and its first message. Raises Closed when there is no room."""
        if self._closing:
            raise Closed(GOING_AWAY, "The server is stopping.")
        if len(self._clients) >= self._clients_most:
            raise Closed(FULL, "Too many live connections; try again later.")
        place = self.ring.place_after(after) if after else None
        resumed = place is not None
        position = after if resumed and after else self.ring.newest
        client = Client(self.ring.next if place is None else place, position, self._epoch, replays=resumed)
        self._clients.add(client)
        LIVE_CLIENTS.set(len(self._clients))
        hello = Hello(id=position, resumed=resumed, missed=bool(after) and not resumed, now=datetime.now(UTC))
        return client, hello

    def leave(self, client: Client) -> None:
        """Give the place back."""
        self._clients.discard(client)
        LIVE_CLIENTS.set(len(self._clients))

    async def next(self, client: Client, wait_seconds: float = BEAT_SECONDS) -> list[str]:
        """The client's next messages; a beat when there are none in time. Raises Closed."""
        entries = self._take(client)
        if not entries:
            news = self._news
            try:
                async with asyncio.timeout(wait_seconds):
                    await news.wait()
            except TimeoutError:
                return [self.beat(client)]
            entries = self._take(client)
        return [entry.text for entry in entries if entry.text]

    def beat(self, client: Client) -> str:
        """A sign of life, with the client's own position."""
        live = "ok" if self._wrong is None else "degraded"
        message = Beat(id=client.position, now=datetime.now(UTC), live=live, reason=self._wrong)  # type: ignore[arg-type]
        return msgspec.json.encode(message).decode()

    def _take(self, client: Client) -> list[Live]:
        if self._closing:
            raise Closed(GOING_AWAY, "The server is stopping.")
        if client.epoch != self._epoch:
            raise Closed(RESTARTED, "The live stream began anew; connect again.")
        entries = self.ring.since(client.place, BATCH)
        lags = self.ring.next - client.place > self._lag_most
        client.replays = client.replays and lags
        if entries is None or (lags and not client.replays):
            raise Closed(TOO_SLOW, "This client reads too slowly; connect again to resume.")
        if entries:
            client.place += len(entries)
            client.position = entries[-1].id
        return entries

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
