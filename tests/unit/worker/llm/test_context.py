"""An agent's context: it always fits, calls keep their results, and nothing that was planted is lost."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.worker.llm.context import BYTES_A_TOKEN, CLEAR_AT, CLEAR_TO, Context
from services.worker.llm.request import Message, Reply, Tool, ToolCall, Usage
from shared.errors import InputError, ModelUnavailable, NotFound

_REFERENCE = re.compile(r"\br\d+\b")
FILLER = "the tide came in and went out again as it does "


class Memory:
    """Results in a list."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    async def keep(self, name: str, text: str) -> str:
        if (name, text) not in self.texts:
            self.texts.append((name, text))
        return f"r{self.texts.index((name, text)) + 1}"

    async def read(self, reference: str, start: int = 0, length: int = 8_000) -> str:
        number = int(reference[1:])
        if not 0 < number <= len(self.texts):
            raise NotFound(reference)
        return self.texts[number - 1][1][start : start + length]

    def reach(self, text: str) -> str:
        """``text`` and every result that it, or a result that it names, refers to."""
        seen: set[str] = set()
        reached, left = text, set(_REFERENCE.findall(text))
        while left:
            reference = left.pop()
            seen.add(reference)
            number = int(reference[1:])
            if 0 < number <= len(self.texts):
                found = self.texts[number - 1][1]
                reached += found
                left |= set(_REFERENCE.findall(found)) - seen
        return reached


async def told(text: str, most: int) -> str:
    """A model's summary, which leaves everything out."""
    return "Things happened."


async def unable(text: str, most: int) -> str:
    raise ModelUnavailable("No language model answered.")


def context(
    memory: Memory, window: int = 2_000, summarise: Callable[[str, int], Awaitable[str]] = told, **about: Any
) -> Context:
    return Context("Find out about the tide.", window=window, results=memory, summarise=summarise, **about)


def call(number: int, name: str = "search_posts") -> ToolCall:
    return ToolCall(id=f"c{number}", name=name, arguments={"q": f"tide {number}"})


def text_of(ours: Context) -> str:
    return "\n".join(message.text for message in ours.messages)


def check_pairs(messages: tuple[Message, ...]) -> None:
    """Every call has its result right behind it, before anything else is said, and no result stands alone."""
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.call_id in waiting
            waiting.remove(message.call_id)
        else:
            assert waiting == [], "something was said before the results came"
            waiting = [call.id for call in message.calls]
    assert waiting == []


def ask_and_answer(ours: Context, number: int, result: str) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        ours.answer(Reply(text=f"Let me look ({number}).", stop="tools", calls=(call(number),)))
        return await ours.result(f"c{number}", "search_posts", result)

    return run


def test_below_the_mark_nothing_changes_and_the_beginning_stays_the_same() -> None:
    async def story() -> None:
        ours = context(Memory())
        seen: list[tuple[Message, ...]] = []
        for number in range(4):
            await ask_and_answer(ours, number, FILLER * 5)()
            assert (await ours.fit()).steps == ()
            seen.append(ours.messages)
        for before, after in itertools.pairwise(seen):
            assert after[: len(before)] == before

    asyncio.run(story())


def test_past_the_mark_the_oldest_results_go_down_to_the_low_one_at_once() -> None:
    async def story() -> None:
        memory = Memory()
        ours = context(memory)
        number = 0
        while ours.tokens <= CLEAR_AT * 2_000:
            await ask_and_answer(ours, number, f"{FILLER * 12} fact {number}")()
            number += 1
        fitted = await ours.fit()
        assert fitted.steps == ("cleared",)
        assert fitted.after <= CLEAR_TO * 2_000 < CLEAR_AT * 2_000 < fitted.before
        check_pairs(ours.messages)
        assert "fact 0" not in text_of(ours)
        assert "[Result r1 was here" in text_of(ours)
        assert f"fact {number - 1}" in text_of(ours)
        assert "fact 0" in await memory.read("r1")
        # and there is room for a while: the next turns change nothing
        await ask_and_answer(ours, number, FILLER)()
        assert (await ours.fit()).steps == ()

    asyncio.run(story())


@pytest.mark.parametrize("summarise", [told, unable])
def test_where_words_fill_it_the_oldest_turns_are_told_and_kept_by_reference(summarise: Any) -> None:
    async def story() -> None:
        memory = Memory()
        ours = context(memory, summarise=summarise)
        ours.note("The code is 7431.")
        for number in range(30):
            ours.say(f"{FILLER * 4} word {number}")
            await ours.fit()
        text = text_of(ours)
        assert ours.tokens <= CLEAR_AT * 2_000
        assert "- The code is 7431." in text
        assert "What happened before" in text
        assert ("Things happened." in text) == (summarise is told)
        assert "word 29" in text
        assert all(f"word {number}" in memory.reach(text) for number in range(30))

    asyncio.run(story())


