"""What an agent has before it: its task and what happened since, within the window of a model.

Nothing is lost, things only move. When the whole passes ``CLEAR_AT`` of the window, the oldest results of tools make
place down to ``CLEAR_TO``, each for a line with its reference. Where that is not enough, the oldest turns are
told in a summary, and their whole text is kept by reference too. Near the end of the window (``ROTATE_AT``) the
conversation begins anew with the task, the notes, the summary and the last turn.

Between these steps no message changes, because providers cache the beginning of a prompt and every change there is
paid for: hence down to a low mark at once, and not a little each turn. A call and its results are one turn, which
stays or goes as a whole. (The marks follow Anthropic's context editing, "clear_tool_uses", 2025.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from services.worker.llm.request import Message, Reply, Tool, Usage
from services.worker.llm.results import Results
from shared.errors import InputError, ModelUnavailable
from shared.telemetry import logs

CLEAR_AT, CLEAR_TO, ROTATE_AT = 0.70, 0.40, 0.85
#: Turns at the end that stay as they are, unless the window is nearly full.
LAST_TURNS = 2
#: A result longer than this share of the window is shown only in its beginning.
MOST_OF_ONE = 0.15
#: Bytes a token has at least, by experience with many scripts; what a provider counts corrects it.
BYTES_A_TOKEN = 3.0
#: A summary's share of the window at most.
MOST_OF_SUMMARY = 0.10

Step = Literal["cleared", "summarised", "rotated"]
#: Tells turns in few words. ``most`` is in characters. May raise ModelUnavailable.
Summarise = Callable[[str, int], Awaitable[str]]

_RECALL = "read it with recall"


class Fitted(msgspec.Struct, frozen=True):
    """What was done to make it fit, in order, and tokens before and after (as estimated)."""

    steps: tuple[Step, ...]
    before: int
    after: int


class _Turn(msgspec.Struct):
    """Messages that stay together; ``references`` of their results, by place."""

    messages: list[Message]
    references: dict[int, str] = {}

    @property
    def open(self) -> set[str]:
        """Calls without a result."""
        calls = {call.id for message in self.messages for call in message.calls}
        return calls - {message.call_id for message in self.messages}


class Context:
    """One agent's run. ``window`` is in tokens: what a model reads, less what it is to write."""

    def __init__(
        self,
        task: str,
        *,
        window: int,
        results: Results,
        summarise: Summarise,
        system: str = "",
        tools: tuple[Tool, ...] = (),
    ) -> None:
        self.system, self.tools = system, tools
        self._task, self._window, self._results, self._summarise = task, window, results, summarise
        self._notes: list[str] = []
        self._summary = ""
        self._turns: list[_Turn] = []
        self._ratio = 1.0 / BYTES_A_TOKEN
        self._fixed = len(system.encode()) + sum(len(msgspec.json.encode(tool)) for tool in tools)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What to ask with. Each call is followed by its results."""
        first = Message(role="user", text=self._head())
        return (first, *(message for turn in self._turns for message in turn.messages))

    @property
    def tokens(self) -> int:
        """Of all of it, as estimated."""
        size = self._fixed + sum(_bytes(message) for message in self.messages)
        return round(size * self._ratio)

    def note(self, fact: str) -> None:
        """Keep ``fact`` word by word, whatever happens to the turn in which it came up."""
        if fact not in self._notes:
            self._notes.append(fact)

    def say(self, text: str) -> None:
        """A person's words."""
        self._close()
        self._turns.append(_Turn([Message(role="user", text=text)]))

    def answer(self, reply: Reply) -> None:
        """The model's words; results of its calls belong to them."""
        self._close()
        self._turns.append(_Turn([Message(role="assistant", text=reply.text, calls=reply.calls)]))

    async def result(self, call_id: str, name: str, text: str) -> str:
        """What the call ``call_id`` of the tool ``name`` gave; its reference. Raises StoreUnavailable.

        ValueError if the last turn did not call so.
        """
        turn = self._turns[-1] if self._turns else _Turn([])
        if call_id not in turn.open:
            raise ValueError(f"nobody waits for a result of {call_id!r}")
        reference = await self._results.keep(name, text)
        most = round(self._window * MOST_OF_ONE / self._ratio)
        turn.references[len(turn.messages)] = reference
        turn.messages.append(Message(role="tool", text=_shown(reference, text, most), call_id=call_id))
        return reference

    def learn(self, usage: Usage) -> None:
        """Correct the estimate by what a provider counted for the messages as they are."""
        size = self._fixed + sum(_bytes(message) for message in self.messages)
        if usage.whole_input > 0 and size > 0:
            # Never below what was seen: too many tokens are refused, too few only cost room.
            self._ratio = max(usage.whole_input / size, self._ratio * 0.9)

    async def fit(self) -> Fitted:
        """Make place where it is needed; before each question.

        Raises StoreUnavailable, and InputError for a task, notes and a last turn that fill the window alone.
        """
        self._close()
        before, steps = self.tokens, list[Step]()
        if before > CLEAR_AT * self._window:
            if self._clear():
                steps.append("cleared")
            if self.tokens > CLEAR_AT * self._window and await self._tell(LAST_TURNS):
                steps.append("summarised")
            if self.tokens > ROTATE_AT * self._window and await self._tell(1):
                steps.append("rotated")
            if self.tokens > ROTATE_AT * self._window and self._clear(last=0):
                steps.append("cleared")
        after = self.tokens
        if after > self._window:
            raise InputError(
                "This is too much for a language model at once.",
                why=f"Task, notes and the last turn are some {after:,} tokens; {self._window:,} fit.",
                do="Ask for less, or in parts.",
            )
        if steps:
            logs.get(__name__).info("llm_context_fitted", steps=steps, before=before, after=after)
        return Fitted(tuple(steps), before, after)

    def _close(self) -> None:
        """Give calls that nobody will answer any more a result: no provider takes a call without one."""
        if self._turns:
            turn = self._turns[-1]
            for message in [message for message in turn.messages if message.calls]:
                for call in message.calls:
                    if call.id in turn.open:
                        turn.messages.append(
                            Message(role="tool", text="[No result: the call was interrupted.]", call_id=call.id)
                        )

    def _clear(self, last: int = LAST_TURNS) -> bool:
        """Results, the oldest first, make place until the low mark; whether any did."""
        cleared = False
        for turn in self._turns[: len(self._turns) - last]:
            for place, reference in turn.references.items():
                if self.tokens <= CLEAR_TO * self._window:
                    return cleared
                message = turn.messages[place]
                short = f"[Result {reference} was here, {len(message.text):,} characters; {_RECALL}.]"
                if len(short) < len(message.text):
                    turn.messages[place] = msgspec.structs.replace(message, text=short)
                    cleared = True
        return cleared

    async def _tell(self, last: int) -> bool:
        """Put all but the ``last`` turns into the summary; whether there were any."""
        told = self._turns[: len(self._turns) - last]
        if not told:
            return False
        whole = "\n\n".join([*([self._summary] if self._summary else []), *map(_written, told)])
        reference = await self._results.keep("earlier", whole)
        most = round(self._window * MOST_OF_SUMMARY / self._ratio)
        try:
            summary = (await self._summarise(whole, most))[:most]
        except ModelUnavailable:
            summary = _extract(whole, most)
        self._summary = f"{summary.strip()}\n[The whole of it is result {reference}; {_RECALL}.]"
        self._turns = self._turns[len(told) :]
        return True

    def _head(self) -> str:
        parts = [self._task]
        # Notes stand here once the turns that they came up in may be gone: until then nothing changes here.
        if self._summary:
            if self._notes:
                parts.append("Notes:\n" + "\n".join(f"- {note}" for note in self._notes))
            parts.append(f"What happened before:\n{self._summary}")
        return "\n\n".join(parts)


