"""Claude through Anthropic's SDK: its only home. Imported when the first call is made, and only then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from services.worker.llm.providers.base import (
    CONNECT_SECONDS,
    Failure,
    Prepared,
    ProviderFailed,
    counted,
    from_status,
    needed,
    shown,
    usage_or_none,
)
from services.worker.llm.request import Message, Reply, Request, Stop, Told, ToolCall, Usage
from shared.errors import ModelUnavailable

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_STOPS: dict[str, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "length",
    "tool_use": "tools",
    "refusal": "refused",
}
_MARK = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


class ClaudeProvider:
    """``url`` is the host's root. The SDK's own retries are off: each attempt must be reserved."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._client: AsyncAnthropic | None = None
        self._loading = asyncio.Lock()

    async def ready(self) -> None:
        """Import the SDK, which takes seconds: not in the loop that other calls wait for."""
        async with self._loading:
            if self._client is None:
                anthropic = await asyncio.to_thread(_imported)
                self._client = anthropic.AsyncAnthropic(
                    api_key=self._key,
                    base_url=self._url,
                    max_retries=0,
                    http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False),
                )

    def prepare(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> Prepared:
        """The request as it will be sent."""
        arguments: dict[str, Any] = {
            "model": model,
            "max_tokens": max_tokens,
            "messages": _turns(request.messages),
            "service_tier": "standard_only",  # the other tiers have other prices
        }
        if request.system:
            arguments["system"] = [{"type": "text", "text": request.system, **(_MARK if request.cached else {})}]
        if request.tools:
            arguments["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in request.tools
            ]
            if request.cached:
                arguments["tools"][-1] |= _MARK
        if request.temperature is not None:
            # Newer models refuse it; the list of models says which take it.
            arguments["extra_body"] = {"temperature": request.temperature}
        if stream:
            arguments["stream"] = True
        return Prepared(msgspec.json.encode(arguments), arguments, model)

    async def send(self, prepared: Prepared, told: Told | None, seconds: float) -> Reply:
        """One attempt, in at most ``seconds``. Raises ProviderFailed."""
        import anthropic

        client = self._client
        assert client is not None  # noqa: S101 - ready comes before
        timeout = anthropic.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            answer = await client.messages.create(**prepared.arguments, timeout=timeout)
            if told is None:
                return _reply(answer.to_dict())
            fold = ClaudeFold()
            async for event in answer:
                if text := fold.feed(event.to_dict()):
                    told(text)
            return fold.reply()
        except anthropic.APIStatusError as error:
            if error.status_code == 200:  # an error event within a stream: what came before it is billed
                raise ProviderFailed("broken", shown(error.message, self._key)) from error
            body = msgspec.json.encode(error.body).decode() if error.body is not None else error.message
            raise from_status(error.status_code, error.response.headers, body, self._key) from error
        except anthropic.APITimeoutError as error:
            failure: Failure = "connect" if _not_reached(error) else "timeout"
            raise ProviderFailed(failure, f"nothing came for {seconds:g} s") from error
        except anthropic.APIConnectionError as error:
            failure = "connect" if _not_reached(error) else "broken"
            raise ProviderFailed(failure, shown(str(error.__cause__ or error), self._key)) from error
        except Exception as error:  # the SDK lets its HTTP library's and its decoder's errors through
            said = shown(f"the answer cannot be read: {type(error).__name__} {error}", self._key)
            raise ProviderFailed("broken", said) from error

    async def close(self) -> None:
        """Give connections back."""
        if self._client is not None:
            with contextlib.suppress(RuntimeError):
                await self._client.close()


def _imported() -> Any:
    try:
        import anthropic
    except ImportError as error:
        raise ModelUnavailable(
            "Claude cannot be asked.", why="The package anthropic is not installed (make llm)", do="Run: make llm"
        ) from error
    return anthropic


class ClaudeFold:
    """Puts the events of a stream together."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._usage: dict[str, Any] = {}
        self._stop: str | None = None
        self._ended = False

    def feed(self, event: Mapping[str, Any]) -> str:
        """The text in ``event``."""
        match event["type"]:
            case "message_start":
                self._usage = dict(event["message"].get("usage") or {})
            case "content_block_start":
                self._blocks[event["index"]] = {**event["content_block"], "json": ""}
            case "content_block_delta":
                return self._add(self._blocks[event["index"]], event["delta"])
            case "message_delta":
                self._stop = event["delta"].get("stop_reason") or self._stop
                self._usage |= {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
            case "message_stop":
                self._ended = True
        return ""

    def _add(self, block: dict[str, Any], delta: Mapping[str, Any]) -> str:
        if delta["type"] == "input_json_delta":
            block["json"] += delta["partial_json"]
        if delta["type"] == "text_delta":
            block["text"] = block.get("text", "") + delta["text"]
            return str(delta["text"])
        return ""

    def reply(self) -> Reply:
        """The whole. ValueError when the stream ended early."""
        if not self._ended:
            raise ValueError("the stream ended early")
        for block in self._blocks.values():
            if block["json"]:
                block["input"] = msgspec.json.decode(block["json"])
        blocks = [block for _, block in sorted(self._blocks.items())]
        # A stream that never told its final count of tokens has no usage, whatever it said at its beginning.
        usage = self._usage if self._stop is not None else None
        return _reply({"content": blocks, "stop_reason": self._stop, "usage": usage})


def _reply(answer: Mapping[str, Any]) -> Reply:
    content = answer["content"]
    calls = tuple(
        ToolCall(id=block["id"], name=block["name"], arguments=dict(block["input"]))
        for block in content
        if block["type"] == "tool_use"
    )
    return Reply(
        text="".join(block["text"] for block in content if block["type"] == "text"),
        stop=_STOPS.get(answer.get("stop_reason") or "", "end"),
        calls=calls,
        usage=usage_or_none(lambda: _usage(answer["usage"])),
    )


def _usage(usage: Mapping[str, Any]) -> Usage:
    written = counted(usage, "cache_creation_input_tokens")
    split = usage.get("cache_creation") or {}
    hour = min(counted(split, "ephemeral_1h_input_tokens"), written)
    return Usage(
        input=needed(usage, "input_tokens"),
        output=needed(usage, "output_tokens"),
        cache_read=counted(usage, "cache_read_input_tokens"),
        cache_write=written - hour,
        cache_write_hour=hour,
        searches=counted(usage.get("server_tool_use"), "web_search_requests"),
    )


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Turns in Claude's form: answers of tools that follow each other share one turn of the user."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += _blocks(message)
        else:
            turns.append({"role": role, "content": _blocks(message)})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.call_id, "content": message.text}]
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in message.calls
    ]
    return blocks


def _not_reached(error: BaseException) -> bool:
    """Whether the connection was never made."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout")
