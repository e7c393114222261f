"""What a server may do to a reader, over loopback: each fault is what it says, and the truth stays to be had."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.solo.simulator.corpus import Corpus
from services.solo.simulator.server import wall_clock_us
from tests.integration.simulator.test_server import (  # noqa: F401 - corpus is a fixture
    QUICK,
    World,
    closed,
    corpus,
    expected,
    run,
    time_us,
    until,
)


async def door(world: World, query: str = "") -> bytes:
    address = world.server.url.replace("ws://", "http://").replace("/subscribe", f"/control?{query}")

    def ask() -> bytes:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bytes(answer.read())

    return await asyncio.to_thread(ask)


async def listen(client: ClientConnection, silence_seconds: float) -> None:
    """Until the connection ends, or TimeoutError once it has been silent for so long."""
    while True:
        await asyncio.wait_for(client.recv(), silence_seconds)


@pytest.mark.parametrize(
    ("spec", "code"), [("restart:100", 1001), ("toolarge:100", 1009), ("later:100", 1013), ("cut:100", None)]
)
def test_a_connection_ends_with_the_code_of_its_fault(corpus: Corpus, spec: str, code: int | None) -> None:  # noqa: F811
    world = World(corpus, spec=spec)

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            ending = await closed(client)
        assert ending.rcvd_code == code
        true = expected(world.stream, world.stream.anchor_us, wall_clock_us())
        assert ending.frames == true[: len(ending.frames)]

    run(test)


def test_a_half_open_connection_answers_nothing_and_closes_nothing(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, spec="halfopen@0.2")

    async def test() -> None:
        async with world.client() as client:
            with pytest.raises(TimeoutError):
                await listen(client, 1.0)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(await client.ping(), 0.5)
            assert client.close_code is None
            client.transport.abort()

    run(test)


def test_around_the_change_to_live_events_are_lost_and_a_second_reading_has_them(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, spec="cutover%100")

    async def test() -> None:
        start = world.stream.anchor_us + 20_000_000
        async with world.client(f"?cursor={start}") as client:
            opened = wall_clock_us()
            # given a reader that goes through the change from replay to live
            frames = await until(client, opened + 4_000_000)
            true = expected(world.stream, start, opened + 3_900_000)
            lost = set(true) - set(frames)
            times = [time_us(frame) for frame in frames]
            # then some events never came, others came late, all of them around the change
            assert lost
            assert times != sorted(times)
            assert all(opened - 2_500_000 < time_us(frame) < opened + 4_000_000 for frame in lost)
            # and who reads the stretch again, as something long past, gets all of it
            async with connect(f"{world.server.url}?cursor={start}", **QUICK) as again:
                assert await until(again, opened) == expected(world.stream, start, opened)

    run(test)


def test_a_cursor_taken_for_the_future_gives_the_live_tail(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, spec="tail%100")

    async def test() -> None:
        before = wall_clock_us()
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            assert time_us(await client.recv()) >= before

    run(test)


def test_a_refused_handshake_is_a_503(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, spec="refuse%100")

    async def test() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with world.client():
                pass
        assert refused.value.response.status_code == 503

    run(test)


def test_frames_in_another_order_are_all_there(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, spec="reorder:50")

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            frames = [str(await client.recv()) for _ in range(1_000)]
        true = expected(world.stream, world.stream.anchor_us, wall_clock_us())
        assert frames != true[:1_000]
        assert set(true[:990]) <= set(frames)

    run(test)


def test_the_door_moves_floor_and_clock_and_cuts(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus, control=True)

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            await client.recv()
            floor = world.stream.anchor_us + 12_345_678
            await door(world, f"hangup=1&floor={floor}")
            with pytest.raises(ConnectionClosed):
                await listen(client, 10.0)
            # older events than the floor are no longer there
            async with connect(f"{world.server.url}?cursor={world.stream.anchor_us}", **QUICK) as late:
                first = str(await late.recv())
            assert first == next(iter(expected(world.stream, floor, floor + 5_000_000)))
            # a clock that is behind takes a recent cursor for one in the future
            await door(world, "clock=-5")
            asked = wall_clock_us() - 1_000_000
            async with connect(f"{world.server.url}?cursor={asked}", **QUICK) as odd:
                assert time_us(str(await odd.recv())) < asked
            await door(world, "clock=0&closed=1")
            with pytest.raises(InvalidStatus):
                await connect(world.server.url, **QUICK)
            told = await door(world, "closed=0")
            assert b'"fault":"hangup"' in told
            assert b'"fault":"refuse"' in told

    run(test)


def test_without_being_asked_for_there_is_no_door(corpus: Corpus) -> None:  # noqa: F811
    world = World(corpus)

    async def test() -> None:
        async with world.client():
            with pytest.raises(urllib.error.HTTPError) as refused:
                await door(world)
            assert refused.value.code == 404
            refused.value.close()

    run(test)
