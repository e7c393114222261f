"""What a call can cost at most, and what it did cost."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.llm.pricing import (
    FREE,
    BadPrice,
    cost,
    input_bound,
    nano_from_usd,
    price_of,
    tokens_that_fit,
    upper_bound,
)
from services.worker.llm.request import Usage

HAIKU = {
    "input_cost_per_token": 1e-7,
    "output_cost_per_token": 5e-7,
    "cache_read_input_token_cost": 1e-8,
    "cache_creation_input_token_cost": 1.25e-7,
    "cache_creation_input_token_cost_above_1hr": 2e-7,
    "input_cost_per_token_above_100k_tokens": 5e-7,
    "output_cost_per_token_above_100k_tokens": 2.5e-6,
    "cache_read_input_token_cost_above_100k_tokens": 5e-8,
    "cache_creation_input_token_cost_above_100k_tokens": 6.25e-7,
    "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-6,
    "search_context_cost_per_query": {"search_context_size_medium": 0.01},
}


def test_the_bound_takes_the_dearest_way_to_read_and_never_counts_on_a_cache() -> None:
    # a thousand tokens, written to the cache for an hour, and a hundred written
    assert upper_bound(price_of(HAIKU), 1_000, 100) == 1_000 * 200 + 100 * 500


def test_beyond_the_long_context_mark_its_prices_bound_the_whole_call() -> None:
    price = price_of(HAIKU)
    assert upper_bound(price, 100_000, 100) == 100_000 * 200 + 100 * 500
    assert upper_bound(price, 100_001, 100) == 100_001 * 1_000 + 100 * 2_500
    assert cost(price, Usage(input=100_001, output=100)) == 100_001 * 500 + 100 * 2_500
    # tokens of the cache count towards the mark
    assert cost(price, Usage(input=1, cache_read=100_000, output=0)) == 500 + 100_000 * 50


def test_fees_of_tools_at_the_provider_are_part_of_bound_and_cost() -> None:
    price = price_of(HAIKU)
    assert upper_bound(price, 0, 0, searches=3) == 30_000_000
    assert cost(price, Usage(input=0, output=0, searches=2)) == 20_000_000


def test_reasoning_is_charged_at_its_own_price_where_that_is_dearer() -> None:
    price = price_of(
        {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "output_cost_per_reasoning_token": 9e-6}
    )
    assert cost(price, Usage(input=0, output=10, reasoning=4)) == 6 * 2_000 + 4 * 9_000
    assert upper_bound(price, 0, 10) == 90_000


def test_a_fraction_of_a_nano_dollar_is_charged_whole() -> None:
    price = price_of({"input_cost_per_token": 1.25e-8, "output_cost_per_token": 1e-9})
    assert cost(price, Usage(input=1, output=0)) == 13
    assert nano_from_usd(0.1) == 100_000_000


@pytest.mark.parametrize("bad", [None, 0, 0.0, -1e-7, math.nan, math.inf, "nan", "free", True, [], {}, 5.0])
@pytest.mark.parametrize("name", ["input_cost_per_token", "output_cost_per_token"])
def test_a_price_that_is_missing_zero_negative_or_no_number_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(BadPrice, match=name):
        price_of({**HAIKU, name: bad})


@pytest.mark.parametrize("name", ["cache_creation_input_token_cost", "output_cost_per_token_above_100k_tokens"])
def test_a_price_beside_the_first_two_is_refused_too_when_it_is_no_number(name: str) -> None:
    with pytest.raises(BadPrice, match=name):
        price_of({**HAIKU, name: math.nan})


def test_a_cache_write_whose_price_for_an_hour_is_not_told_costs_twice_the_input() -> None:
    price = price_of(
        {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "cache_creation_input_token_cost": 1.25e-6}
    )
    assert upper_bound(price, 10, 0) == 20_000


def test_what_is_free_costs_nothing() -> None:
    assert upper_bound(FREE, 10**6, 10**6) == 0
    assert cost(FREE, Usage(input=10**6, output=10**6)) == 0


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        upper_bound(price_of(HAIKU), -1, 5)


_counts = st.integers(0, 300_000)


@settings(max_examples=200, deadline=None)
@given(_counts, _counts, _counts, _counts, _counts, st.integers(0, 20_000))
def test_no_usage_within_the_bounds_of_tokens_costs_more_than_the_bound(
    read: int, cached: int, write: int, hour: int, output: int, slack: int
) -> None:
    price = price_of({**HAIKU, "output_cost_per_reasoning_token": 6e-7})
    usage = Usage(
        input=read,
        cache_read=cached,
        cache_write=write,
        cache_write_hour=hour,
        output=output,
        reasoning=output // 2,
    )
    assert cost(price, usage) <= upper_bound(price, usage.whole_input + slack, output)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 200_000), st.integers(0, 10**9))
def test_as_many_tokens_as_are_said_to_fit_do_and_one_more_does_not(tokens: int, room: int) -> None:
    price = price_of(HAIKU)
    fits = tokens_that_fit(price, tokens, room)
    if fits >= 0:
        assert upper_bound(price, tokens, fits) <= room
        assert upper_bound(price, tokens, fits + 1) > room
    else:
        assert upper_bound(price, tokens, 0) > room


def test_the_bound_of_the_input_is_its_bytes_and_a_margin() -> None:
    body = "気".encode() * 10
    assert input_bound(body) >= 30 + 1_500
    assert input_bound(body, messages=5, tools=3) > input_bound(body)
