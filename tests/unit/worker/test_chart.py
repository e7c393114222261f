"""The chart's geometry."""

from __future__ import annotations

from datetime import timedelta

from services.worker.pipelines.chart import MOST_POINTS, draw
from services.worker.pipelines.gather import covered
from tests.support.topics import START, gap, gathered, rising_minutes, topic_row


def test_a_gap_breaks_the_line_and_is_a_band() -> None:
    chart = draw(gathered(gaps=[gap(30, 36)]))
    assert len(chart.posts) == 2
    [band] = chart.gaps
    assert (band.start, band.end) == (round(30 / 90, 5), round(36 / 90, 5))
    assert chart.posts[0][-1].x < band.start
    assert chart.posts[1][0].x > band.end


def test_everything_lies_in_the_unit_square() -> None:
    chart = draw(gathered())
    points = [point for line in [*chart.posts, *chart.usual] for point in line]
    assert all(0 <= point.x <= 1 and 0 <= point.y <= 1 for point in points)
    assert chart.y_ticks[0].label == "0"
    assert chart.y_ticks[-1].at == 1
    assert len(chart.y_ticks) <= 6
    assert [tick.label for tick in chart.x_ticks] == ["14:00", "14:15", "14:30", "14:45", "15:00", "15:15", "15:30"]


def test_beginning_and_peak_are_marked() -> None:
    assert [mark.label for mark in draw(gathered()).marks] == ["began (14:20)", "peak 24 (15:00)"]


def test_a_day_is_drawn_with_a_bounded_number_of_points() -> None:
    record = gathered(range_start=START - timedelta(hours=22), range_end=START + timedelta(hours=2))
    chart = draw(record)
    assert sum(len(line) for line in chart.posts) <= MOST_POINTS
    assert "mean of 6 minutes" in chart.caption


def test_a_topic_without_minutes_is_an_empty_axis() -> None:
    record = gathered(minutes=[])
    chart = draw(record)
    assert {point.y for line in chart.posts for point in line} == {0.0}
    assert chart.usual == []
    assert covered(topic_row(), rising_minutes(), record.kept)
