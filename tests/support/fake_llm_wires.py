"""The four wires as providers speak them, from their documentation: requests read, answers and streams made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass
class Asked:
    """A request: ``tool`` is the tool to be called, if the last message asks for it."""

    model: str
    text: str
    max_tokens: int
    stream: bool
    tool: str | None


@dataclass
class Made:
    """An answer. ``input`` includes ``cache_write``; ``usage`` says whether it is told."""

    model: str
    text: str
    tool: str | None
    arguments: dict[str, Any]
    input: int
    cache_write: int
    output: int
    usage: bool


class WireSide(Protocol):
    def read(self, path: str, body: dict[str, Any]) -> Asked: ...
    def whole(self, made: Made) -> dict[str, Any]: ...
    def chunks(self, made: Made) -> list[bytes]: ...
    def error(self, name: str) -> dict[str, Any]: ...


ARGUMENTS = {"query": "tide"}


def _asks_for_tool(body: dict[str, Any], names: list[str]) -> str | None:
    """Whoever writes CALL TOOL in the last message gets a call of the first tool."""
    last = json.dumps((body.get("messages") or body.get("contents"))[-1])
    return names[0] if names and "CALL TOOL" in last else None


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [text[:middle], text[middle:]]


def _sse(*events: dict[str, Any], named: bool = False) -> list[bytes]:
    return [(f"event: {e['type']}\n" if named else "").encode() + f"data: {json.dumps(e)}\n\n".encode() for e in events]


class Anthropic:
    def read(self, path: str, body: dict[str, Any]) -> Asked:
        tool = _asks_for_tool(body, [tool["name"] for tool in body.get("tools", [])])
        return Asked(body["model"], json.dumps(body), body["max_tokens"], body.get("stream", False), tool)

    def _usage(self, made: Made, output: int) -> dict[str, Any]:
        return {
            "input_tokens": made.input - made.cache_write,
            "cache_creation_input_tokens": made.cache_write,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
        }

    def _block(self, made: Made) -> dict[str, Any]:
        if made.tool:
            return {"type": "tool_use", "id": "toolu_1", "name": made.tool, "input": made.arguments}
        return {"type": "text", "text": made.text}

    def whole(self, made: Made) -> dict[str, Any]:
        answer = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": made.model,
            "content": [self._block(made)],
            "stop_reason": "tool_use" if made.tool else "end_turn",
            "stop_sequence": None,
        }
        return answer | ({"usage": self._usage(made, made.output)} if made.usage else {})

    def chunks(self, made: Made) -> list[bytes]:
        start = {**self.whole(made), "content": [], "stop_reason": None}
        block = self._block(made)
        if made.usage:
            start["usage"] = self._usage(made, 1)
        if made.tool:
            empty = {**block, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": part} for part in _halves(json.dumps(made.arguments))
            ]
        else:
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": part} for part in _halves(made.text)]
        end: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use" if made.tool else "end_turn", "stop_sequence": None},
        }
        if made.usage:
            end["usage"] = {"output_tokens": made.output}
        return _sse(
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            end,
            {"type": "message_stop"},
            named=True,
        )

    def error(self, name: str) -> dict[str, Any]:
        kind = {"429": "rate_limit_error", "429-cap": "rate_limit_error", "529": "overloaded_error"}.get(
            name, "api_error"
        )
        details = {"details": {"error_code": "enforced_spend_limit_reached"}} if name == "429-cap" else {}
        return {"type": "error", "error": {"type": kind, "message": f"fake {name}", **details}}


class OpenAI:
    def read(self, path: str, body: dict[str, Any]) -> Asked:
        tool = _asks_for_tool(body, [tool["function"]["name"] for tool in body.get("tools", [])])
        most = body.get("max_completion_tokens") or body.get("max_tokens") or 16
        told = (body.get("stream_options") or {}).get("include_usage")
        assert not body.get("stream") or told, "a stream without include_usage is never told its usage"
        return Asked(body["model"], json.dumps(body), most, body.get("stream", False), tool)

    def _usage(self, made: Made) -> dict[str, Any]:
        total = made.input + made.output
        return {"prompt_tokens": made.input, "completion_tokens": made.output, "total_tokens": total}

    def _calls(self, made: Made, arguments: str) -> list[dict[str, Any]]:
        return [{"id": "call_1", "type": "function", "function": {"name": made.tool, "arguments": arguments}}]

    def whole(self, made: Made) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None if made.tool else made.text}
        if made.tool:
            message["tool_calls"] = self._calls(made, json.dumps(made.arguments))
        finish = "tool_calls" if made.tool else "stop"
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": made.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        }
        return answer | ({"usage": self._usage(made)} if made.usage else {})

    def chunks(self, made: Made) -> list[bytes]:
        def piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
            return {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": made.model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }

        if made.tool:
            first, second = _halves(json.dumps(made.arguments))
            deltas = [
                {"tool_calls": [{"index": 0, **self._calls(made, first)[0]}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": second}}]},
            ]
        else:
            deltas = [{"content": part} for part in _halves(made.text)]
        events = [piece({"role": "assistant", "content": ""}), *map(piece, deltas)]
        events.append(piece({}, "tool_calls" if made.tool else "stop"))
        if made.usage:
            events.append({**piece({}), "choices": [], "usage": self._usage(made)})
        return [*_sse(*events), b"data: [DONE]\n\n"]

    def error(self, name: str) -> dict[str, Any]:
        code = "insufficient_quota" if name == "429-cap" else "error"
        return {"error": {"message": f"fake {name}", "type": code, "code": code}}


class Gemini:
    def read(self, path: str, body: dict[str, Any]) -> Asked:
        model = path.split("/models/")[1].split(":")[0]
        declared = [d["name"] for tool in body.get("tools", []) for d in tool["functionDeclarations"]]
        most = body["generationConfig"]["maxOutputTokens"]
        return Asked(model, json.dumps(body), most, "stream" in path, _asks_for_tool(body, declared))

    def _piece(self, made: Made, part: dict[str, Any], finish: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        piece: dict[str, Any] = {"candidates": [candidate], "modelVersion": made.model}
        if made.usage:
            output = made.output if finish else 1
            piece["usageMetadata"] = {
                "promptTokenCount": made.input,
                "candidatesTokenCount": output - output // 3,
                "thoughtsTokenCount": output // 3,
                "totalTokenCount": made.input + output,
            }
        return piece

    def whole(self, made: Made) -> dict[str, Any]:
        part = {"functionCall": {"name": made.tool, "args": made.arguments}} if made.tool else {"text": made.text}
        return self._piece(made, part, "STOP")

    def chunks(self, made: Made) -> list[bytes]:
        if made.tool:
            return _sse(self._piece(made, {"text": ""}, None), self.whole(made))
        first, second = _halves(made.text)
        return _sse(self._piece(made, {"text": first}, None), self._piece(made, {"text": second}, "STOP"))

    def error(self, name: str) -> dict[str, Any]:
        return {"error": {"code": int(name[:3]), "message": f"fake {name}", "status": "RESOURCE_EXHAUSTED"}}


class Ollama:
    def read(self, path: str, body: dict[str, Any]) -> Asked:
        tool = _asks_for_tool(body, [tool["function"]["name"] for tool in body.get("tools", [])])
        most = body.get("options", {}).get("num_predict", 128)
        return Asked(body["model"], json.dumps(body), most, body.get("stream", True), tool)

    def _piece(self, made: Made, message: dict[str, Any], *, done: bool) -> dict[str, Any]:
        piece: dict[str, Any] = {
            "model": made.model,
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "", **message},
            "done": done,
        }
        if done:
            piece["done_reason"] = "stop"
            if made.usage:
                piece |= {"prompt_eval_count": made.input, "eval_count": made.output, "total_duration": 1}
        return piece

    def _said(self, made: Made) -> list[dict[str, Any]]:
        if made.tool:
            return [{"tool_calls": [{"function": {"name": made.tool, "arguments": made.arguments}}]}]
        return [{"content": part} for part in _halves(made.text)]

    def whole(self, made: Made) -> dict[str, Any]:
        said = self._said(made)[0] if made.tool else {"content": made.text}
        return self._piece(made, said, done=True)

    def chunks(self, made: Made) -> list[bytes]:
        pieces = [self._piece(made, said, done=False) for said in self._said(made)]
        return [json.dumps(piece).encode() + b"\n" for piece in [*pieces, self._piece(made, {}, done=True)]]

    def error(self, name: str) -> dict[str, Any]:
        return {"error": f"fake {name}"}


WIRES: dict[str, WireSide] = {
    "/v1/messages": Anthropic(),
    "/v1beta/models/": Gemini(),
    "/chat/completions": OpenAI(),
    "/api/chat": Ollama(),
}
