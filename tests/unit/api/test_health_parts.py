"""Which parts health names: those somebody alive speaks of, and those whose whole unit fell silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.api.operations.health import components_of
from shared.store.units import UnitReport

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def said(unit: str, component: str, *, stale: bool, instance: str = "a:1") -> UnitReport:
    since = NOW - timedelta(minutes=5)
    return UnitReport(
        unit=unit, instance=instance, component=component, state="ok", reason=None, since=since, stale=stale
    )


def test_a_part_of_an_earlier_process_is_not_down_while_the_new_one_has_not_looked_at_it() -> None:
    fresh = [said("worker", "worker", stale=False, instance="a:2"), said("worker", "valkey", stale=False)]
    for earlier in ("a:1", "a:2"):  # a container's process has the same number after a restart
        states = {
            each.name: each.state
            for each in components_of([*fresh, said("worker", "archive", stale=True, instance=earlier)], NOW)
        }
        assert states["worker"] == states["worker.valkey"] == "ok"
        assert "worker.archive" not in states


def test_the_parts_of_a_unit_that_fell_silent_are_down_with_it() -> None:
    found = components_of([said("worker", "worker", stale=True), said("worker", "archive", stale=True)], NOW)
    assert {each.name: each.state for each in found if each.name.startswith("worker")} == {
        "worker": "down",
        "worker.archive": "down",
    }


def test_another_units_silence_hides_nothing() -> None:
    found = components_of([said("api", "api", stale=False), said("worker", "archive", stale=True)], NOW)
    assert {each.name: each.state for each in found}["worker.archive"] == "down"
