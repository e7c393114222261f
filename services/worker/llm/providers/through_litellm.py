"""Any provider that litellm knows: its only home. Breadth, at the price of its import and its overhead."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from services.worker.llm.providers.base import Prepared, ProviderFailed, from_status, shown
from services.worker.llm.providers.openai import OpenAIWire
from services.worker.llm.request import Reply, Request, Told
from shared.errors import ModelUnavailable

_NOT_REACHED = ("ConnectError", "ConnectTimeout", "ClientConnectorError", "ClientConnectorDNSError")


class LitellmProvider:
    """Models by litellm's names, such as mistral/mistral-small-latest. ``url`` is for tests and gateways."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._wire = OpenAIWire(local=True)
        self._litellm: Any = None
        self._loading = asyncio.Lock()

    async def ready(self) -> None:
        """Import litellm, which takes seconds: not in the loop that other calls wait for."""
        async with self._loading:
            if self._litellm is None:
                self._litellm = await asyncio.to_thread(_imported)

    def prepare(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> Prepared:
        """litellm takes OpenAI's form and translates it; what it sends is about as long.

        Never a stream: where a provider ends one without usage, litellm makes the usage up, and we would book it.
        """
        arguments = self._wire.body(model, request, max_tokens, stream=False)
        return Prepared(msgspec.json.encode(arguments), arguments, model)

    async def send(self, prepared: Prepared, told: Told | None, seconds: float) -> Reply:
        """One attempt, in at most ``seconds``. Raises ProviderFailed."""
        options = {"api_key": self._key or None, "api_base": self._url or None, "timeout": seconds}
        try:
            answer = await self._litellm.acompletion(
                **prepared.arguments, **options, num_retries=0, max_retries=0, drop_params=True
            )
            reply = self._wire.reply(answer.model_dump())
        except Exception as error:  # litellm's errors have no common root
            raise self._translated(error) from error
        if (
            reply.usage is not None and reply.usage.whole_input == 0
        ):  # what litellm says where the provider said nothing
            reply = msgspec.structs.replace(reply, usage=None)
        if told is not None and reply.text:
            told(reply.text)
        return reply

    def _translated(self, error: Exception) -> ProviderFailed:
        said = shown(f"{type(error).__name__}: {error}", self._key)
        status = getattr(error, "status_code", None)
        if _not_reached(error):
            return ProviderFailed("connect", said)
        if not isinstance(status, int):
            return ProviderFailed("broken", said)
        if type(error).__name__ == "Timeout":
            return ProviderFailed("timeout", said)
        if "529" in str(error) and status >= 500:  # litellm reports it as 500
            status = 529
        headers = getattr(error, "litellm_response_headers", None) or {}
        return from_status(status, {k.lower(): v for k, v in dict(headers).items()}, str(error), self._key)

    async def close(self) -> None:
        """litellm keeps its clients for itself."""
        if self._litellm is not None:
            closing = getattr(self._litellm, "close_litellm_async_clients", None)
            if closing is not None:
                await closing()


def _imported() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import asks the network for prices
    try:
        import litellm
    except ImportError as error:
        raise ModelUnavailable(
            "This model cannot be asked.", why="The package litellm is not installed (make llm)", do="Run: make llm"
        ) from error
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


def _not_reached(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in _NOT_REACHED:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
