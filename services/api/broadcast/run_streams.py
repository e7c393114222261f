"""Follows runs for those who watch one: all of them with one question to PostgreSQL, a few times a second.

The record is PostgreSQL's alone, so that a stream goes on when a worker dies and another takes its run over, when
Valkey is away, and when this process is another one than the client had before. A client that waits holds no
connection and no queue: it reads on behind the number that it was told last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

import msgspec
from litestar.response import ServerSentEventMessage

from services.api.metrics import RUN_STREAMS, RUN_STREAMS_ENDED
from shared.errors import GroundswellError, NotFound, StoreUnavailable, TooMany
from shared.schemas.agent import RunEnd, RunGone
from shared.schemas.base import Schema
from shared.store import run_stream as store
from shared.store.database import AsyncDatabase
from shared.telemetry import logs

#: Streams of one process, over all runs.
STREAMS_MOST = 50
#: Between two looks at the runs that are followed; longer while PostgreSQL is away.
LOOK_SECONDS, AWAY_SECONDS = 0.3, 1.0
#: Something is sent so often, so that either side learns when the other is gone.
BEAT_SECONDS = 10.0
#: A stream that is older ends: its client comes back, and has to show its token again.
LIFE_SECONDS = 600.0
#: Steps that are read at once.
PAGE = 50

_OVER = ("done", "failed", "cancelled")
_AWAY = "PostgreSQL is away; this goes on when it is back"
_REMOVED = RunEnd(status="removed", error="This run was removed.", report=None)


class _Followed:
    """A run that somebody follows; ``head`` is what was seen last, ``None`` once it is removed."""

    def __init__(self, head: store.HeadRow | None) -> None:
        self.head = head
        self.news = asyncio.Event()
        self.clients = 0


class RunStreams:
    """The streams of one process. Belongs to one event loop. ``closing`` says that the server is going away."""

    def __init__(self, database: AsyncDatabase, closing: Callable[[], bool]) -> None:
        self._database, self._closing = database, closing
        self._followed: dict[UUID, _Followed] = {}
        self._looking: asyncio.Task[None] | None = None
        self._clients = 0
        self._away = False

    async def open(self, run: UUID, after: int) -> AsyncGenerator[bytes]:
        """What the client is to be sent, from behind the change ``after`` on. It has a place until it is closed.

        Raises TooMany, NotFound and StoreUnavailable at once, none of them later. A number that this run never had
        means that its record was put back from a copy: everything is told again.
        """
        if self._clients >= STREAMS_MOST:
            raise TooMany("Too many runs are followed at this moment.", do="Close some of their pages, or ask later.")
        self._count(1)  # before anything is waited for: of many that come at once, the last ones are refused
        try:
            head = await self._database.fetch_one(store.HEADS, {"runs": [run]})
            if head is None:
                raise NotFound("There is no such run.", do="GET /api/v1/runs lists the last ones.")
            events = self._tell(run, head, after if after <= head.changes else 0)
            await anext(events)  # one that never began would not give its place back
        except BaseException:
            self._count(-1)
            raise
        return events

    async def _tell(self, run: UUID, head: store.HeadRow | None, after: int) -> AsyncGenerator[bytes]:
        """The first item is empty: it only says that this has begun."""
        followed = self._join(run, head)
        why, told, until = "client", None, time.monotonic() + LIFE_SECONDS
        try:
            yield b""
            yield _comment("a run, step by step", retry=2000)
            while True:
                news, head = followed.news, followed.head
                if head is None:
                    why = "removed"
                    yield _event("end", _REMOVED)
                    return
                if head.state() != told:
                    told = head.state()
                    yield _event("run", told)
                if self._closing() or time.monotonic() > until:
                    why = "closing" if self._closing() else "old"
                    return
                rows = await self._changed(run, after) if head.changes > after else []
                if rows is None:
                    yield _comment(_AWAY)
                    continue
                for row in rows:
                    after = row.changed
                    yield _row(row)
                if rows and head.changes > after:
                    continue
                if head.status in _OVER:
                    why = "over"
                    yield _event("end", RunEnd(status=head.status, error=head.error, report=head.report))
                    return
                if not await _within(news, BEAT_SECONDS):
                    yield _comment(_AWAY if self._away else "still there")
        finally:
            RUN_STREAMS_ENDED.labels(why).inc()
            self._leave(run, followed)

    async def _changed(self, run: UUID, after: int) -> list[store.ChangeRow] | None:
        """The next changes; ``None``, after a pause, while PostgreSQL is away."""
        try:
            return await self._database.fetch(store.CHANGED, {"run": run, "after": after, "limit": PAGE})
        except StoreUnavailable:
            self._away = True
            await asyncio.sleep(AWAY_SECONDS)
            return None

    # --- who follows what ---------------------------------------------------------------------------------

    def _join(self, run: UUID, head: store.HeadRow | None) -> _Followed:
        followed = self._followed.setdefault(run, _Followed(head))
        followed.clients += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return followed

    def _leave(self, run: UUID, followed: _Followed) -> None:
        followed.clients -= 1
        self._count(-1)
        if not followed.clients and self._followed.get(run) is followed:
            del self._followed[run]

    def _count(self, change: int) -> None:
        self._clients += change
        RUN_STREAMS.set(self._clients)

    async def _look(self) -> None:
        """While anybody follows anything."""
        while self._followed:
            await asyncio.sleep(AWAY_SECONDS if self._away else LOOK_SECONDS)
            asked = dict(self._followed)  # who joins while the answer is under way was not asked for
            try:
                rows = await self._database.fetch(store.HEADS, {"runs": list(asked)})
            except GroundswellError as error:
                if not self._away:
                    logs.get(__name__).info("run_streams_wait", error=str(error))
                self._away = True
            else:
                self._away = False
                _take(asked, {UUID(row.run): row for row in rows})
            if self._closing():
                for followed in self._followed.values():
                    followed.news.set()


def _take(asked: dict[UUID, _Followed], heads: dict[UUID, store.HeadRow]) -> None:
    """A run that was asked for and is not among ``heads`` is gone."""
    for run, followed in asked.items():
        if heads.get(run) != followed.head:
            followed.head = heads.get(run)
            news, followed.news = followed.news, asyncio.Event()
            news.set()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):  # wait_for loses cancellations before Python 3.12
            await event.wait()
    except TimeoutError:
        return False
    return True


def _row(row: store.ChangeRow) -> bytes:
    if row.name is None:
        return _event("gone", RunGone(n=row.seq), row.changed)
    return _event("step", row.event(), row.changed)


def _event(event: str, data: Schema, number: int | None = None) -> bytes:
    """JSON holds no line breaks, so whatever a step says stays within its event."""
    return ServerSentEventMessage(data=msgspec.json.encode(data), event=event, id=number).encode()


def _comment(text: str, retry: int | None = None) -> bytes:
    return ServerSentEventMessage(data=None, comment=text, retry=retry).encode()
