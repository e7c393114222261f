"""Words of units: the newest counts, and a unit that begins anew leaves no components behind."""

from __future__ import annotations

from shared.store import units
from shared.store.database import Database


def say(database: Database, unit: str, component: str) -> None:
    said = {"unit": unit, "instance": "here:1", "component": component, "state": "ok", "reason": None}
    database.execute(units.SAY, said)


def test_components_of_an_earlier_start_are_not_missed(database: Database) -> None:
    # given a stack that once ran combined
    for component in ("solo", "combined"):
        say(database, "solo", component)
    say(database, "relay", "relay")
    # when it begins anew with other children
    database.execute(units.FORGET, {"unit": "solo"})
    say(database, "solo", "solo")
    # then nobody waits for a word of the child it no longer has
    assert [(row.unit, row.component) for row in database.fetch(units.READ)] == [("relay", "relay"), ("solo", "solo")]
