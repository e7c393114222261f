"""Ollama's own chat API: models on machines of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.worker.llm.providers.base import counted, usage_or_none
from services.worker.llm.request import Message, Reply, Request, Stop, ToolCall, Usage


class OllamaWire:
    """Answers are JSON, streams one object a line."""

    def path(self, model: str, *, stream: bool) -> str:
        """The address below the host."""
        return "/api/chat"

    def headers(self, key: str) -> dict[str, str]:
        """Ollama asks for no key; a proxy in front of it may."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> dict[str, Any]:
        """The request."""
        messages = [{"role": "system", "content": request.system}] if request.system else []
        options: dict[str, Any] = {"num_predict": max_tokens}
        if request.temperature is not None:
            options["temperature"] = request.temperature
        names = {call.id: call.name for message in request.messages for call in message.calls}
        body: dict[str, Any] = {
            "model": model,
            "messages": messages + [_message(message, names) for message in request.messages],
            "stream": stream,
            "options": options,
        }
        if request.tools:
            body["tools"] = [
                {"type": "function", "function": {n: getattr(tool, n) for n in ("name", "description", "parameters")}}
                for tool in request.tools
            ]
        return body

    def reply(self, payload: Mapping[str, Any]) -> Reply:
        """The answer."""
        fold = OllamaFold()
        fold.feed(payload)
        return fold.reply()

    def fold(self) -> OllamaFold:
        """For one stream."""
        return OllamaFold()


class OllamaFold:
    """Each piece is an answer in itself; the last says that it is done, and counts."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._last: Mapping[str, Any] | None = None

    def feed(self, piece: Mapping[str, Any]) -> str:
        """The text in ``piece``."""
        message = piece["message"]
        text: str = message.get("content") or ""
        self._text.append(text)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            number = f"call_{len(self._calls)}"
            self._calls.append(ToolCall(id=number, name=function["name"], arguments=dict(function["arguments"])))
        if piece.get("done"):
            self._last = piece
        return text

    def reply(self) -> Reply:
        """The whole."""
        last = self._last
        if last is None:
            raise ValueError("the stream ended early")
        stop: Stop = "tools" if self._calls else "length" if last.get("done_reason") == "length" else "end"
        usage = usage_or_none(
            lambda: Usage(input=counted(last, "prompt_eval_count"), output=counted(last, "eval_count"))
        )
        return Reply(text="".join(self._text), stop=stop, calls=tuple(self._calls), usage=usage)


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_name": names.get(message.call_id, ""), "content": message.text}
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.calls:
        said["tool_calls"] = [{"function": {"name": c.name, "arguments": c.arguments}} for c in message.calls]
    return said
