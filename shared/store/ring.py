"""The live channel: a trimmed stream in Valkey. The only home of the redis client beside the broker.

The stream's entry ids are the ids of live messages: ordered, and kept across restarts of the API.
Nothing of record is here: a failed publish is counted by the caller and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.contracts.channels import LIVE_RING, LIVE_STREAM
from shared.errors import BrokerUnavailable
from shared.schemas.live import Message

#: A publisher never waits longer than this for Valkey.
TIMEOUT_SECONDS = 1.0
#: Longest wait of one read for something new.
READ_BLOCK_SECONDS = 2.0
#: Entries of one read at most.
READ_MOST = 500


class LivePublisher:
    """Sends live messages (sync). Thread-safe."""

    def __init__(self, valkey_url: str) -> None:
        self._client = redis.Redis.from_url(
            valkey_url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=4,
        )

    def publish(self, message: Message) -> str:
        """Append ``message``; the id it got. Raises BrokerUnavailable."""
        try:
            entry = self._client.xadd(
                LIVE_STREAM, {"m": msgspec.json.encode(message)}, maxlen=LIVE_RING, approximate=True
            )
        except redis.RedisError as error:
            raise BrokerUnavailable("Valkey did not take a live message.", why=str(error)) from error
        return entry.decode() if isinstance(entry, bytes) else str(entry)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


class Entry(msgspec.Struct, frozen=True):
    """One entry of the stream: its id and the encoded message, as published."""

    id: str
    message: bytes


class RingReader:
    """Reads the live stream (async). Every method raises BrokerUnavailable when Valkey is away."""

    def __init__(self, valkey_url: str) -> None:
        self._client = redis.asyncio.Redis.from_url(
            valkey_url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=READ_BLOCK_SECONDS + TIMEOUT_SECONDS,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
            max_connections=2,
        )

    async def tail(self, count: int = LIVE_RING) -> list[Entry]:
        """The newest ``count`` entries, oldest first."""
        with _reading():
            return _entries(await self._client.xrevrange(LIVE_STREAM, count=count))[::-1]

    async def has(self, entry: str) -> bool:
        """Whether the stream still holds ``entry``: if not, it was emptied or ran away from us."""
        with _reading():
            return bool(await self._client.xrange(LIVE_STREAM, min=entry, max=entry, count=1))

    async def after(self, entry: str, count: int = READ_MOST) -> list[Entry]:
        """Entries after ``entry``, oldest first; waits up to READ_BLOCK_SECONDS for the first."""
        with _reading():
            found = await self._client.xread({LIVE_STREAM: entry}, count=count, block=int(READ_BLOCK_SECONDS * 1000))
        streams = list(found.values()) if isinstance(found, dict) else [entries for _, entries in found or []]
        return _entries(streams[0] if streams else [])

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable("Valkey does not answer.", why=str(error)) from error


def _entries(raw: Any) -> list[Entry]:
    return [Entry(entry.decode(), fields[b"m"]) for entry, fields in raw if b"m" in fields]
