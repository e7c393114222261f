"""A provider of language models that keeps its own bill, speaks four wires, and misbehaves on command.

``python -m tests.support.fake_llm`` serves on a port that it prints. ``POST /control`` sets what happens next,
``GET /bill`` tells every attempt it saw and what it charged for it. Nothing here knows of our prices or our ledger:
tokens are counted and charged as a provider would, whether or not the answer arrives.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support.fake_llm_wires import ARGUMENTS, WIRES, Made

#: Nano-dollars a token by model: (input, output, cache write). Others cost the last.
PRICES: dict[str, tuple[int, int, int]] = {"": (1_000, 5_000, 1_250)}
#: What is answered at once, and not charged.
REFUSALS = {"400", "401", "429", "429-cap", "529"}
_WORD = re.compile(r"\w+|[^\w\s]")
#: A text, or a tool and its arguments.
Play = str | tuple[str, dict[str, Any]]


class FakeProvider:
    """``script`` is what the next attempts get, in turn; then ``mix``, drawn by weight with ``seed``.

    ``always`` is what a model does, whatever else is said. ``plays`` are answers to who is offered tools, by how often
    the model has spoken before: a text, or a tool and its arguments; the last one for ever. ``casts`` are plays for
    those whose system prompt has these words. ``obeys`` is a model that does what the answers of its tools tell it to:
    for each name of a tool that stands there after DO, it calls that.
    """

    def __init__(self) -> None:
        self.reset({})

    def reset(self, control: dict[str, Any]) -> None:
        self.script: list[str] = list(control.get("script", []))
        self.mix: dict[str, float] = control.get("mix", {"ok": 1.0})
        self.always: dict[str, str] = control.get("always", {})
        self.prices = {**PRICES, **{name: tuple(price) for name, price in control.get("prices", {}).items()}}
        self.delay: tuple[float, float] = tuple(control.get("delay", (0.0, 0.0)))  # type: ignore[assignment]
        self.say: str | None = control.get("say")
        #: Tokens of an answer: all that are allowed, or a share of them drawn between these.
        self.share: tuple[float, float] = tuple(control.get("share", (0.1, 1.0)))  # type: ignore[assignment]
        self.plays: list[Play] = control.get("plays", [])
        self.casts: dict[str, list[Play]] = control.get("casts", {})
        self.obeys: dict[str, dict[str, Any]] = control.get("obeys", {})
        self.chance = random.Random(control.get("seed", 0))
        self.attempts: list[dict[str, Any]] = []
        self.flying, self.most_flying = 0, 0

    @property
    def bill(self) -> int:
        """Nano-dollars charged so far."""
        return sum(attempt["nano"] for attempt in self.attempts)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        headers = dict(re.findall(r"(?m)^([^:\r\n]+):[ \t]*(.*?)\r?$", head.lower()))
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path == "/bill":
            _send(writer, 200, {"nano": self.bill, "attempts": self.attempts, "most_flying": self.most_flying})
        elif path == "/control":
            self.reset(json.loads(body))
            _send(writer, 200, {})
        elif method == "POST":
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
            try:
                return await self._attempt(path, body, headers, writer)
            finally:
                self.flying -= 1
        else:
            _send(writer, 404, {})
        await writer.drain()
        return True

    async def _attempt(self, path: str, body: bytes, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        wire = next(wire for mark, wire in WIRES.items() if mark in path)
        asked = wire.read(path, json.loads(body))
        behaviour = self.always.get(asked.model) or (self.script.pop(0) if self.script else self._draw())
        name, _, detail = behaviour.partition(":")
        attempt = {"model": asked.model, "behaviour": behaviour, "stream": asked.stream, "max": asked.max_tokens}
        attempt |= {"body": json.loads(body), "nano": 0, "chunks": 0, "headers": headers}
        self.attempts.append(attempt)
        if name in REFUSALS:
            after = {"retry-after": detail} if detail else {}
            _send(writer, int(name[:3]), wire.error(name), after)
            await writer.drain()
            return True
        made = self._make(asked, name, attempt["body"])
        attempt["nano"] = self._charge(asked.model, made)
        attempt |= {"input": made.input, "output": made.output}
        if name == "slow":
            await asyncio.sleep(float(detail))
        elif self.delay[1]:
            await asyncio.sleep(self.chance.uniform(*self.delay))
        if name == "reset":
            writer.transport.abort()
            return False
        if name in ("500", "503"):
            _send(writer, int(name), wire.error(name))
        elif name == "garbage":
            _raw(writer, 200, b'{"this is": "no answer", ')
        elif asked.stream:
            return await self._stream(wire.chunks(made), name, detail, attempt, writer)
        else:
            whole = json.dumps(wire.whole(made)).encode()
            if name == "cut":
                _raw(writer, 200, whole, cut=len(whole) // 2)
                await writer.drain()
                writer.transport.abort()
                return False
            _raw(writer, 200, whole)
        await writer.drain()
        return True

    async def _stream(
        self, chunks: list[bytes], name: str, detail: str, attempt: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        attempt["chunks"] = len(chunks)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number, chunk in enumerate(chunks):
            if name == "cut" and number == int(detail):
                await writer.drain()
                writer.transport.abort()
                return False
            if name == "dribble":
                await asyncio.sleep(float(detail))
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _make(self, asked: Any, name: str, body: dict[str, Any]) -> Made:
        words = len(_WORD.findall(asked.text)) + 8
        output = max(int(asked.max_tokens * self.chance.uniform(*self.share)), 1)
        if name == "over-max":
            output = asked.max_tokens * 1_000
        text = self.say if self.say is not None else " ".join("word" for _ in range(min(output, 12)))
        tool, arguments = asked.tool, ARGUMENTS
        play = self.play(body.get("messages", [])) if body.get("tools") else None
        if isinstance(play, str):
            text, tool = play, None
        elif play:
            tool, arguments = play
        written = words if name == "cache-write" else 0
        return Made(
            model=asked.model,
            text=text,
            tool=tool,
            arguments=arguments,
            input=words,
            cache_write=written,
            output=output,
            usage=name != "no-usage",
        )

    def play(self, messages: list[dict[str, Any]]) -> Play | None:
        """What the model does that is offered tools; nothing where no play was set."""
        if not (self.plays or self.casts):
            return None
        spoken = [message for message in messages if message["role"] == "assistant"]
        asked_for = re.findall(r"DO (\w+)", json.dumps([m for m in messages if m["role"] != "assistant"]))
        called = {call["function"]["name"] for message in spoken for call in message.get("tool_calls", [])}
        for name in asked_for:
            if name in self.obeys and name not in called:
                return name, self.obeys[name]
        cast = next((plays for words, plays in self.casts.items() if words in str(messages[0]["content"])), self.plays)
        if self.obeys and spoken:
            return cast[-1]
        return cast[min(len(spoken), len(cast) - 1)]

    def _charge(self, model: str, made: Made) -> int:
        read, write, cache = self.prices.get(model, self.prices[""])
        return (made.input - made.cache_write) * read + made.cache_write * cache + made.output * write

    def _draw(self) -> str:
        return self.chance.choices(list(self.mix), list(self.mix.values()))[0]


def _send(writer: asyncio.StreamWriter, status: int, body: object, headers: dict[str, str] | None = None) -> None:
    _raw(writer, status, json.dumps(body).encode(), headers)


def _raw(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    cut: int | None = None,
) -> None:
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:cut])


class Fake:
    """The provider as a test sees it: in a thread of this process, or elsewhere at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def control(self, **control: Any) -> None:
        """Forget everything and behave so from now on."""
        self._client.post("/control", json=control).raise_for_status()

    def seen(self) -> dict[str, Any]:
        """``nano`` charged, and the ``attempts``."""
        return self._client.get("/bill").raise_for_status().json()  # type: ignore[no-any-return]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        return self.seen()["attempts"]  # type: ignore[no-any-return]

    @property
    def bill(self) -> int:
        return int(self.seen()["nano"])

    def close(self) -> None:
        self._client.close()


@contextmanager
def fake_llm(provider: FakeProvider | None = None) -> Iterator[Fake]:
    """A provider in a thread."""
    loop = asyncio.new_event_loop()
    provider = provider or FakeProvider()
    server = loop.run_until_complete(asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=2**24))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fake = Fake(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield fake
    finally:
        fake.close()
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(_end, loop)
        thread.join(5)
        loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_later(0.05, loop.stop)


async def serve(provider: FakeProvider, told: Callable[[int], str] = str) -> None:
    """On a free port until the process ends. The first line printed tells the port."""
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=2**24)
    sys.stdout.write(f"{told(server.sockets[0].getsockname()[1])}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(FakeProvider()))