def _bytes(message: Message) -> int:
    calls = sum(len(msgspec.json.encode(call)) for call in message.calls)
    return len(message.text.encode(errors="surrogatepass")) + calls + len(message.call_id) + 12


def _shown(reference: str, text: str, most: int) -> str:
    """``text``, or as much of it as fits into ``most`` bytes, and where the rest is."""
    encoded = text.encode(errors="surrogatepass")
    if len(encoded) <= most:
        return text
    beginning = encoded[:most].decode(errors="ignore")
    return f"{beginning}\n[{len(beginning):,} of {len(text):,} characters; the whole is result {reference}, {_RECALL}.]"


def _written(turn: _Turn) -> str:
    """A turn as text, calls and references included."""
    lines = []
    for place, message in enumerate(turn.messages):
        reference = turn.references.get(place)
        who = f"result {reference}" if reference else message.role
        calls = "".join(
            f"\n  called {call.name} {msgspec.json.encode(call.arguments).decode()}" for call in message.calls
        )
        lines.append(f"{who}: {message.text}{calls}")
    return "\n".join(lines)


def _extract(text: str, most: int) -> str:
    """The beginnings of its lines, shorter until all fit: what is told without a model."""
    lines = [line for line in text.splitlines() if line.strip()]
    for width in (240, 160, 100, 60, 30):
        short = [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
        if sum(map(len, short)) + len(short) <= most:
            return "\n".join(short)
    half = max(most // 2, 1)
    return text[:half] + "\n…\n" + text[-half:]
