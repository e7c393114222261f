"""Recorded streams as bytes: plain, .gz or .zst, and never cut off without a word."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: What reading a recording may raise: it cannot be opened, breaks off, or is not what its name says.
UNREADABLE = (OSError, EOFError, zlib.error, zstandard.ZstdError)


@contextmanager
def unpacked(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The content of ``raw``, unpacked as the ending of ``name`` tells. Reading may raise ``UNREADABLE``.

    A pipe (``name`` is "-") has no ending: its first bytes tell.
    """
    if name == "-":
        raw, name = _peeked(raw)
    if name.endswith(".gz"):
        with gzip.open(raw) as content:
            yield cast(BinaryIO, content)
    elif name.endswith(".zst"):
        with io.BufferedReader(_Zstandard(raw), 1 << 20) as content:
            yield cast(BinaryIO, content)
    else:
        yield raw


def _peeked(raw: BinaryIO) -> tuple[BinaryIO, str]:
    """``raw`` as it was, and the ending that its first bytes stand for. Waits for the first bytes."""
    content = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
    begin = content.peek(len(_ZSTD_MAGIC))
    ending = ".gz" if begin.startswith(_GZIP_MAGIC) else ".zst" if begin.startswith(_ZSTD_MAGIC) else ""
    return cast(BinaryIO, content), ending


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The content of the recording at ``path``. Opening and reading may raise ``UNREADABLE``."""
    with path.open("rb") as raw, unpacked(raw, path.name) as content:
        yield content


def lines_of(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Each line that is not blank, without its end, and its size in bytes. Reading may raise ``UNREADABLE``.

    A line longer than ``max_bytes`` is read over without holding it: its data is its beginning, one
    byte longer than allowed at least.
    """
    while line := stream.readline(max_bytes + 2):
        data = line.rstrip(b"\r\n")
        size = len(data)
        if size > max_bytes:
            size = len(line)
            while not line.endswith(b"\n") and (line := stream.readline(max_bytes)):
                size += len(line)
            yield data, size
        elif data.strip():
            yield data, size


class _Zstandard(io.RawIOBase):
    """Unpacks one or more frames. The library's own reader ends without a word when the last is cut off."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._ready:
            if self._frame.eof:
                rest, self._begun = self._frame.unused_data, False
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            else:
                rest = b""
            rest = rest or self._packed.read(1 << 17)
            if not rest:
                if self._begun:
                    raise EOFError("the last zstd frame is incomplete")
                return 0
            self._begun = True
            self._ready = memoryview(self._frame.decompress(rest))
        size = min(len(target), len(self._ready))
        target[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
