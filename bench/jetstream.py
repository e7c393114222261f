"""How fast each form of Jetstream is received: frames per CPU-second of the reader, against the bare socket library.

    python -m bench.jetstream

A server in a process of its own sends the same events in each form; only the reading process is
measured. ``bare`` is the library's parser alone, without anything that a source does.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from websockets.sync.server import ServerConnection, serve

from services.relay.sources.jetstream import Jetstream
from services.relay.sources.jetstream_address import V1, V2, Dialect
from services.relay.sources.websocket_frames import BoundedWebSocket
from services.relay.sources.zstd_dictionary import Dictionaries
from services.solo.simulator import encoding
from services.solo.simulator.corpus import load
from services.solo.simulator.stream import Stream
from shared.store.cursors import Cursor

FRAMES, ROUNDS = 40_000, 3
_ANCHOR_US = 1_780_315_200_000_000
_LIMIT = 1 << 20
#: Name, how frames are written, whether they are packed, how they are asked for.
_FORMS: list[tuple[str, encoding.Write, bool, Dialect]] = [
    ("first version", encoding.legacy, False, V1),
    ("first version, numbered", encoding.numbered, False, V1),
    ("first version, zstd", encoding.legacy, True, V1),
    ("second version", encoding.message, False, V2),
    ("second version, zstd", encoding.message, True, V2),
]


def main() -> None:
    """Measure every form in turn, several rounds, and print the best of each with its ratio to the bare library."""
    stream = Stream(1, 1_000, _ANCHOR_US, load(None))
    events = [event for second in range(FRAMES // 900) for event in stream.events(second)][:FRAMES]
    with TemporaryDirectory() as folder:
        for name, write, packed, dialect in _FORMS:
            plain = [write(event, 0) for event in events]
            path = Path(folder) / "dictionary"
            path.write_bytes(encoding.train(stream, write))
            packer = encoding.Packer(path.read_bytes())
            sent: list[str | bytes] = [packer.pack(frame) if packed else frame.decode() for frame in plain]
            dictionaries = Dictionaries(str(path) if packed else "", Path(folder))

            def ours(url: str, dialect: Dialect = dialect, dictionaries: Dictionaries = dictionaries) -> int:
                return _ours(url, dialect, dictionaries)

            rate = max(_rate(sent, ours) for _ in range(ROUNDS))
            bare = max(_rate(sent, _bare) for _ in range(ROUNDS))
            size = sum(map(len, sent)) / len(sent)
            print(
                f"{name:24} {size:5.0f} bytes {rate:8,.0f} frames per CPU-second, {rate / bare:.2f} of the bare library"
            )


def _rate(frames: list[str | bytes], read: Callable[[str], int]) -> float:
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    server = context.Process(target=_serve, args=(frames, far), daemon=True)
    server.start()
    url = f"ws://127.0.0.1:{near.recv()}/subscribe"
    began = time.process_time()
    received = read(url)
    seconds = time.process_time() - began
    server.terminate()
    server.join()
    assert received == len(frames), received
    return received / seconds


def _serve(frames: list[str | bytes], far: multiprocessing.connection.Connection) -> None:
    def send(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(frame)

    with serve(
        send,
        "127.0.0.1",
        0,
        compression=None,
        ping_interval=None,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
    ) as server:
        far.send(server.socket.getsockname()[1])
        server.serve_forever()


def _ours(url: str, dialect: Dialect, dictionaries: Dictionaries) -> int:
    source = Jetstream([url], dialect, max_frame_bytes=_LIMIT, stall_seconds=30, dictionaries=dictionaries)
    source.open(Cursor(wire="", host="", position=_ANCHOR_US, token=None, events=1, now_us=_ANCHOR_US + 1))
    received = sum(frame is not None and not frame.fault for frame in source.frames(threading.Event()))
    source.close()
    return received


def _bare(url: str) -> int:
    connection = BoundedWebSocket(_LIMIT)
    connection.dial(url, 10)
    received = 0
    while (part := connection.next_part()).opcode != 8:
        received += part.opcode in (1, 2)
    connection.hang_up()
    return received


if __name__ == "__main__":
    main()
