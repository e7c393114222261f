"""Every provider over its true wire: what is asked, what is answered, and what each failure means for the bill."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from services.worker.llm.open import make_provider
from services.worker.llm.providers.base import Provider, ProviderFailed
from services.worker.llm.request import Message, Reply, Request, Tool, ToolCall
from tests.support.fake_llm import Fake
from tests.support.llm import request, settings

#: litellm's models make pydantic remark on their types.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydantic")

WIRES = ("anthropic", "gemini", "openai", "ollama", "litellm")
MODELS = {"litellm": "openai/small"}
TOOL = Tool(
    name="search",
    description="Search posts.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
by_wire = pytest.mark.parametrize("wire", WIRES)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(fake: Fake | str, wire: str, asked: Request, *, stream: bool = False, seconds: float = 10) -> tuple[Reply, str]:
    """The reply, and the text as it was heard."""
    heard: list[str] = []

    async def play() -> Reply:
        url = fake if isinstance(fake, str) else fake.url
        provider: Provider = make_provider(wire, settings(fake=url))
        try:
            await provider.ready()
            prepared = provider.prepare(MODELS.get(wire, "small"), asked, asked.max_tokens, stream=stream)
            assert len(prepared.body) > 50
            return await provider.send(prepared, heard.append if stream else None, seconds)
        finally:
            await provider.close()

    return asyncio.run(play()), "".join(heard)


def failure(fake: Fake | str, wire: str, *, stream: bool = False, seconds: float = 10) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as caught:
        ask(fake, wire, request(), stream=stream, seconds=seconds)
    return caught.value


@by_wire
@streamed
def test_an_answer_comes_with_its_text_and_exactly_the_tokens_that_are_charged(
    fake: Fake, wire: str, stream: bool
) -> None:
    fake.control(say="High at noon. 満潮")
    reply, heard = ask(fake, wire, request(system="Be short.", temperature=0.2), stream=stream)
    assert reply.text == "High at noon. 満潮"
    assert heard == (reply.text if stream else "")
    assert reply.stop == "end"
    [attempt] = fake.attempts
    assert reply.usage is not None
    assert (reply.usage.whole_input, reply.usage.output) == (attempt["input"], attempt["output"])
    assert attempt["max"] == 200
    assert attempt["stream"] is (stream and wire != "litellm")


@by_wire
@streamed
def test_a_tool_is_asked_for_and_its_answer_goes_back(fake: Fake, wire: str, stream: bool) -> None:
    reply, _ = ask(fake, wire, request("CALL TOOL", tools=(TOOL,)), stream=stream)
    assert reply.stop == "tools"
    [call] = reply.calls
    assert (call.name, call.arguments) == ("search", {"query": "tide"})
    turns = (
        Message(role="user", text="CALL TOOL"),
        Message(role="assistant", text="", calls=(call, ToolCall(id="second", name="search", arguments={}))),
        Message(role="tool", call_id=call.id, text="Three posts."),
        Message(role="tool", call_id="second", text="No post."),
    )
    reply, _ = ask(fake, wire, Request(agent="scout", messages=turns, tools=(TOOL,), max_tokens=50), stream=stream)
    assert reply.stop == "end"
    assert "Three posts." in str(fake.attempts[-1]["body"])


@by_wire
@streamed
@pytest.mark.parametrize(
    ("behaviour", "expected", "billed"),
    [
        ("400", "rejected", False),
        ("429", "limited", False),
        ("429:7", "limited", False),
        ("529", "overloaded", False),
        ("500", "broken", True),
        ("503", "broken", True),
        ("garbage", "broken", True),
        ("reset", "broken", True),
        ("cut:1", "broken", True),
    ],
)
def test_failures_mean_the_same_on_every_wire(
    fake: Fake, wire: str, stream: bool, behaviour: str, expected: str, billed: bool
) -> None:
    fake.control(script=[behaviour])
    failed = failure(fake, wire, stream=stream)
    assert (failed.failure, failed.billed) == (expected, billed), failed.said
    assert failed.retry_after == (7.0 if behaviour == "429:7" else None)
    assert len(fake.attempts) == 1, "nobody but the gateway tries again"
    assert billed or fake.bill == 0
    assert "secret" not in str(failed)


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_the_accounts_own_limit_is_told_from_a_busy_provider(fake: Fake, wire: str) -> None:
    fake.control(script=["429-cap"])
    assert failure(fake, wire).failure == "spend_cap"


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "openai", "ollama"])
def test_a_stream_that_is_cut_at_any_piece_has_no_usage_to_believe(fake: Fake, wire: str) -> None:
    ask(fake, wire, request(), stream=True)
    chunks = fake.attempts[-1]["chunks"]
    assert chunks >= 2
    for cut in range(chunks):
        fake.control(script=[f"cut:{cut}"])
        if cut < chunks - 2:
            assert failure(fake, wire, stream=True).billed, cut
            continue
        with contextlib.suppress(ProviderFailed):  # perhaps only what comes after the whole answer was cut off
            usage = ask(fake, wire, request(), stream=True)[0].usage
            assert usage is None or usage.output == fake.attempts[-1]["output"]


@by_wire
@streamed
def test_usage_that_is_missing_is_not_taken_for_nothing(fake: Fake, wire: str, stream: bool) -> None:
    fake.control(script=["no-usage"])
    reply, _ = ask(fake, wire, request(), stream=stream)
    told = reply.usage
    # Ollama costs nothing, and says nothing where it has counted nothing.
    assert told is None or (wire == "ollama" and told.whole_input == 0)


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "openai", "ollama"])
@streamed
def test_a_provider_that_is_slow_is_given_up_in_time(fake: Fake, wire: str, stream: bool) -> None:
    fake.control(script=["slow:3"])
    failed = failure(fake, wire, stream=stream, seconds=0.2)
    assert (failed.failure, failed.billed) == ("timeout", True)


@by_wire
def test_a_provider_that_cannot_be_reached_has_cost_nothing(wire: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failed = failure(f"http://127.0.0.1:{port}", wire)
    assert (failed.failure, failed.billed) == ("connect", False), failed.said


def test_claude_is_asked_to_cache_what_does_not_change_at_the_standard_price(fake: Fake) -> None:
    ask(fake, "anthropic", request(system="Be short.", tools=(TOOL,), cached=True))
    body = fake.attempts[-1]["body"]
    mark = {"type": "ephemeral", "ttl": "5m"}
    assert body["system"][-1]["cache_control"] == body["tools"][-1]["cache_control"] == mark
    assert body["service_tier"] == "standard_only"
    fake.control(script=["cache-write"])
    reply, _ = ask(fake, "anthropic", request(cached=True))
    assert reply.usage is not None
    assert reply.usage.cache_write == reply.usage.whole_input > 0


@pytest.mark.parametrize(
    ("wire", "header"), [("gemini", "x-goog-api-key"), ("anthropic", "authorization"), ("openai", "authorization")]
)
def test_keys_are_sent_in_headers(fake: Fake, wire: str, header: str) -> None:
    ask(fake, wire, request())
    assert f"{wire}-secret" in fake.attempts[-1]["headers"].get(header, ""), fake.attempts[-1]["headers"]
