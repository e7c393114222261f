"""zstd dictionaries and frames for tests, packed as a Jetstream server packs them (with a checksum)."""

from __future__ import annotations

from functools import lru_cache

import zstandard

from tests.support import wire


@lru_cache
def dictionary(number: int) -> bytes:
    """A small dictionary with the id ``number``, trained on posts and likes."""
    samples = [
        wire.encode(event)
        for n in range(300)
        for event in (
            wire.post(n, f"p{n}", wire.T0 + n, f"post {n} about {['rain', 'light', 'storm', 'city'][n % 4]}"),
            wire.like(n, f"l{n}", wire.T0 + n, wire.uri(n, f"p{n}")),
        )
    ]
    return zstandard.train_dictionary(8_192, samples, k=64, d=8, dict_id=number).as_bytes()


def pack(made: bytes, content: bytes, *, size: bool = True, window: int = 17) -> bytes:
    """``content`` as one frame."""
    parameters = zstandard.ZstdCompressionParameters(
        compression_level=1, window_log=window, write_content_size=size, write_checksum=True, write_dict_id=True
    )
    packer = zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(made), compression_params=parameters)
    if size:
        return packer.compress(content)
    stream = packer.compressobj()
    return stream.compress(content) + stream.flush()


@lru_cache
def other(number: int) -> bytes:
    """Another dictionary under the same id."""
    samples = [f"{n} bottles of milk, {n * 7} of water and {n * 13} of wine".encode() * 9 for n in range(900)]
    return zstandard.train_dictionary(8_192, samples, k=64, d=8, dict_id=number).as_bytes()
