"""What a provider is to the gateway, and how its failures are told apart: by what they may have cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from services.worker.llm.request import Reply, Request, Told, Usage
from shared.errors import ModelUnavailable

#: connect: never reached. rejected: 4xx. limited: 429. overloaded: 529. spend_cap: the account's own limit.
#: timeout: no answer in time. broken: 5xx, a cut stream, an answer that is none.
Failure = Literal["connect", "rejected", "limited", "overloaded", "spend_cap", "timeout", "broken"]

#: What a provider cannot have charged for.
UNBILLED: frozenset[Failure] = frozenset({"connect", "rejected", "limited", "overloaded", "spend_cap"})
#: Worth another attempt at the same model.
TRANSIENT: frozenset[Failure] = frozenset({"connect", "limited", "overloaded", "timeout", "broken"})
#: Says that the provider is in trouble, not that the request is.
TROUBLE: frozenset[Failure] = frozenset({"connect", "overloaded", "timeout", "broken"})

CONNECT_SECONDS = 5.0
MOST_SAID = 200
_SPEND_CAP = ("enforced_spend_limit_reached", "insufficient_quota")


class ProviderFailed(ModelUnavailable):
    """One attempt failed. ``retry_after`` is in seconds where the provider named a time."""

    def __init__(self, failure: Failure, said: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"The provider failed ({failure}).", why=said)
        self.failure: Failure = failure
        self.said, self.retry_after = said, retry_after

    @property
    def billed(self) -> bool:
        """Whether it may have cost something all the same."""
        return self.failure not in UNBILLED


class Prepared(msgspec.Struct, frozen=True):
    """A request as it will be sent: ``body`` is what is measured, ``arguments`` what an SDK is given."""

    body: bytes
    arguments: dict[str, Any]
    model: str


class Provider(Protocol):
    """Sends prepared requests, once each: it never retries. ``told`` asks for a stream."""

    async def ready(self) -> None:
        """Load what sending needs, before anything is reserved. Raises ModelUnavailable when it is not installed."""

    def prepare(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> Prepared: ...

    async def send(self, prepared: Prepared, told: Told | None, seconds: float) -> Reply: ...

    async def close(self) -> None: ...


def from_status(status: int, headers: Mapping[str, str], body: str, secret: str = "") -> ProviderFailed:
    """The failure that an answer other than 200 is."""
    said = f"{status}: {shown(body, secret)}"
    after = retry_after(headers)
    if status == 429:
        capped = after is None and any(mark in body for mark in _SPEND_CAP)
        return ProviderFailed("spend_cap" if capped else "limited", said, retry_after=after)
    if status == 529:
        return ProviderFailed("overloaded", said, retry_after=after)
    if 400 <= status < 500 and status != 408:  # 408 may come from a proxy, with the call still going on
        return ProviderFailed("rejected", said)
    return ProviderFailed("broken", said, retry_after=after)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the provider asks to wait, if it names a number of them."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 1e6:
            return seconds
    return None


def shown(text: str, secret: str = "") -> str:
    """``text`` short, on one line and without the key."""
    if secret:
        text = text.replace(secret, "***")
    return " ".join(text.split())[:MOST_SAID]


def counted(usage: Mapping[str, Any] | None, *names: str) -> int:
    """The sum of the counts under ``names``; those that are missing are 0. ValueError for what is no count."""
    total = 0
    for name in names:
        value = (usage or {}).get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} is no count")
        total += value
    return total


def needed(usage: Mapping[str, Any], name: str) -> int:
    """A count that must be there. KeyError or ValueError otherwise."""
    if usage[name] is None:
        raise ValueError(f"{name} is missing")
    return counted(usage, name)


def usage_or_none(make: Callable[[], Usage]) -> Usage | None:
    """The usage that ``make`` reads; ``None`` when it cannot be believed, so that the bound is charged."""
    try:
        return make()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
