"""Frames come out the same however the network cuts the bytes that carry them."""

from __future__ import annotations

import struct

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st

from services.relay.sources.websocket_frames import BoundedWebSocket, Oversize, Part

LIMIT = 70_000
TEXT, BINARY, CONT, PING = 1, 2, 0, 9


class Pieces:
    """A socket that gives one prepared piece a call."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def gettimeout(self) -> float:
        return 1.0

    def recv(self, size: int) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        assert len(piece) <= size
        return piece

    def close(self) -> None:
        pass


def frame(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    first, size = opcode | (0x80 if final else 0), len(data)
    if size < 126:
        return struct.pack("!BB", first, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + data
    return struct.pack("!BBQ", first, 127, size) + data


def reader(pieces: list[bytes]) -> BoundedWebSocket:
    connection = BoundedWebSocket(LIMIT)
    connection.sock = Pieces(pieces)
    return connection


FRAMES = st.tuples(
    st.sampled_from([TEXT, BINARY, CONT, PING]),
    st.sampled_from([0, 1, 2, 125, 126, 127, 300, 65_535, 65_536, LIMIT, LIMIT + 1]),
    st.booleans(),
).filter(lambda one: one[0] != PING or (one[1] <= 125 and one[2]))


@given(frames=st.lists(FRAMES, max_size=8), cuts=st.lists(st.integers(1, 64_000), max_size=20))
def test_any_cuts_give_the_frames_that_were_sent(frames: list[tuple[int, int, bool]], cuts: list[int]) -> None:
    stream = b"".join(frame(opcode, b"x" * size, final=final) for opcode, size, final in frames)
    pieces = []
    for cut in [*cuts, *[65_536] * (len(stream) // 65_536 + 1)]:
        if stream:
            pieces.append(stream[:cut])
            stream = stream[cut:]
    connection = reader(pieces)
    for opcode, size, final in frames:
        if size > LIMIT:
            with pytest.raises(Oversize) as oversize:
                connection.next_part()
            assert oversize.value.size == size
        else:
            assert connection.next_part() == Part(opcode, final, b"x" * size)
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        connection.next_part()


@pytest.mark.parametrize("first", [0x80 | 0x40 | TEXT, 0x80 | 0x20 | BINARY, 0x80 | 3, 0x80 | 11])
def test_what_the_protocol_forbids_is_refused_in_the_middle_of_usual_frames(first: int) -> None:
    connection = reader([frame(TEXT, b"one") + bytes((first, 3)) + b"two" + frame(TEXT, b"three")])
    assert connection.next_part() == Part(TEXT, True, b"one")
    with pytest.raises(websocket.WebSocketProtocolException):
        connection.next_part()


def test_a_half_frame_is_told_when_the_stream_ends() -> None:
    connection = reader([frame(TEXT, b"whole") + frame(TEXT, b"x" * 300)[:100]])
    assert connection.next_part().data == b"whole"
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        connection.next_part()
    assert connection.parser.begun()
    assert connection.parser.partial() == b"x" * 96
