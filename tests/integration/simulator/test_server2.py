"""A real client over loopback against the simulator as a server of Jetstream's second version."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import zstandard
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from services.solo.simulator import encoding, faults
from services.solo.simulator.corpus import Corpus
from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.server import SimulatorServer, wall_clock_us
from services.solo.simulator.stream import Event, Stream
from services.solo.simulator.subscription2 import DICTIONARY_PATH, SUBPROTOCOL
from tests.integration.simulator.test_server import QUICK, closed, run
from tests.support import jetstream, jetstream2, texts

RATE = 200
BASE = 5_000


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return texts.corpus()


class World:
    """A server whose numbers begin after ``BASE``, over a stream that began ``history`` seconds ago."""

    def __init__(self, corpus: Corpus, history: float = 30.0, spec: str = "", **settings: Any) -> None:
        self.stream = Stream(5, RATE, wall_clock_us() - round(history * 1_000_000), corpus)
        settings = {"wire": "jetstream2", "base": BASE} | settings
        self.server = SimulatorServer(self.stream, faults=faults.parse(spec), **settings)

    @asynccontextmanager
    async def client(self, query: str = "") -> AsyncIterator[ClientConnection]:
        async with (
            self.server,
            connect(self.server.url + query, subprotocols=[Subprotocol(SUBPROTOCOL)], **QUICK) as client,
        ):
            yield client

    async def refusal(self, query: str, **options: Any) -> tuple[int, dict[str, str]]:
        async with self.server:
            with pytest.raises(InvalidStatus) as caught:
                await connect(self.server.url + query, **options)
        return caught.value.response.status_code, json.loads(caught.value.response.body)


async def events(client: ClientConnection, number: int) -> list[jetstream2.Payload]:
    return [jetstream2.decode(await client.recv()).payload for _ in range(number)]


def number(event: Event) -> int:
    return event.seq + BASE


def test_a_number_is_inclusive_and_the_events_are_those_of_the_first_version(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        first = world.stream.events(3)[7]
        async with world.client(f"?cursor={number(first)}") as client:
            assert client.subprotocol == SUBPROTOCOL
            got = await events(client, 1_500)
        true = [*world.stream.between(first.time_us, wall_clock_us())][:1_500]
        assert [payload.seq for payload in got] == [number(event) for event in true]
        assert [jetstream2.as_first_version(payload) for payload in got] == [
            jetstream.decode(event.frame) for event in true
        ]

    run(test)


def test_a_time_begins_at_that_moment_and_a_number_not_given_yet_at_the_tip(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        wanted = world.stream.events(9)[0]
        async with world.client(f"?cursor={wanted.time_us}") as client:
            assert (await events(client, 1))[0].seq == number(wanted)
        before = wall_clock_us()
        for cursor in (10**14, number(world.stream.events(86_400)[0])):
            async with world.client(f"?cursor={cursor}") as client:
                assert world.stream.time_of((await events(client, 1))[0].seq - BASE) >= before

    run(test)


def test_a_number_no_longer_kept_is_refused_with_the_floor(corpus: Corpus) -> None:
    world = World(corpus, history=60, retention_us=10_000_000)

    async def test() -> None:
        status, error = await world.refusal(f"?cursor={number(world.stream.events(1)[0])}")
        assert (status, error["error"]) == (400, "CursorTooOld")
        floor = int(error["message"].split("floor ")[1].split(";")[0])
        age_us = wall_clock_us() - world.stream.time_of(floor - BASE)
        assert 9_000_000 < age_us < 12_000_000

    run(test)


def test_a_time_no_longer_kept_is_moved_up_and_told(corpus: Corpus) -> None:
    world = World(corpus, history=60, retention_us=10_000_000)

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us + 1}") as client:
            notice = json.loads(await client.recv())["payload"]
            assert (notice["$type"], notice["name"]) == (f"{jetstream2.NSID}#info", "OutdatedCursor")
            first = (await events(client, 1))[0]
        assert str(first.seq) in notice["message"]

    run(test)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?cursor=soon", "InvalidRequest"),
        ("?cursor=-1", "InvalidRequest"),
        ("?kinds=surprise", "InvalidRequest"),
        ("?kinds=identity&collections=app.bsky.feed.post", "InvalidRequest"),
        ("?wantedCollections=app.bsky.feed.post", "InvalidRequest"),
        ("?compress=true", "InvalidRequest"),
        ("?collections=post", "InvalidRequest"),
        ("?zstdDictionary=none", "InvalidRequest"),
        ("?zstdDictionary=5", "UnknownZstdDictionary"),
    ],
)
def test_a_malformed_query_is_refused_by_name(corpus: Corpus, query: str, name: str) -> None:
    world = World(corpus)

    async def test() -> None:
        assert (await world.refusal(query))[1]["error"] == name

    run(test)


def test_kinds_and_collections_narrow_the_stream(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        query = f"?cursor={world.stream.anchor_us}&kinds=commit&kinds=account&collections=app.bsky.feed.post"
        async with world.client(query) as client:
            got = await events(client, 300)
        true = (
            event
            for event in world.stream.between(world.stream.anchor_us, wall_clock_us())
            if event.kind == "account" or event.collection == "app.bsky.feed.post"
        )
        assert [payload.seq for payload in got] == [number(event) for event, _ in zip(true, got, strict=False)]

    run(test)


def test_any_message_of_the_client_ends_the_connection(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.client() as client:
            await client.send('{"type":"options_update","payload":{}}')
            assert (await closed(client)).rcvd_code == 1008

    run(test)


def test_a_kicked_client_is_told_and_the_line_is_cut(corpus: Corpus) -> None:
    world = World(corpus, spec="kick:100")

    async def test() -> None:
        async with world.client(f"?cursor={world.stream.anchor_us}") as client:
            end = await closed(client)
            assert end.rcvd_code is None
            assert json.loads(end.frames[-1])["error"] == "ConsumerTooSlow"

    run(test)


def test_a_client_whose_pong_is_late_is_dropped_without_a_close_frame(corpus: Corpus) -> None:
    world = World(corpus, patience=(5.0, 0.1, 0.3))

    async def test() -> None:
        async with world.server:
            parts = urlsplit(world.server.url)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(
                f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            received = b""
            try:
                while piece := await reader.read(65_536):
                    received += piece
            except ConnectionResetError:
                pass
            assert b"\x89\x04" in received, "a ping came"
            assert not received.endswith((b"\x88\x02\x03\xe8", b"\x03\xf3keepalive ping timeout"))
            writer.close()

    run(test)


def test_compressed_frames_are_exactly_the_plain_ones(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            made = await asyncio.to_thread(fetched, world.server.url)
            start = world.stream.events(3)[0]
            query = f"?cursor={number(start)}&zstdDictionary={encoding.DICTIONARY_ID}"
            async with connect(world.server.url + query, **QUICK) as client:
                packed = [await client.recv(decode=False) for _ in range(300)]
        assert made == world.server.dictionary
        unpack = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(made))
        true = world.stream.between(start.time_us, wall_clock_us())
        assert [unpack.decompress(frame) for frame in packed] == [
            encoding.message(event, BASE) for event, _ in zip(true, packed, strict=False)
        ]
        assert {zstandard.get_frame_parameters(frame).dict_id for frame in packed} == {encoding.DICTIONARY_ID}

    run(test)


def fetched(url: str, query: str = "") -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.request("GET", DICTIONARY_PATH + query)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise LookupError(json.loads(body)["error"])
    return body


def test_an_unknown_dictionary_is_not_found(corpus: Corpus) -> None:
    world = World(corpus)

    async def test() -> None:
        async with world.server:
            with pytest.raises(LookupError, match="DictionaryNotFound"):
                await asyncio.to_thread(fetched, world.server.url, "?id=5")

    run(test)


@pytest.mark.parametrize("wire", ["jetstream", "jetstream2"])
def test_the_first_version_packs_with_the_dictionary_it_was_given(corpus: Corpus, tmp_path: Path, wire: str) -> None:
    path = tmp_path / "dictionary"
    world = World(corpus)
    made = SimulatorOptions(dictionary=path).dictionary_for(world.stream)
    assert path.read_bytes() == made == SimulatorOptions(dictionary=path).dictionary_for(world.stream)
    world = World(corpus, wire=wire, dictionary=made)

    async def test() -> None:
        async with world.server:
            parts = urlsplit(world.server.url)
            url = f"ws://{parts.netloc}/subscribe?cursor={world.stream.anchor_us}"
            async with connect(f"{url}&compress=true", **QUICK) as client:
                packed = await client.recv(decode=False)
            with pytest.raises(InvalidStatus, match="400"):
                await connect(f"{url}&compress=true", compression="deflate")
            async with connect(url, **QUICK) as client:
                plain = await client.recv(decode=False)
        unpack = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(made))
        assert unpack.decompress(packed) == plain
        assert ('"cursor":' in plain.decode()) is (wire == "jetstream2")

    run(test)
