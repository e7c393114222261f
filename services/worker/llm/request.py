"""What is asked of a language model and what comes back, in no provider's form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from shared.schemas.base import Schema

#: What a request needs of a model, from little to much.
Kind = Literal["simple", "analysis", "tools", "reasoning"]
#: Who waits for it: a person, a run, nobody.
Priority = Literal["interactive", "pipeline", "background"]
Stop = Literal["end", "length", "tools", "refused"]

#: What is wrong with a text that was asked for, or ``None``.
Contract = Callable[["Reply"], str | None]
#: Told each piece of text as it comes. Must not raise.
Told = Callable[[str], None]


class Listener(Protocol):
    """Hears an answer as it is written. Must not raise."""

    def begin(self, model: str) -> None:
        """``model`` begins to answer; what was heard before is void."""

    def text(self, piece: str) -> None:
        """The next piece."""


class Tool(Schema, frozen=True, kw_only=True):
    """A function the model may ask for; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolCall(Schema, frozen=True, kw_only=True):
    """The model asks for ``name`` to be called."""

    id: str
    name: str
    arguments: dict[str, Any]


class Message(Schema, frozen=True, kw_only=True):
    """One turn. A "tool" message answers the call ``call_id``; ``calls`` are those of an assistant."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


class Request(Schema, frozen=True, kw_only=True):
    """One question. ``least_tokens`` is what an answer needs at least where money is short."""

    agent: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    max_tokens: int = 1024
    least_tokens: int = 256
    temperature: float | None = None
    #: Ask the provider to cache what does not change (system and tools), where it can.
    cached: bool = False
    kind: Kind | None = None
    priority: Priority = "pipeline"
    tenant: str = ""
    run: UUID | None = None
    #: Values of the places in the prompt, which the model does not see (``places``).
    places: dict[str, str] = {}
    #: Ask anew, whatever was answered before.
    fresh: bool = False
    #: Ask nobody: the answer of before, or none.
    only_kept: bool = False


class Usage(Schema, frozen=True, kw_only=True):
    """Tokens a provider says it used. ``input`` leaves out what was read from or written to its cache.

    ``output`` includes ``reasoning``. ``searches`` are uses of tools that run at the provider.
    """

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    reasoning: int = 0
    searches: int = 0

    @property
    def whole_input(self) -> int:
        """All tokens of the prompt, however they are priced."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_hour


class Reply(Schema, frozen=True, kw_only=True):
    """What one attempt brought. Without ``usage`` its cost is not known."""

    text: str
    stop: Stop
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None


class Answer(Schema, frozen=True, kw_only=True):
    """A reply, who gave it and what all attempts for it cost together."""

    reply: Reply
    model: str
    tier: str
    reason: str
    attempts: int
    cost_nano_usd: int
    #: It was answered before, and cost nothing now.
    cached: bool = False


def essence(request: Request) -> bytes:
    """What an answer depends on, as bytes: the same for the same question. What a cache's key is made of."""
    return msgspec.json.encode(
        (
            request.tenant,
            request.system,
            request.tools,
            request.messages,
            request.max_tokens,
            request.temperature,
            request.kind,
        ),
        order="deterministic",
    )