def test_a_long_result_is_shown_in_its_beginning_and_kept_whole() -> None:
    async def story() -> None:
        memory = Memory()
        ours = context(memory)
        reference = await ask_and_answer(ours, 1, FILLER * 400 + "the end is 99")()
        assert ours.tokens < 0.3 * 2_000
        assert f"the whole is result {reference}" in text_of(ours)
        assert "the end is 99" in memory.reach(text_of(ours))

    asyncio.run(story())


def test_many_results_of_one_turn_are_cleared_before_the_window_is_passed() -> None:
    async def story() -> None:
        memory = Memory()
        ours = context(memory)
        ours.answer(Reply(text="", stop="tools", calls=tuple(call(number) for number in range(12))))
        for number in range(12):
            await ours.result(f"c{number}", "search_posts", f"{FILLER * 30} fact {number}")
        fitted = await ours.fit()
        assert fitted.before > 2_000 > fitted.after
        check_pairs(ours.messages)
        assert all(f"fact {number}" in memory.reach(text_of(ours)) for number in range(12))

    asyncio.run(story())


def test_near_the_end_of_the_window_it_begins_anew_with_the_last_turn() -> None:
    async def story() -> None:
        memory = Memory()
        ours = context(memory)
        for number in range(3):
            ours.say(f"word {number} " + FILLER * 56)
        fitted = await ours.fit()
        assert fitted.steps == ("summarised", "rotated")
        assert [message.role for message in ours.messages] == ["user", "user"]
        assert "word 2" in ours.messages[1].text
        assert all(f"word {number}" in memory.reach(text_of(ours)) for number in range(3))

    asyncio.run(story())


def test_what_cannot_fit_is_told_and_not_cut() -> None:
    async def story() -> None:
        ours = context(Memory())
        ours.say(FILLER * 500)
        with pytest.raises(InputError, match="too much"):
            await ours.fit()

    asyncio.run(story())


def test_a_call_without_its_result_is_given_one_that_says_so() -> None:
    async def story() -> None:
        ours = context(Memory())
        ours.answer(Reply(text="", stop="tools", calls=(call(1), call(2))))
        await ours.result("c2", "search_posts", "two")
        with pytest.raises(ValueError, match="nobody waits"):
            await ours.result("c2", "search_posts", "again")
        with pytest.raises(ValueError, match="nobody waits"):
            await ours.result("c9", "search_posts", "unknown")
        ours.say("Go on.")
        check_pairs(ours.messages)
        assert "interrupted" in text_of(ours)

    asyncio.run(story())


def test_the_estimate_learns_from_what_providers_count() -> None:
    ours = context(Memory(), system="Be brief.", tools=(Tool(name="t", description="d" * 300, parameters={}),))
    ours.say(FILLER * 10)
    guessed = ours.tokens
    ours.learn(Usage(input=guessed * 2, output=1))
    assert ours.tokens == pytest.approx(guessed * 2, rel=0.02)
    ours.learn(Usage(input=1, output=1))  # far less: believed slowly
    assert ours.tokens == pytest.approx(guessed * 1.8, rel=0.02)
    assert BYTES_A_TOKEN == 3.0


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_it_fits_calls_keep_their_results_and_planted_facts_survive(seed: int) -> None:
    async def story() -> None:
        chance, memory = random.Random(seed), Memory()
        ours = context(memory, summarise=chance.choice([told, unable]))
        facts: list[str] = []
        number = 0

        def fact() -> str:
            facts.append(f"The number of {seed}-{len(facts)} is {chance.randrange(10**9)}!")
            return facts[-1]

        for _ in range(chance.randrange(20, 120)):
            around = FILLER * chance.choice([0, 1, 3, 10, 25])
            match chance.randrange(5):
                case 0:
                    ours.say(f"{around}{fact()}")
                case 1:
                    ours.answer(Reply(text=f"{around}{fact()}", stop="end"))
                case 2:
                    ours.note(fact())
                    ours.answer(Reply(text=f"Noted: {facts[-1]}", stop="end"))
                case _:
                    calls = tuple(call(number + place) for place in range(chance.randrange(1, 4)))
                    number += len(calls)
                    ours.answer(Reply(text=around, stop="tools", calls=calls))
                    for one in chance.sample(calls, chance.randrange(len(calls) + 1)):
                        await ours.result(one.id, one.name, f"{around * chance.choice([1, 40])}{fact()}")
            before = ours.messages
            fitted = await ours.fit()
            assert ours.tokens <= 2_000
            check_pairs(ours.messages)
            if not fitted.steps:
                assert ours.messages[: len(before)] == before
            reached = memory.reach(text_of(ours))
            assert [planted for planted in facts if planted not in reached] == []

    asyncio.run(story())
