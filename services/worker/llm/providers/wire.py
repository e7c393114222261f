"""Calls over httpx without an SDK: the hot path. What differs between providers is a ``Wire``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import httpx
import msgspec

from services.worker.llm.providers.base import (
    CONNECT_SECONDS,
    Prepared,
    ProviderFailed,
    from_status,
    shown,
)
from services.worker.llm.request import Reply, Request, Told

#: Connections to one provider; the gate in front lets fewer calls through.
MOST_CONNECTIONS = 256


class Fold(Protocol):
    """Puts the pieces of a stream together."""

    def feed(self, piece: Mapping[str, Any]) -> str:
        """The text in ``piece``."""

    def reply(self) -> Reply:
        """The whole. ValueError when the stream ended early."""


class Wire(Protocol):
    """One provider's form of requests and answers. Reading raises KeyError, TypeError or ValueError for garbage."""

    def path(self, model: str, *, stream: bool) -> str: ...

    def headers(self, key: str) -> dict[str, str]: ...

    def body(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> dict[str, Any]: ...

    def reply(self, payload: Mapping[str, Any]) -> Reply: ...

    def fold(self) -> Fold: ...


class WireProvider:
    """A provider at ``url`` that speaks ``wire``."""

    def __init__(self, wire: Wire, url: str, key: str) -> None:
        self._wire, self._url, self._key = wire, url.rstrip("/"), key
        self._client = httpx.AsyncClient(
            headers={"content-type": "application/json", **wire.headers(key)},
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,  # a proxy in the environment would see prompts and keys
        )

    async def ready(self) -> None:
        """Nothing to load."""

    def prepare(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> Prepared:
        """The request as it will be sent."""
        body = msgspec.json.encode(self._wire.body(model, request, max_tokens, stream=stream))
        return Prepared(body, {}, model)

    async def send(self, prepared: Prepared, told: Told | None, seconds: float) -> Reply:
        """One attempt, in at most ``seconds``. Raises ProviderFailed."""
        url = self._url + self._wire.path(prepared.model, stream=told is not None)
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            if told is None:
                response = await self._client.post(url, content=prepared.body, timeout=timeout)
                if response.status_code != 200:
                    raise from_status(response.status_code, response.headers, response.text, self._key)
                return self._wire.reply(msgspec.json.decode(response.content))
            async with self._client.stream("POST", url, content=prepared.body, timeout=timeout) as response:
                if response.status_code != 200:
                    said = (await response.aread()).decode("utf-8", "replace")
                    raise from_status(response.status_code, response.headers, said, self._key)
                return await self._read(response, told)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ProviderFailed("connect", shown(str(error) or type(error).__name__, self._key)) from error
        except httpx.TimeoutException as error:
            raise ProviderFailed("timeout", f"nothing came for {seconds:g} s") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise ProviderFailed("broken", shown(str(error) or type(error).__name__, self._key)) from error
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            said = shown(f"the answer cannot be read: {type(error).__name__} {error}", self._key)
            raise ProviderFailed("broken", said) from error

    async def _read(self, response: httpx.Response, told: Told) -> Reply:
        fold = self._wire.fold()
        async for piece in _pieces(response):
            if "error" in piece:
                raise ValueError(f"the stream broke off: {piece['error']}")
            if text := fold.feed(piece):
                told(text)
        return fold.reply()

    async def close(self) -> None:
        """Give connections back."""
        with contextlib.suppress(RuntimeError):  # the loop they belong to is gone
            await self._client.aclose()


async def _pieces(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream: server-sent events, or one a line."""
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            line = line[5:]
        elif not line.startswith("{"):
            continue
        line = line.strip()
        if line and line != "[DONE]":
            yield msgspec.json.decode(line, type=dict[str, Any])
