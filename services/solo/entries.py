"""Where each unit begins. Imported only when it is run: a relay needs no web framework."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping

from shared.config.settings import Settings

#: Blocks until the event is set; gives the exit code.
Entry = Callable[[Settings, threading.Event], int]


def _entry(module: str) -> Callable[[], Entry]:
    def find() -> Entry:
        found: Entry = importlib.import_module(module).run
        return found

    return find


ENTRIES: Mapping[str, Callable[[], Entry]] = {
    "relay": _entry("services.relay.entry"),
    "api": _entry("services.api.entry"),
    "worker": _entry("services.worker.entry"),
}
