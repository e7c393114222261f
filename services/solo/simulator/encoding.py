"""How one connection's frames are written: plain or numbered first version, second version, packed or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import zstandard

from services.solo.simulator.stream import Event, Stream
from services.solo.simulator.subscription2 import NSID

#: (event, base of the server's numbers) -> the frame's JSON.
Write = Callable[[Event, int], bytes]

DICTIONARY_ID = 20_260_601
_DICTIONARY_BYTES, _SAMPLES = 32_768, 2_000
_WINDOW_LOG = 17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Frame(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: dict[str, msgspec.Raw] = {}
    identity: msgspec.Raw = msgspec.Raw(b"null")
    account: msgspec.Raw = msgspec.Raw(b"null")


_frame = msgspec.json.Decoder(_Frame)


def legacy(event: Event, _base: int) -> bytes:
    """The first version, as its own servers write it."""
    return event.frame


def numbered(event: Event, base: int) -> bytes:
    """The first version from a server of the second: with the event's number as ``cursor``."""
    head, rest = event.frame.split(b',"kind":', 1)
    return b'%b,"cursor":%d,"kind":%b' % (head, event.seq + base, rest)


def message(event: Event, base: int) -> bytes:
    """The second version."""
    frame = _frame.decode(event.frame)
    payload = {
        "$type": f"{NSID}#{frame.kind}",
        "seq": event.seq + base,
        "did": frame.did,
        "time": (_EPOCH + timedelta(microseconds=frame.time_us)).isoformat(timespec="microseconds")[:26] + "Z",
    }
    rest = frame.commit or {frame.kind: frame.identity if frame.kind == "identity" else frame.account}
    return msgspec.json.encode({"$type": "message", "payload": payload | rest})


def info(name: str, text: str) -> bytes:
    """A notice of the second version."""
    return msgspec.json.encode(
        {"$type": "message", "payload": {"$type": f"{NSID}#info", "name": name, "message": text}}
    )


def failure(name: str, text: str) -> bytes:
    """The frame with which a server of the second version ends a connection."""
    return msgspec.json.encode({"$type": "error", "error": name, "message": text})


def train(stream: Stream, write: Write, number: int = DICTIONARY_ID) -> bytes:
    """A zstd dictionary of a stream's first frames; the same stream gives the same one."""
    samples: list[bytes | bytearray | memoryview[int]] = []
    second = 0
    while len(samples) < _SAMPLES:
        samples += [write(event, 0) for event in stream.events(second)]
        second += 1
    return zstandard.train_dictionary(_DICTIONARY_BYTES, samples, k=64, d=8, dict_id=number).as_bytes()


class Packer:
    """Packs frames as the servers do: one zstd frame each, with a checksum and the dictionary's id."""

    def __init__(self, dictionary: bytes) -> None:
        self._zstd = zstandard.ZstdCompressor(
            dict_data=zstandard.ZstdCompressionDict(dictionary),
            compression_params=zstandard.ZstdCompressionParameters(
                compression_level=1, window_log=_WINDOW_LOG, write_checksum=True, write_dict_id=True
            ),
        )

    def pack(self, frame: bytes) -> bytes:
        """``frame`` as one zstd frame."""
        return self._zstd.compress(frame)
