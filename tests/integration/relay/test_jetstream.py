"""The Jetstream source on a raw loopback socket: frames cut up and oversize in every way TCP allows."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from services.relay.drops import classify
from services.relay.frames import Frame
from services.relay.sources.jetstream import Jetstream
from shared.errors import FeedUnavailable
from tests.support.cursors import cursor_at
from tests.support.waiting import until

TEXT, BINARY, CONT, CLOSE, PING = 1, 2, 0, 8, 9
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def piece(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    """One WebSocket frame as a server sends it."""
    head = bytes([(0x80 if final else 0) | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 65_536:
        return head + b"\x7e" + struct.pack("!H", len(data)) + data
    return head + b"\x7f" + struct.pack("!Q", len(data)) + data


class RawServer:
    """Shakes hands once, sends what it is given in the slices it is given, and hears what comes back."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/subscribe"
        self.heard = b""
        self.request = b""

    def serve(self, *slices: bytes, answer: bytes | None = None) -> threading.Thread:
        thread = threading.Thread(target=self._serve, args=(slices, answer), daemon=True)
        thread.start()
        return thread

    def _serve(self, slices: tuple[bytes, ...], answer: bytes | None) -> None:
        connection, _ = self.listener.accept()
        with connection:
            while b"\r\n\r\n" not in self.request:
                self.request += connection.recv(4_096)
            connection.sendall(answer or self._handshake())
            for part in slices:
                connection.sendall(part)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while heard := connection.recv(4_096):
                    self.heard += heard

    def _handshake(self) -> bytes:
        key = next(line for line in self.request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        digest = hashlib.sha1(key.split(b": ")[1] + _MAGIC).digest()  # noqa: S324 - the protocol asks for it
        accept = base64.b64encode(digest)
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


@pytest.fixture
def server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.listener.close()


def read(server: RawServer, limit: int = 1_000) -> tuple[list[Frame], Jetstream]:
    source = Jetstream([server.url], max_frame_bytes=limit, stall_seconds=5)
    source.open(cursor_at(123))
    frames = [frame for frame in source.frames(threading.Event()) if frame is not None]
    source.close()
    return frames, source


def test_frames_arrive_whole_however_the_bytes_are_sliced(server: RawServer) -> None:
    wire = piece(TEXT, b"one") + piece(TEXT, b"x" * 500) + piece(TEXT, "zwei ü".encode())
    server.serve(*[wire[at : at + 7] for at in range(0, len(wire), 7)])
    frames, _ = read(server)
    assert [frame.data for frame in frames] == [b"one", b"x" * 500, "zwei ü".encode()]
    assert b"permessage-deflate" not in server.request


def test_fragments_are_joined_and_a_ping_between_them_is_answered(server: RawServer) -> None:
    server.serve(
        piece(TEXT, b"one ", final=False)
        + piece(PING, b"still there?")
        + piece(CONT, b"two ", final=False)
        + piece(CONT, b"three")
    )
    frames, _ = read(server)
    assert [frame.data for frame in frames] == [b"one two three"]
    until(lambda: server.heard[:1] == b"\x8a", what="a pong")


@pytest.mark.parametrize("masked", [False, True])
def test_an_oversize_frame_is_read_over_and_the_next_one_arrives(server: RawServer, masked: bool) -> None:
    big = piece(TEXT, b"b" * 200_000)
    if masked:
        big = big[:1] + bytes([big[1] | 0x80]) + big[2:10] + b"\x00" * 4 + big[10:]
    server.serve(piece(TEXT, b"before"), big[:5_000], big[5_000:], piece(TEXT, b"after"))
    frames, _ = read(server)
    assert [(frame.fault, frame.size) for frame in frames] == [("", 6), ("oversize", 200_000), ("", 5)]
    assert len(frames[1].data) == 65_536


def test_fragments_that_add_up_to_too_much_are_oversize(server: RawServer) -> None:
    parts = [piece(TEXT, b"a" * 900, final=False), *[piece(CONT, b"b" * 900, final=False)] * 50, piece(CONT, b"c")]
    server.serve(*parts, piece(TEXT, b"after"))
    frames, _ = read(server)
    assert [(frame.fault, frame.size) for frame in frames] == [("oversize", 900 * 51 + 1), ("", 5)]


@pytest.mark.parametrize(
    ("sent", "fault", "data"),
    [
        (piece(TEXT, b"whole")[:4], "truncated", b"wh"),
        (piece(TEXT, b"first part", final=False), "truncated", b"first part"),
        (piece(BINARY, b"\x28\xb5"), "binary", b"\x28\xb5"),
    ],
)
def test_what_is_no_whole_text_frame_says_what_it_is(server: RawServer, sent: bytes, fault: str, data: bytes) -> None:
    server.serve(sent)
    frames, source = read(server)
    assert [(frame.fault, frame.data) for frame in frames] == [(fault, data)]
    assert classify(source.ending(0)).cause == "network"


@pytest.mark.parametrize(
    ("sent", "code", "cause"),
    [
        (piece(CLOSE, struct.pack("!H", 1001) + b"bye"), 1001, "restart"),
        (piece(CLOSE, struct.pack("!H", 1008) + b"ConsumerTooSlow"), 1008, "kicked"),
        (piece(CLOSE, b""), 1005, "restart"),
        (b"", 1006, "network"),
        (piece(3, b"an opcode nobody knows"), 1006, "network"),
    ],
)
def test_the_end_of_a_connection_is_told_apart(server: RawServer, sent: bytes, code: int, cause: str) -> None:
    server.serve(sent)
    _, source = read(server)
    drop = classify(source.ending(0))
    assert (drop.evidence["code"], drop.cause) == (code, cause)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 warming up\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n",
        b"not http at all\r\n\r\n",
    ],
)
def test_a_refused_handshake_is_a_feed_that_is_not_available(server: RawServer, answer: bytes) -> None:
    server.serve(answer=answer)
    source = Jetstream([server.url], max_frame_bytes=1_000, stall_seconds=5)
    with pytest.raises(FeedUnavailable):
        source.open(cursor_at(1))
    assert classify(source.ending(0)).cause == "refused"
    assert [*source.frames(threading.Event())] == []
