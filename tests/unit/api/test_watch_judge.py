"""What is usual, and when an episode begins, is told, grows and ends."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from services.api.watches.episodes import GROWTH, Figures, State, step
from services.api.watches.usual import DAY, LAG_MINUTES, LEAST_MINUTES, Usual, reach
from shared.schemas.watch import Threshold, WatchRule, Words

RULE = WatchRule(words=Words(any=["tea"]), threshold=Threshold(posts=5, minutes=10), cooldown_minutes=0)


def figures(minute: int, posts: int) -> Figures:
    return Figures(minute=minute, posts=posts, authors=posts, usual=None, provisional=True)


def told(posts: list[int], rule: WatchRule = RULE) -> list[tuple[int, int]]:
    """Minutes and levels told of a series of window counts."""
    state, found = State(), []
    for minute, count in enumerate(posts):
        done = step(rule, state, figures(minute, count), may_fire=True)
        state = done.state
        if done.fired is not None:
            found.append((minute, done.fired))
    return found


def test_an_episode_is_told_once_and_again_when_it_grows_or_begins_anew() -> None:
    assert told([0, 5, 9, 19, 20, 79, 80]) == [(1, 0), (4, 1), (6, 2)]
    assert told([5, *[0] * 9, 5]) == [(0, 0)]
    assert told([5, *[0] * 10, 5]) == [(0, 0), (11, 0)]


@given(some.lists(some.integers(0, 200), max_size=120), some.integers(0, 60))
def test_two_tellings_are_a_cooldown_apart_and_growth_is_fourfold(posts: list[int], cooldown: int) -> None:
    rule = WatchRule(words=RULE.words, threshold=RULE.threshold, cooldown_minutes=cooldown)
    found = told(posts, rule)
    for (before, _), (after, level) in pairwise(found):
        assert after - before >= cooldown
        assert level == 0 or posts[after] >= GROWTH * posts[before]
    assert all(posts[minute] >= 5 for minute, _ in found)


def filled(days: int, rate: dict[int, int], missing: range = range(0)) -> Usual:
    """Posts a minute by hour of the day; ``missing`` minutes are not observed."""
    usual = Usual(0, 10)
    for minute in range(days * DAY):
        usual.append(rate.get((minute // 60) % 24, 1), missing=minute in missing)
    return usual


def test_what_comes_every_evening_is_usual_in_the_evening() -> None:
    usual = filled(5, {20: 9})
    evening, morning = usual.expected(5 * DAY - 4 * 60 + 29), usual.expected(5 * DAY - 14 * 60)
    assert evening is not None
    assert morning is not None
    assert evening.posts > 4 * 10
    assert 10 <= morning.posts < 15


def test_gaps_are_left_out_and_too_little_is_not_known() -> None:
    whole, torn = filled(4, {}), filled(4, {}, missing=range(DAY, 2 * DAY))
    assert whole.expected(4 * DAY - 1) == torn.expected(4 * DAY - 1)
    young = Usual(0, 10)
    for _ in range(LEAST_MINUTES + LAG_MINUTES + 9):
        young.append(1, missing=False)
    assert young.expected(young.end - 1) is None
    young.append(1, missing=False)
    expected = young.expected(young.end - 1)
    assert expected is not None
    assert (expected.posts, expected.provisional) == (10.0, True)


def test_memory_is_bounded_and_nothing_that_is_needed_is_dropped() -> None:
    small, whole = Usual(0, 10), []
    for minute in range(3 * reach(10)):
        small.append(minute % 7, missing=False)
        whole.append(minute % 7)
    last = small.end - 1
    limit = last + 1 - 10 - LAG_MINUTES
    expected = small.expected(last)
    assert expected is not None
    assert expected.posts >= sum(whole[limit - 7 * DAY : limit]) / (7 * DAY) * 10 - 1e-9
    assert len(small._posts) <= 2 * reach(10) + 1
