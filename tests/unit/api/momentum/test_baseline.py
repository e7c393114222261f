"""What is usual: the lag, the daily profile, the variance."""

from __future__ import annotations

import numpy as np
import pytest

from services.api.momentum.baseline import Baseline, Variance
from services.api.momentum.packed import hash_of
from services.api.momentum.score import damped_ratio
from tests.unit.api.momentum.streams import SMALL

DAILY, STEADY, NEW = (np.array([hash_of(word)], dtype=np.uint64) for word in ("coffee", "word", "quake"))
MORNING = range(480, 540)


@pytest.fixture
def two_days() -> Baseline:
    """One word all day, another between eight and nine only, 100 posts a minute, for two days."""
    baseline = Baseline(SMALL)
    for minute in range(2 * 1440):
        words = np.concatenate([STEADY, DAILY]) if minute % 1440 in MORNING else STEADY
        baseline.absorb(minute, words, np.full(len(words), 10), 100)
    return baseline


@pytest.mark.parametrize("minute", [2880 + 450, 2880 + 500, 2880 + 560])
def test_a_daily_word_is_expected_around_its_time(two_days: Baseline, minute: int) -> None:
    assert two_days.usual_share(minute, DAILY)[0] == pytest.approx(0.1, rel=0.01)


def test_a_daily_word_is_unusual_at_another_time_and_a_new_one_always(two_days: Baseline) -> None:
    assert two_days.usual_share(2880 + 1200, DAILY)[0] < 0.02
    assert two_days.usual_share(2880 + 500, STEADY)[0] == pytest.approx(0.1, rel=0.01)
    assert two_days.usual_share(2880 + 500, NEW)[0] == 0.0


def test_the_doubt_about_a_new_word_shrinks_as_the_baseline_grows() -> None:
    baseline = Baseline(SMALL)
    doubts = []
    for minute in range(100):
        baseline.absorb(minute, STEADY, np.array([10]), 100)
        doubts.append(float(baseline.expected(minute, NEW).share[0]))
    assert doubts[0] == pytest.approx(0.01)
    assert doubts[-1] == pytest.approx(0.0001, rel=0.1)


def test_the_lag_is_half_the_age_of_a_young_baseline_and_its_own_later() -> None:
    baseline = Baseline(SMALL)
    lags = []
    for baseline.minutes in (20, 60, 180, 5000):
        lags.append(1000 - baseline.frontier(1000))
    assert lags == [10, 30, 90, SMALL.lag_minutes]


def test_a_share_survives_a_night_of_half_the_volume() -> None:
    baseline = Baseline(SMALL)
    for minute in range(600):
        volume = 1 if 200 <= minute < 400 else 2
        baseline.absorb(minute, STEADY, np.array([10 * volume]), 100 * volume)
    assert baseline.usual_share(600, STEADY)[0] == pytest.approx(0.1, rel=0.001)


def test_variance_counts_only_once_the_lag_has_passed() -> None:
    variance = Variance(SMALL)
    variance.sample(100, STEADY, np.array([0.1]))
    variance.advance(99)
    assert variance.of(STEADY)[0] == 0.0
    variance.advance(100)
    assert variance.of(STEADY)[0] == pytest.approx(0.01)


def test_the_ratio_is_zero_at_or_below_the_expectation_and_grows_above() -> None:
    seen, expected = np.array([1, 5, 20, 60]), np.full(4, 5.0)
    ratio = damped_ratio(seen, expected, 0.3)
    assert ratio[0] == ratio[1] == 0.0
    assert 3.5 < ratio[2] < ratio[3]
