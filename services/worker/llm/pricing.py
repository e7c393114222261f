"""What a call can cost at most, and what it did cost. Pure; whole numbers only.

Prices are pico-dollars a token (10**-12), costs nano-dollars (10**-9), always rounded up. A price that is missing,
zero, negative or not a number is no price: such a model is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from services.worker.llm.request import Usage
from shared.schemas.base import Schema

PICO = Decimal(10) ** 12
NANO = Decimal(10) ** 9
#: Tokens a provider may put around what we send: its own instructions for tools, marks around turns.
MARGIN_TOKENS = 1_500
MARGIN_TOKENS_A_MESSAGE = 16
MARGIN_TOKENS_A_TOOL = 64
#: A dollar a token is no price of a language model but a mistake in a table.
MOST_PICO = 10**12

_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


class BadPrice(ValueError):
    """A price that cannot be used; the text says why."""


class Rate(Schema, frozen=True, kw_only=True):
    """Pico-dollars a token."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_hour: int
    reasoning: int

    @property
    def dearest_input(self) -> int:
        """What a token of the prompt costs at most, whatever a cache does."""
        return max(self.input, self.cache_read, self.cache_write, self.cache_write_hour)

    @property
    def dearest_output(self) -> int:
        """What a token of the answer costs at most."""
        return max(self.output, self.reasoning)


class Price(Schema, frozen=True, kw_only=True):
    """What a model costs: ``rates`` by the size of the prompt from which they hold, the first from 0.

    ``search`` is pico-dollars for one use of a tool at the provider.
    """

    rates: tuple[tuple[int, Rate], ...]
    search: int = 0

    def rate(self, prompt_tokens: int) -> Rate:
        """The rate for a prompt of that size."""
        return [rate for above, rate in self.rates if prompt_tokens > above or above == 0][-1]

    def dearest(self, prompt_tokens: int) -> tuple[int, int]:
        """(input, output) at most, for a prompt of at most that size."""
        reachable = [rate for above, rate in self.rates if prompt_tokens > above or above == 0]
        return max(rate.dearest_input for rate in reachable), max(rate.dearest_output for rate in reachable)

    @property
    def typical(self) -> int:
        """Pico-dollars of a typical exchange, three tokens read for each one written: tiers are sorted by it."""
        return 3 * self.rates[0][1].input + self.rates[0][1].output


_FREE_RATE = Rate(input=0, output=0, cache_read=0, cache_write=0, cache_write_hour=0, reasoning=0)
#: For models that run on machines of our own, and nowhere else.
FREE = Price(rates=((0, _FREE_RATE),))


def input_bound(body: bytes, *, messages: int = 1, tools: int = 0) -> int:
    """The most tokens that ``body``, the whole request as sent, can be: a token is at least a byte of UTF-8."""
    margin = MARGIN_TOKENS + MARGIN_TOKENS_A_MESSAGE * messages + (MARGIN_TOKENS_A_TOOL * tools)
    return len(body) + margin


def upper_bound(price: Price, input_tokens: int, max_tokens: int, *, searches: int = 0) -> int:
    """Nano-dollars that a call can cost at most. Never counts on a cache."""
    if input_tokens < 0 or max_tokens < 0 or searches < 0:
        raise ValueError("token counts are not negative")
    dearest_input, dearest_output = price.dearest(input_tokens)
    return _nano(input_tokens * dearest_input + max_tokens * dearest_output + searches * price.search)


def tokens_that_fit(price: Price, input_tokens: int, room: int) -> int:
    """The largest ``max_tokens`` whose upper bound is within ``room`` nano-dollars; negative when none is."""
    dearest_input, dearest_output = price.dearest(input_tokens)
    left = room * 1000 - input_tokens * dearest_input
    return left // dearest_output if dearest_output and left >= 0 else -1


def cost(price: Price, usage: Usage) -> int:
    """Nano-dollars for what was used."""
    rate = price.rate(usage.whole_input)
    written = usage.output - min(usage.reasoning, usage.output)
    pico = (
        usage.input * rate.input
        + usage.cache_read * rate.cache_read
        + usage.cache_write * rate.cache_write
        + usage.cache_write_hour * rate.cache_write_hour
        + written * rate.output
        + (usage.output - written) * max(rate.output, rate.reasoning)
        + usage.searches * price.search
    )
    return _nano(pico)


def price_of(entry: Mapping[str, Any]) -> Price:
    """A price from an entry of litellm's table (dollars a token). Raises BadPrice."""
    rates = [(0, _rate(entry, ""))]
    for above in sorted(int(match[1]) for name in entry if (match := _ABOVE.fullmatch(name))):
        rates.append((above * 1000, _rate(entry, f"_above_{above}k_tokens", rates[-1][1])))
    fees = entry.get("search_context_cost_per_query") or {}
    if not isinstance(fees, Mapping):
        raise BadPrice("search_context_cost_per_query is no table")
    return Price(rates=tuple(rates), search=max((_pico(fee, "a search", least=0) for fee in fees.values()), default=0))


def _rate(entry: Mapping[str, Any], suffix: str, below: Rate | None = None) -> Rate:
    """Prices that are left out are the dearest that they can be: a cache read costs what reading costs, a cache
    write what the table says, or twice the input where another cache price shows that there is a cache."""
    given = _pico(entry.get(f"input_cost_per_token{suffix}"), f"input_cost_per_token{suffix}")
    output_name = f"output_cost_per_token{suffix}"
    output = below.output if below and output_name not in entry else _pico(entry.get(output_name), output_name)
    names = {
        "cache_read": f"cache_read_input_token_cost{suffix}",
        "cache_write": f"cache_creation_input_token_cost{suffix}",
        "cache_write_hour": f"cache_creation_input_token_cost_above_1hr{suffix}",
        "reasoning": f"output_cost_per_reasoning_token{suffix}",
    }
    found = {key: _pico(entry[name], name, least=0) for key, name in names.items() if entry.get(name) is not None}
    write = found.get("cache_write", given)
    return Rate(
        input=given,
        output=output,
        cache_read=found.get("cache_read", given),
        cache_write=write,
        cache_write_hour=found.get("cache_write_hour", max(2 * given, write) if "cache_write" in found else given),
        reasoning=found.get("reasoning", output),
    )


def _pico(value: Any, name: str, *, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise BadPrice(f"{name} is missing" if value is None else f"{name} is no number")
    try:
        dollars = Decimal(str(value))
    except InvalidOperation:
        raise BadPrice(f"{name} is no number") from None
    if not dollars.is_finite():
        raise BadPrice(f"{name} is {value}")
    pico = int((dollars * PICO).to_integral_value(rounding=ROUND_CEILING))
    if pico < least:
        raise BadPrice(f"{name} is {value}")
    if pico > MOST_PICO:
        raise BadPrice(f"{name} is {value}, more than a dollar a token")
    return pico


def nano_from_usd(usd: float) -> int:
    """Whole nano-dollars of an amount in a setting, rounded down."""
    return int(Decimal(str(usd)) * NANO)


def dollars(nano: int) -> str:
    """An amount for people, such as $0.0329."""
    return f"${nano / 10**9:,.4f}"


def _nano(pico: int) -> int:
    return -(-pico // 1000)
