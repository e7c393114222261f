"""Relays that end every connection after few frames: the past is still read whole, on a clock of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from services.relay.crypto.nostr_event import NostrEvent
from services.relay.frames import Frame, Missing
from services.relay.sources.nostr import MOST_CUTS, Nostr
from services.relay.sources.nostr_messages import told
from services.solo.simulator import faults
from services.solo.simulator.nostr_server import NostrServer
from services.solo.simulator.nostr_stream import NostrStream
from services.solo.simulator.plan import SECOND_US
from services.solo.simulator.stream import Stream
from shared.store.cursors import Cursor
from tests.support import texts
from tests.support.nostr import event
from tests.support.serving import serving

#: 2026-01-05 20:15 UTC, in the busiest hour of the simulated day.
NOW_US = 1_767_644_100 * SECOND_US
PATIENCE_SECONDS = 60.0


def clock() -> Callable[[], int]:
    """A clock that begins at NOW_US, whatever the time is."""
    began = time.monotonic_ns()
    return lambda: NOW_US + (time.monotonic_ns() - began) // 1_000


class Written(NostrStream):
    """Only these events."""

    def __init__(self, events: list[NostrEvent]) -> None:
        super().__init__(Stream(1, 1, events[0].created_at * SECOND_US, texts.corpus()))
        self._events = events

    def between(self, start_us: int, end_us: int) -> Iterator[tuple[int, NostrEvent]]:
        for each in self._events:
            if start_us <= each.created_at * SECOND_US < end_us:
                yield each.created_at * SECOND_US, each


class Forgetful:
    """Tells ``live`` to its first live subscription, then drops that connection; holds nothing of the past."""

    def __init__(self, live: list[NostrEvent]) -> None:
        self._live, self._dropped = live, False

    async def __aenter__(self) -> Self:
        self._server = await serve(self._handle, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, connection: ServerConnection) -> None:
        is_live = False
        async for message in connection:
            word, name, *rest = msgspec.json.decode(message)
            if word != "REQ":
                continue
            if is_live and not self._dropped:
                self._dropped = True
                connection.transport.abort()
                return
            if "since" not in rest[0] and not self._dropped:
                is_live = True
                for each in self._live:
                    await connection.send(msgspec.json.encode(["EVENT", name, each]), text=True)
            await connection.send(msgspec.json.encode(["EOSE", name]), text=True)


class Record:
    """What a store would hold of one source, which is opened again whenever its connection ends."""

    def __init__(self, url: str, now_us: Callable[[], int], position_us: int) -> None:
        self.source = Nostr(url, max_frame_bytes=1 << 20, stall_seconds=5)
        self.position, self.connections, self.missing = position_us, 0, list[Missing]()
        self.times: dict[str, int] = {}
        self._now_us = now_us

    def read(self, until_us: int) -> None:
        """Until all before ``until_us`` has been read, over as many connections as that takes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.position < until_us:
            assert time.monotonic() < deadline, (self.connections, until_us - self.position)
            known = {"position": self.position, "events": len(self.times), "now_us": self._now_us()}
            self.source.open(Cursor(wire="", host="", token=None, **known))
            self.connections += 1
            for frame in self.source.frames(threading.Event()):
                if frame is not None:
                    self._take(frame)
                if self.position >= until_us:
                    break
            self.source.close()

    def _take(self, frame: Frame) -> None:
        found = told(frame.data).event
        if found is not None:
            self.times[found.id] = found.created_at
        if frame.missing is not None:
            self.missing.append(frame.missing)
        self.position = max(self.position, min(frame.mark_us or 0, self._now_us()))


@pytest.mark.parametrize("spec_of_faults", ["drop:400", "drop:400,closed:15", "drop:60"])
def test_a_past_of_many_connections_is_read_whole(spec_of_faults: str) -> None:
    # given more events in the first window, and in a minute, than any connection lives for
    now_us = clock()
    anchor_us = NOW_US - 240 * SECOND_US
    stream = Stream(5, 15, anchor_us, texts.corpus())
    relay = NostrServer(stream, faults=faults.parse(spec_of_faults), cap=60, clock=now_us)
    with serving(relay):
        record = Record(relay.url, now_us, anchor_us)
        record.read(NOW_US)
        truth = {each.id for _, each in relay.stream.between(anchor_us, NOW_US // SECOND_US * SECOND_US)}
    # then every one is read
    assert len(truth) > 3_000
    assert truth - set(record.times) == set()
    assert record.missing == []
    assert record.connections > 5


def test_what_is_read_again_after_live_takes_more_than_one_connection_too() -> None:
    # given a record that ends a moment ago, so that the last 15 minutes are read again
    now_us = clock()
    anchor_us = NOW_US - 900 * SECOND_US
    relay = NostrServer(Stream(5, 6, anchor_us, texts.corpus()), faults=faults.parse("drop:400"), clock=now_us)
    with serving(relay):
        record = Record(relay.url, now_us, NOW_US - 5 * SECOND_US)
        record.times["of before"] = 0
        record.read(NOW_US)
        truth = {each.id for _, each in relay.stream.between(anchor_us, NOW_US // SECOND_US * SECOND_US)}
    # then none of it is left out
    assert len(truth) > 3_000
    assert truth - set(record.times) == set()


def test_a_second_that_no_connection_lives_for_is_a_gap_and_does_not_hold_up_the_rest() -> None:
    now_us = clock()
    begin = NOW_US // SECOND_US - 120
    crowd = [event(n % 7, begin + 60, content=f"all at once {n}") for n in range(300)]
    before, after = ([event(n % 7, at + n, content=f"{at} {n}") for n in range(30)] for at in (begin, begin + 80))
    relay = NostrServer(Stream(1, 1, begin * SECOND_US, texts.corpus()), faults=faults.parse("drop:150"), clock=now_us)
    relay.stream = Written([*before, *crowd, *after])
    with serving(relay):
        record = Record(relay.url, now_us, begin * SECOND_US)
        record.read(NOW_US)
    assert {each.id for each in [*before, *after]} <= set(record.times)
    (missing,) = record.missing
    assert (missing.start_us, missing.end_us) == ((begin + 60) * SECOND_US, (begin + 61) * SECOND_US)
    assert (missing.cause, missing.evidence["tries"]) == ("cut_off", MOST_CUTS)
    # what came of it is kept
    assert 0 < len({each.id for each in crowd} & set(record.times)) < len(crowd)


def test_what_came_live_before_a_break_is_kept_though_the_relay_never_tells_it_again() -> None:
    now_us = clock()
    second = NOW_US // SECOND_US
    of_old, of_now = event(1, second - 86_400 * 900, content="of old"), event(2, second - 3, content="of now")
    with serving(Forgetful([of_old, of_now])) as relay:
        record = Record(relay.url, now_us, NOW_US - 300 * SECOND_US)
        record.read(NOW_US)
        assert record.connections == 2
        assert of_old.id in record.times
        # what is of the past being read waits until that was told
        record.read(NOW_US + SECOND_US)
    assert of_now.id in record.times
