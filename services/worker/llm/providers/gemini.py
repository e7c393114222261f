"""Google's generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.worker.llm.providers.base import counted, needed, usage_or_none
from services.worker.llm.request import Message, Reply, Request, Stop, ToolCall, Usage

_STOPS: dict[str, Stop] = {"STOP": "end", "MAX_TOKENS": "length"}


class GeminiWire:
    """The key goes into a header, never into the address."""

    def path(self, model: str, *, stream: bool) -> str:
        """The address below the host."""
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def headers(self, key: str) -> dict[str, str]:
        """How the key is shown."""
        return {"x-goog-api-key": key}

    def body(self, model: str, request: Request, max_tokens: int, *, stream: bool) -> dict[str, Any]:
        """The request. ``maxOutputTokens`` covers what the model thinks as well."""
        names = {call.id: call.name for message in request.messages for call in message.calls}
        settings: dict[str, Any] = {"maxOutputTokens": max_tokens}
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        body: dict[str, Any] = {
            "contents": [_content(message, names) for message in request.messages],
            "generationConfig": settings,
        }
        if request.system:
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        if request.tools:
            declared = [
                {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}
                for tool in request.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
        return body

    def reply(self, payload: Mapping[str, Any]) -> Reply:
        """The answer."""
        fold = GeminiFold()
        fold.feed(payload)
        return fold.reply()

    def fold(self) -> GeminiFold:
        """For one stream."""
        return GeminiFold()


class GeminiFold:
    """Each piece has the form of a whole answer; the usage of the last one counts."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._finish: str | None = None
        self._usage: Usage | None = None

    def feed(self, piece: Mapping[str, Any]) -> str:
        """The text in ``piece``."""
        text = ""
        for candidate in piece.get("candidates") or ():
            for part in (candidate.get("content") or {}).get("parts") or ():
                if "functionCall" in part:
                    call = part["functionCall"]
                    number = call.get("id") or f"call_{len(self._calls)}"
                    made = ToolCall(id=number, name=call["name"], arguments=dict(call.get("args") or {}))
                    self._calls.append(made)
                elif not part.get("thought"):
                    text += part.get("text") or ""
            self._finish = candidate.get("finishReason") or self._finish
        if (piece.get("promptFeedback") or {}).get("blockReason"):
            self._finish = "SAFETY"
        if piece.get("usageMetadata"):
            self._usage = usage_or_none(lambda: _usage(piece["usageMetadata"]))
        self._text.append(text)
        return text

    def reply(self) -> Reply:
        """The whole."""
        if self._finish is None:
            raise ValueError("the stream ended early")
        stop: Stop = "tools" if self._calls else _STOPS.get(self._finish, "refused")
        return Reply(text="".join(self._text), stop=stop, calls=tuple(self._calls), usage=self._usage)


def _content(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    if message.role == "tool":
        answer = {"name": names.get(message.call_id, ""), "response": {"result": message.text}}
        return {"role": "user", "parts": [{"functionResponse": answer}]}
    parts: list[dict[str, Any]] = [{"text": message.text}] if message.text else []
    parts += [{"functionCall": {"name": call.name, "args": call.arguments}} for call in message.calls]
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _usage(usage: Mapping[str, Any]) -> Usage:
    cached = counted(usage, "cachedContentTokenCount")
    whole = needed(usage, "promptTokenCount") + counted(usage, "toolUsePromptTokenCount")
    thoughts = counted(usage, "thoughtsTokenCount")
    return Usage(
        input=max(whole - cached, 0),
        cache_read=min(cached, whole),
        output=counted(usage, "candidatesTokenCount") + thoughts,
        reasoning=thoughts,
    )
