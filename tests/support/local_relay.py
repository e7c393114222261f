"""A Nostr relay that is not ours: nostr-sdk's LocalRelay, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nostr_sdk import (
    Event,
    LocalRelay,
    LocalRelayBuilder,
    LocalRelayBuilderNip42,
    LocalRelayBuilderNip42Mode,
    RateLimit,
)
from websockets.sync.client import connect

from services.relay.crypto.nostr_event import NostrEvent
from services.solo.folder import free_port
from tests.support import nostr


class Relay:
    """``url`` to connect to. Events are published as any client does."""

    def __init__(self, relay: LocalRelay, url: str) -> None:
        self._relay, self.url = relay, url

    def publish(self, events: Iterable[NostrEvent]) -> None:
        """Each event stored and handed to subscribers. Needs no proof in the READ mode of NIP-42."""
        with connect(self.url, compression=None, max_queue=None) as client:
            sent = 0
            for event in events:
                client.send(json.dumps(["EVENT", nostr.body(event)]))
                sent += 1
            for answer in (json.loads(client.recv(20)) for _ in range(sent)):
                while answer[0] != "OK":
                    answer = json.loads(client.recv(20))
                assert answer[2] is True, answer

    def notify(self, event: NostrEvent) -> None:
        """Hand an event to subscribers without storing it."""
        self._relay.notify_event(Event.from_json(json.dumps(nostr.body(event))))


@contextlib.contextmanager
def local_relay(*, auth: bool = False, change: Callable[[Any], Any] = lambda builder: builder) -> Iterator[Relay]:
    port = free_port()
    builder = LocalRelayBuilder().addr("127.0.0.1").port(port)
    builder = builder.rate_limit(RateLimit(max_reqs=100_000, notes_per_minute=1_000_000))
    if auth:
        builder = builder.nip42(LocalRelayBuilderNip42(mode=LocalRelayBuilderNip42Mode.READ))
    relay = change(builder).build()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(relay.run(), loop).result(20)
    try:
        yield Relay(relay, f"ws://127.0.0.1:{port}")
    finally:
        relay.shutdown()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
