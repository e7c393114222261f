"""The loop of an agent: ask a model and do what it asks for, within limits, until it hands in its findings.

Everything that counts goes through ``Steps``; a run that is taken over comes here again and finds what was done. So
what is put into the context depends on nothing but the steps' results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec

from services.worker.agents import outputs, prompt, python_tool
from services.worker.agents.charts import Drawn, NoChart, draw
from services.worker.agents.definition import Agent
from services.worker.agents.evidence import Evidence
from services.worker.agents.kept import RunResults
from services.worker.agents.operations import Known
from services.worker.agents.python_tool import PYTHON
from services.worker.agents.steps import Diverged, Steps, Told
from services.worker.llm.context import Context
from services.worker.llm.pricing import dollars
from services.worker.llm.request import Reply, Request, ToolCall
from services.worker.pipelines.plain_text import excerpt
from services.worker.sandbox.box import Box
from shared.errors import InputError, ModelUnavailable, NotFound
from shared.store import instructions
from shared.store.agent_steps import AskedRow
from shared.store.database import Database

#: Tokens of a window that every model we ask has, less what is written.
WINDOW = 60_000
ANSWER_TOKENS, LEAST_TOKENS = 4_000, 800
#: Calls of one answer that are made; the rest is refused.
MOST_CALLS = 8
#: Answers that hold nothing to do, or a broken contract, before we go without the model.
MOST_BROKEN = 2
#: Topics that are looked into where no model chooses.
MOST_TOPICS = 3
#: Tools of our own cost no step, so they are bounded by themselves.
MOST_OWN = 200


class Outcome(msgspec.Struct, frozen=True):
    """What came out: what was accepted and who wrote it, or why nothing was."""

    accepted: outputs.Accepted | None
    models: tuple[str, ...]
    why: str
    #: Why what was handed in was not accepted, try by try.
    broken: tuple[str, ...] = ()


class AgentLoop:
    """One run. ``evidence`` is what it has seen, also after ``work`` gave nothing; ``gathered`` are the calls that
    ``gather`` made, and ``drawn`` is what it drew of them.

    ``given`` is what an earlier stage of a pipeline hands over (``prompt.given``), with its ``evidence``; ``box`` is
    the sandbox for those that calculate.
    """

    def __init__(
        self,
        database: Database,
        agent: Agent,
        run: UUID,
        asked: AskedRow,
        steps: Steps,
        *,
        given: str = "",
        evidence: Evidence | None = None,
        box: Box | None = None,
    ) -> None:
        self._agent, self._run, self._asked, self._steps = agent, run, asked, steps
        self.evidence = evidence or Evidence()
        self.drawn: list[Drawn] = []
        self.gathered: list[str] = []
        self._box = box if PYTHON.name in agent.tools else None
        self._results = RunResults(database, run)
        self._operations = {one.name: one for one in agent.operations}
        self._models: list[str] = []
        self._broken: list[str] = []
        self._own = 0
        self._began = time.monotonic()
        said = database.fetch_one(instructions.HELD, {"agent": agent.name, "at": asked.asked_at})
        self._context = Context(
            prompt.task(asked) + given,
            window=WINDOW,
            results=self._results,
            summarise=_no_model,
            system=prompt.system(agent, said.text if said else ""),
            tools=prompt.tools(agent, sandbox=box is not None),
        )

    async def work(self) -> Outcome:
        """Until the end. Raises Parked, FencedError, Interrupted, DependencyError."""
        try:
            while not (why := self.limit()):
                reply = await self._ask()
                if isinstance(reply, str):
                    return self._none(reply)
                accepted = await self._obey(reply)
                if accepted is not None:
                    return Outcome(accepted, tuple(dict.fromkeys(self._models)), "", tuple(self._broken))
                if len(self._broken) >= MOST_BROKEN:
                    return self._none(f"What the model handed in broke its contract twice: {self._broken[-1]}")
            return self._none(why)
        except Diverged as error:
            return self._none(str(error))
        except InputError as error:  # more than a window holds
            return self._none(str(error))

    def gather(self, *, anyway: bool = False) -> None:
        """The calls that need no model, where nothing was found so far, or ``anyway``. Refusals are left out."""
        if self.evidence.calls and not anyway:
            return
        for gather in self._agent.gather:
            if gather.if_nothing and self.evidence.posts:
                continue
            for topic in [self._asked.topic] if self._asked.topic else ["", *self.evidence.topics[:MOST_TOPICS]]:
                arguments = gather.filled(self._asked.question[:400], topic)
                if arguments is None:
                    continue
                try:
                    told = self._call(gather.operation, arguments)
                except Diverged:
                    return
                if told.good:
                    self.gathered.append(told.number)
                if told.good and (asked := gather.drawn(told.number)):
                    with suppress(NoChart):  # nothing to draw yet
                        self.drawn.append(draw(asked, self.evidence))
                if not gather.by_topic:
                    break

    def limit(self) -> str:
        """Which limit is met, or nothing."""
        used, limits = self._steps.used, self._agent.limits
        seconds = used.seconds + time.monotonic() - self._began
        for name, has, most in (
            ("steps", used.steps, limits.steps),
            ("tokens", used.tokens, limits.tokens),
            ("seconds", round(seconds), limits.seconds),
            ("uses of recall and note", self._own, MOST_OWN),
        ):
            if has >= most:
                return f"It met its limit of {most:,} {name}."
        if 0 < limits.nano_usd <= used.nano_usd:
            return f"It met its limit of {dollars(limits.nano_usd)}."
        return ""

    def _none(self, why: str) -> Outcome:
        return Outcome(None, tuple(dict.fromkeys(self._models)), why, tuple(self._broken))

    async def _ask(self) -> Reply | str:
        await self._context.fit()
        request = Request(
            agent=self._agent.name,
            run=self._run,
            system=self._context.system,
            tools=self._context.tools,
            messages=self._context.messages,
            max_tokens=ANSWER_TOKENS,
            least_tokens=LEAST_TOKENS,
            kind="tools",
            cached=True,
        )
        asked = self._steps.ask(request)
        if asked.reply is None:
            return f"No language model answered: {asked.unavailable}"
        self._models.append(asked.model)
        if asked.reply.usage is not None:
            self._context.learn(asked.reply.usage)
        self._context.answer(asked.reply)
        return asked.reply

    async def _obey(self, reply: Reply) -> outputs.Accepted | None:
        if not reply.calls:
            self._reject("it answered without calling `answer`")
            self._context.say("This reached nobody. Hand in what you found by calling the tool `answer`.")
            return None
        for place, call in enumerate(reply.calls):
            if call.name == prompt.ANSWER:
                judged = outputs.judge(self._agent.contract, call.arguments, self.evidence)
                if isinstance(judged, outputs.Accepted):
                    return judged
                self._reject(judged.why)
                text = f"Not accepted. {judged.why} Mend it and call `answer` once more."
            elif place >= MOST_CALLS:
                text = f"Refused: at most {MOST_CALLS} calls at once."
            else:
                text = await self._tool(call)
            await self._context.result(call.id, call.name, text)
        return None

    def _reject(self, why: str) -> None:
        self._broken.append(why)
        self._steps.reject(why)

    async def _tool(self, call: ToolCall) -> str:
        if call.name == prompt.RECALL:
            return await self._recall(call.arguments)
        if call.name == prompt.NOTE:
            self._own += 1
            fact = call.arguments.get("fact")
            if not isinstance(fact, str) or not 1 <= len(fact) <= 500:
                return "Give `fact`, of 1 to 500 characters."
            self._context.note(fact)
            return "Kept."
        box = self._box if call.name == PYTHON.name else None
        if call.name not in self._operations and box is None:
            have = ", ".join(self._operations) or prompt.ANSWER
            return f"There is no tool {call.name[:60]!r} for you. You have: {have}."
        if why := self.limit():
            return f"Not called. {why} Call `answer` now."
        if box is not None:
            return python_tool.mistake(call.arguments) or self._python(box, call.arguments).text
        return self._call(call.name, call.arguments).text

    def _call(self, name: str, arguments: dict[str, Any]) -> Told:
        operation = self._operations[name]
        told = self._steps.call(operation, arguments, _framing(operation))
        return self._seen(operation, arguments, told)

    def _python(self, box: Box, arguments: dict[str, Any]) -> Told:
        told = self._steps.here(
            PYTHON, arguments, lambda: python_tool.run(box, arguments, self.evidence), _framing(PYTHON)
        )
        return self._seen(PYTHON, arguments, told)

    def _seen(self, operation: Known, arguments: dict[str, Any], told: Told) -> Told:
        if told.good:
            body = prompt.framed(told.text, strangers=operation.taints)
            shown = excerpt(msgspec.json.encode(arguments).decode(), longest=160)
            # What code of a model's prints is no post, however much it looks like one.
            self.evidence.add(told.number, operation.name, shown, body, posts=operation is not PYTHON)
        return told

    async def _recall(self, arguments: dict[str, Any]) -> str:
        self._own += 1
        reference, start = arguments.get("reference"), arguments.get("start", 0)
        if not isinstance(reference, str) or not isinstance(start, int):
            return "Give `reference`, such as r3, and, to read further, `start` in characters."
        try:
            return await self._results.read(reference, start)
        except NotFound as error:
            return str(error)


def _framing(operation: Known) -> Callable[[str, bytes], str]:
    return lambda number, body: prompt.frame(number, operation.name, body, strangers=operation.taints)


async def _no_model(_: str, __: int) -> str:
    # A run that is taken over has to come to the same words, and a summary may not cost a second time.
    raise ModelUnavailable("Turns are told by their beginnings.")
