"""The live channel: a trimmed stream in Valkey. The only home of the redis client beside the broker.

The stream's entry ids are the ids of live messages: ordered, and kept across restarts of the API.
Nothing of record is here: a failed publish is counted by the caller and forgotten.
"""

from __future__ import annotations

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.contracts.channels import LIVE_RING, LIVE_STREAM
from shared.errors import BrokerUnavailable
from shared.schemas.live import Message

#: A publisher never waits longer than this for Valkey.
TIMEOUT_SECONDS = 1.0


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
