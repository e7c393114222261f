"""A real client over loopback against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.solo.simulator import faults
from services.solo.simulator.corpus import Corpus
from services.solo.simulator.server import SimulatorServer, wall_clock_us
from services.solo.simulator.stream import Stream
from shared.errors import ConfigurationError
from tests.support import jetstream, texts

RATE = 200
PATIENCE_SECONDS = 20.0
#: With a bounded queue a client that leaves in the middle of a replay waits for its close timeout.
QUICK: dict[str, Any] = {"compression": None, "max_size": None, "max_queue": None, "close_timeout": 1}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return texts.corpus()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test()

    asyncio.run(in_time())


class World:
    """A server over a stream that began ``history`` seconds ago, and clients for it."""

    def __init__(self, corpus: Corpus, history: float = 30.0, spec: str = "", **settings: Any) -> None:
        self.stream = Stream(5, RATE, wall_clock_us() - round(history * 1_000_000), corpus)
        self.server = SimulatorServer(self.stream, faults=faults.parse(spec), **settings)

    @asynccontextmanager
    async def client(self, query: str = "") -> AsyncIterator[ClientConnection]:
        async with self.server, connect(self.server.url + query, **QUICK) as client:
            yield client


def time_us(frame: str | bytes) -> int:
    return jetstream.decode(frame).time_us


async def until(client: ClientConnection, moment_us: int) -> list[str]:
    """Frames up to the first one past ``moment_us``, that one left out."""
    frames: list[str] = []
    while True:
        frame = await client.recv(decode=True)
        assert isinstance(frame, str)
        if time_us(frame) > moment_us:
            return frames
        frames.append(frame)


def expected(stream: Stream, start_us: int, end_us: int) -> list[str]:
    return [event.frame.decode() for event in stream.between(start_us, end_us + 1)]


def test_replay_is_inclusive_and_runs_into_live_without_loss_or_duplicate(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        # given the exact time of an old event as the cursor
        cursor = world.stream.events(3)[7].time_us
        async with world.client(f"?cursor={cursor}") as client:
            # when reading through the cutover and half a second of live
            end = wall_clock_us() + 500_000
            frames = await until(client, end)
        # then
        assert time_us(frames[0]) == cursor
        assert frames == expected(world.stream, cursor, end)

    run(test)


@pytest.mark.parametrize("query", ["", f"?cursor={9_000_000_000_000_000}"])
def test_without_a_cursor_or_with_a_future_one_only_live_events_come(corpus: Corpus, query: str) -> None:
    world = World(corpus)

    async def test() -> None:
        before = wall_clock_us()
        async with world.client(query) as client:
            frames = await until(client, before + 500_000)
        first = time_us(frames[0])
        assert first >= before
        assert frames == expected(world.stream, first, before + 500_000)

    run(test)


def test_no_event_comes_before_its_time(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.client(f"?cursor={wall_clock_us() - 500_000}") as client:
            for _ in range(200):
                assert time_us(await client.recv()) <= wall_clock_us()

    run(test)


@pytest.mark.parametrize("cursor", [-5, 0, 1_000])
def test_a_cursor_before_the_beginning_is_clamped_to_the_oldest_event(corpus: Corpus, cursor: int) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.client(f"?cursor={cursor}") as client:
            assert await client.recv() == world.stream.events(0)[0].frame.decode()

    run(test)


def test_a_cursor_older_than_retention_is_clamped(corpus: Corpus) -> None:
    world = World(corpus, history=60, retention_us=10_000_000)

    async def test() -> None:
        before = wall_clock_us()
        async with world.client("?cursor=1") as client:
            first = time_us(await client.recv())
        assert before - 10_000_000 <= first <= wall_clock_us() - 10_000_000 + 1_000_000

    run(test)


def test_collections_filter_and_options_can_change_on_the_way(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        start = world.stream.anchor_us + 20_000_000
        async with world.client(f"?cursor={start}&wantedCollections=app.bsky.feed.post") as client:
            end = wall_clock_us()
            got = await until(client, end)
            wanted = [
                event.frame.decode()
                for event in world.stream.between(start, end + 1)
                if event.collection in {"", "app.bsky.feed.post"}
            ]
            assert got == wanted
            # when
            update = {"type": "options_update", "payload": {"wantedCollections": ["app.bsky.graph.*"]}}
            await client.send(msgspec.json.encode(update).decode())
            # then follows come, and soon no more posts
            while '"app.bsky.graph.follow"' not in await recv_text(client):
                pass
            later = [await recv_text(client) for _ in range(3)]
            assert not any('"collection":"app.bsky.feed.post"' in frame for frame in later)

    run(test)


async def recv_text(client: ClientConnection) -> str:
    frame = await client.recv(decode=True)
    assert isinstance(frame, str)
    return frame


def test_with_require_hello_nothing_comes_before_the_options(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}&requireHello=true") as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.recv()
            await client.send('{"type":"options_update","payload":{}}')
            assert await client.recv() == world.stream.events(0)[0].frame.decode()

    run(test)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?cursor=soon", "cursor: not an integer"),
        ("?wantedCollections=post", "collections"),
        ("?compress=true", "no dictionary"),
    ],
)
def test_a_malformed_query_is_refused_before_the_upgrade(corpus: Corpus, query: str, says: str) -> None:
    world = World(corpus)

    async def test() -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with world.client(query):
                pass
        assert caught.value.response.status_code == 400
        assert says in caught.value.response.body.decode()

    run(test)


def test_another_path_and_the_zstd_header_are_refused(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            with pytest.raises(InvalidStatus, match="404"):
                await connect(world.server.url.replace("/subscribe", "/elsewhere"))
            with pytest.raises(InvalidStatus, match="400"):
                await connect(world.server.url, additional_headers={"Socket-Encoding": "zstd"})

    run(test)


@pytest.mark.parametrize(
    ("message", "code"),
    [("{", 1007), ('{"type":"x"}', 1008), ('{"type":"options_update","payload":{"wantedDids":["x"]}}', 1008)],
)
def test_bad_options_close_the_connection_with_their_code(corpus: Corpus, message: str, code: int) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.client() as client:
            await client.send(message)
            assert (await closed(client)).rcvd_code == code

    run(test)


def test_an_oversize_message_closes_with_1009(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            reader, writer = await handshake(world, "")
            # when the header of a masked text frame announces one byte too many
            writer.write(b"\x81\xff" + (10_000_001).to_bytes(8, "big") + b"mask")
            # then a close frame with that code comes
            await reader.readuntil(b"\x88")
            size = (await reader.readexactly(1))[0]
            assert int.from_bytes((await reader.readexactly(size))[:2], "big") == 1009
            writer.close()

    run(test)


async def handshake(world: World, query: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose bytes the test handles itself."""
    host, port = world.server.url.removeprefix("ws://").removesuffix("/subscribe").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /subscribe{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


class Closing(msgspec.Struct):
    rcvd_code: int | None
    frames: list[str | bytes]


async def closed(client: ClientConnection) -> Closing:
    """Read to the end; the close code the server sent, ``None`` when it sent none."""
    frames: list[str | bytes] = []
    try:
        while True:
            frames.append(await client.recv())
    except ConnectionClosed as end:
        return Closing(end.rcvd.code if end.rcvd else None, frames)


def test_shutdown_closes_with_1001(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            async with asyncio.TaskGroup() as group:
                client = await connect(world.server.url, **QUICK)
                await client.recv()
                ending = group.create_task(closed(client))
                await world.server.__aexit__(None, None, None)
            assert ending.result().rcvd_code == 1001

    run(test)


@pytest.mark.parametrize(("spec", "code"), [("drop:100", None), ("kick:100", 1008), ("drop@0.2", None)])
def test_faults_that_end_the_connection(corpus: Corpus, spec: str, code: int | None) -> None:
    world = World(corpus, spec=spec)

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            ending = await closed(client)
        assert ending.rcvd_code == code
        # what came before is true
        true = expected(world.stream, world.stream.anchor_us, wall_clock_us())
        assert ending.frames == true[: len(ending.frames)]

    run(test)


@pytest.mark.parametrize("name", ["garbage", "binary", "half", "oversize", "wrongtype", "duplicate"])
def test_faulty_frames_are_extra_and_a_reader_that_skips_them_has_everything(corpus: Corpus, name: str) -> None:
    world = World(corpus, history=15, spec=f"{name}:300")

    async def test() -> None:
        start, end = world.stream.anchor_us, wall_clock_us() - 1_000_000
        true = expected(world.stream, start, end)
        good: list[str] = []
        bad: list[str | bytes] = []
        async with world.client(f"?cursor={start}") as client:
            while len(good) < len(true):
                frame = await client.recv()
                if isinstance(frame, str) and readable(frame) and frame not in good[-1:]:
                    good.append(frame)
                else:
                    bad.append(frame)
        assert good == true
        assert len(bad) >= 4

    run(test)


def readable(frame: str) -> bool:
    try:
        jetstream.decode(frame)
    except msgspec.DecodeError:
        return False
    return True


def test_a_stall_is_silent_and_then_goes_on_where_it_was(corpus: Corpus) -> None:
    world = World(corpus, spec="stall:0.5@0.2")

    async def test() -> None:
        async with world.client() as client:
            loop = asyncio.get_running_loop()
            first, silence, last, frames = None, 0.0, loop.time(), []
            while silence < 0.4:
                frame = await client.recv()
                silence, last = max(silence, loop.time() - last), loop.time()
                first = first or time_us(frame)
                frames.append(frame)
            assert frames == expected(world.stream, first or 0, time_us(frames[-1]))

    run(test)


def test_a_reader_that_blocks_is_dropped_without_a_close_frame(corpus: Corpus) -> None:
    world = World(corpus, history=300, patience=(0.3, 30.0, 5.0))

    async def test() -> None:
        async with world.server:
            # given a client that asks for more than any buffer holds and reads nothing for now
            reader, writer = await handshake(world, f"?cursor={world.stream.anchor_us}")
            # when the server has given up
            await until_true(lambda: not connections(world))
            # then what was buffered is cut in the middle of the stream, and others are served as before
            with suppress(ConnectionResetError):
                while await reader.read(65_536):
                    pass
            writer.close()
            async with connect(world.server.url, **QUICK) as client:
                await client.recv()

    run(test)


async def until_true(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the deadline is the test's own."""
    while not condition():  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)


def connections(world: World) -> set[Any]:
    assert world.server._server is not None
    return set(world.server._server.connections)


def test_a_port_in_use_is_said_clearly(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            port = int(world.server.url.removesuffix("/subscribe").rsplit(":", 1)[1])
            with pytest.raises(ConfigurationError, match=f"port {port}"):
                async with SimulatorServer(world.stream, port=port):
                    pass

    run(test)
