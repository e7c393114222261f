from __future__ import annotations

import pytest

from services.solo.simulator.rhythm import TopicRhythm, daily

HOUR_US = 3_600_000_000


def test_the_day_averages_one_and_stays_mild() -> None:
    factors = [daily(minute * 60_000_000) for minute in range(1440)]
    assert sum(factors) / len(factors) == pytest.approx(1.0)
    assert 0.59 < min(factors) < 0.65
    assert 1.25 < max(factors) < 1.31
    assert daily(20 * HOUR_US) > daily(14 * HOUR_US) > daily(8 * HOUR_US)


def test_topics_wax_and_wane_slowly() -> None:
    rhythm = TopicRhythm(3, 40)
    first = list(rhythm.cumulative(0))
    soon, later = list(rhythm.cumulative(10 * 60_000_000)), list(rhythm.cumulative(3 * HOUR_US))

    def shares(cumulative: list[float]) -> list[float]:
        return [b - a for a, b in zip([0.0, *cumulative], cumulative, strict=False)]

    def biggest(other: list[float]) -> float:
        return max(abs(a - b) / a for a, b in zip(shares(first), shares(other), strict=True))

    assert first[-1] == 1.0
    assert first == sorted(first)
    assert biggest(soon) < 0.25 < biggest(later)
