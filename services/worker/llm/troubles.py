"""Which providers failed when they were asked last, in words for people: for health, and for whoever went without."""

from __future__ import annotations

import time
from collections.abc import Callable

from services.worker.llm.providers.base import Failure

#: What nobody tried again for so long is told no more.
REMEMBERED_SECONDS = 900.0
WORDS: dict[Failure, str] = {
    "connect": "cannot be reached",
    "rejected": "refused the question; its key, or the model's name, may be wrong",
    "limited": "was asked more often than it allows",
    "overloaded": "is overloaded",
    "spend_cap": "says that its account's own spend limit is met",
    "timeout": "did not answer in time",
    "broken": "failed, or gave an answer that cannot be read",
}


class Troubles:
    """By provider, the failure that came last; an answer ends it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[Failure, float]] = {}

    def failed(self, provider: str, failure: Failure) -> None:
        """It was given up on."""
        self._last[provider] = (failure, self._clock())

    def answered(self, provider: str) -> None:
        """It is well."""
        self._last.pop(provider, None)

    def of(self, provider: str) -> str | None:
        """Such as "openai is overloaded"; ``None`` where it answered last, or was not asked for long."""
        failure, at = self._last.get(provider, (None, 0.0))
        if failure is None or self._clock() - at > REMEMBERED_SECONDS:
            return None
        return f"{provider} {WORDS[failure]}"

    def told(self) -> str | None:
        """All of them, or ``None``."""
        told = [one for one in map(self.of, sorted(self._last)) if one]
        return " ".join(f"{one}." for one in told) or None
