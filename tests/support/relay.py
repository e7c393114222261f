"""The whole relay in a thread of the test, over real engines."""

from __future__ import annotations

import threading

from services.relay.entry import Parts, run
from shared.config.settings import Settings
from tests.support.fake_meaning import FakeEmbedder, FakeIndex


class Relay:
    """The whole relay in a thread, with stand-ins for the model and the index only."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.stop_event = settings, threading.Event()
        self.embedder, self.index = FakeEmbedder(), FakeIndex()
        self.code: int | None = None
        parts = Parts(lambda _settings, _model: self.embedder, lambda _settings, _database: self.index)
        self._thread = threading.Thread(target=lambda: self._run(parts))

    def _run(self, parts: Parts) -> None:
        self.code = run(self.settings, self.stop_event, parts)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_event.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
