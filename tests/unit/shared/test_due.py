"""When schedules are due: time zones, weekdays, and days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from shared.contracts.due import last_due, next_due, zone_of

BERLIN = zone_of("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "days", "zone", "after", "due"),
    [
        ("07:00", [], "UTC", "2026-05-03 06:59", "2026-05-03 07:00"),
        ("07:00", [], "UTC", "2026-05-03 07:00", "2026-05-04 07:00"),
        ("07:00", [], "Europe/Berlin", "2026-01-10 00:00", "2026-01-10 06:00"),
        ("07:00", [], "Europe/Berlin", "2026-07-10 00:00", "2026-07-10 05:00"),
        # a Sunday in Auckland is still Saturday in UTC
        ("06:00", ["sun"], "Pacific/Auckland", "2026-05-01 00:00", "2026-05-02 18:00"),
        ("07:00", ["mon", "fri"], "UTC", "2026-05-04 08:00", "2026-05-08 07:00"),
        # skipped: 02:30 does not exist in Berlin on 29 March 2026; the clocks show 03:00 at 01:00 UTC
        ("02:30", [], "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("02:30", [], "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30"),
        # twice: 02:30 comes at 00:30 and at 01:30 UTC on 25 October 2026, and counts the first time
        ("02:30", [], "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("02:30", [], "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"),
        # midnight itself is skipped in Santiago on 6 September 2026
        ("00:00", [], "America/Santiago", "2026-09-05 12:00", "2026-09-06 04:00"),
        # Samoa had no 30 December 2011 at all
        ("07:00", [], "Pacific/Apia", "2011-12-29 18:00", "2011-12-30 10:00"),
        ("07:00", [], "Pacific/Apia", "2011-12-30 10:00", "2011-12-30 17:00"),
    ],
)
def test_the_next_due_time(at: str, days: list[str], zone: str, after: str, due: str) -> None:
    assert next_due(time.fromisoformat(at), days, zone_of(zone), utc(after)) == utc(due)


def test_a_year_of_days_has_each_day_once_and_in_order() -> None:
    at, now, dues = time(2, 30), utc("2026-01-01 00:00"), []
    while now < utc("2027-01-01 00:00"):
        now = next_due(at, [], BERLIN, now)
        dues.append(now)
    assert [due.astimezone(BERLIN).date() for due in dues] == [
        dues[0].astimezone(BERLIN).date() + timedelta(days=n) for n in range(len(dues))
    ]
    assert len(dues) == 366  # the last one is the first of the year after


@pytest.mark.parametrize(
    ("first", "now", "due"),
    [
        ("2026-05-03 07:00", "2026-05-03 07:00", "2026-05-03 07:00"),
        ("2026-05-03 07:00", "2026-05-04 06:59", "2026-05-03 07:00"),
        ("2026-05-03 07:00", "2026-05-06 12:00", "2026-05-06 07:00"),
        ("2020-05-03 07:00", "2026-05-06 12:00", "2026-05-06 07:00"),
    ],
)
def test_of_several_missed_times_the_latest_stands(first: str, now: str, due: str) -> None:
    assert last_due(time(7), [], zone_of("UTC"), utc(first), utc(now)) == utc(due)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 300])
def test_a_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)
