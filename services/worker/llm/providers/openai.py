"""OpenAI's chat completions, and the many servers that speak them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.worker.llm.providers.base import counted, needed, usage_or_none
from services.worker.llm.request import Message, Reply, Request, Stop, ToolCall, Usage

_STOPS: dict[str, Stop] = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "refused"}


class OpenAIWire:
    """``local`` servers know only the older name of the limit on an answer."""

    def __init__(self, *, local: bool = False) -> None:
        self._limit = "max_tokens" if local else "max_completion_tokens"

    def path(self, model: str, *, stream: bool) -> str:
        """The address below the provider's, which ends in /v1."""
        return "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        """How the key is shown."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> dict[str, Any]:
        """The request."""
        messages = [{"role": "system", "content": request.system}] if request.system else []
        body: dict[str, Any] = {
            "model": model,
            "messages": messages + [_message(message) for message in request.messages],
            self._limit: max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.tools:
            body["tools"] = [
                {"type": "function", "function": {n: getattr(tool, n) for n in ("name", "description", "parameters")}}
                for tool in request.tools
            ]
        if stream:  # without it a stream has no usage, and would be charged at its bound
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def reply(self, payload: Mapping[str, Any]) -> Reply:
        """The answer."""
        choice = payload["choices"][0]
        calls = tuple(_call(call) for call in choice["message"].get("tool_calls") or ())
        return Reply(
            text=_text(choice["message"].get("content")),
            stop=_STOPS.get(choice.get("finish_reason") or "", "end"),
            calls=calls,
            usage=usage_or_none(lambda: _usage(payload["usage"])),
        )

    def fold(self) -> OpenAIFold:
        """For one stream."""
        return OpenAIFold()


class OpenAIFold:
    """Text and tool calls come in pieces, the usage in a last piece without choices."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._finish: str | None = None
        self._usage: Usage | None = None

    def feed(self, piece: Mapping[str, Any]) -> str:
        """The text in ``piece``."""
        if piece.get("usage"):
            self._usage = usage_or_none(lambda: _usage(piece["usage"]))
        text = ""
        for choice in piece.get("choices") or ():
            delta = choice.get("delta") or {}
            text += _text(delta.get("content"))
            for call in delta.get("tool_calls") or ():
                held = self._calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
                held["id"] = call.get("id") or held["id"]
                held["name"] += (call.get("function") or {}).get("name") or ""
                held["arguments"] += (call.get("function") or {}).get("arguments") or ""
            self._finish = choice.get("finish_reason") or self._finish
        self._text.append(text)
        return text

    def reply(self) -> Reply:
        """The whole."""
        if self._finish is None:
            raise ValueError("the stream ended early")
        calls = tuple(
            _call({"id": held["id"], "function": {"name": held["name"], "arguments": held["arguments"]}})
            for _, held in sorted(self._calls.items())
        )
        stop = _STOPS.get(self._finish, "end")
        return Reply(text="".join(self._text), stop=stop, calls=calls, usage=self._usage)


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()},
            }
            for call in message.calls
        ]
    return said


def _call(call: Mapping[str, Any]) -> ToolCall:
    arguments = msgspec.json.decode(call["function"]["arguments"] or "{}", type=dict[str, Any])
    return ToolCall(id=call["id"], name=call["function"]["name"], arguments=arguments)


def _text(content: Any) -> str:
    if content is not None and not isinstance(content, str):
        raise TypeError("text is no text")
    return content or ""


def _usage(usage: Mapping[str, Any]) -> Usage:
    cached = counted(usage.get("prompt_tokens_details"), "cached_tokens")
    whole = needed(usage, "prompt_tokens")
    return Usage(
        input=max(whole - cached, 0),
        cache_read=min(cached, whole),
        output=needed(usage, "completion_tokens"),
        reasoning=counted(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )
