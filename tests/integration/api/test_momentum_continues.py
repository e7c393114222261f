"""The real engine under the job: kills change nothing of what is stored, wherever they come."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from services.api.metrics import MOMENTUM_REBUILDS
from services.api.momentum import jobs
from shared.config.settings import Settings
from shared.store.database import Command, Database, Statement
from tests.support import records
from tests.support.engines import Postgres
from tests.support.momentum_story import POINTS, STORED, follow


class Kept(msgspec.Struct, frozen=True):
    """The stored snapshot, and parts of what the engine was told since."""

    snapshot: str
    told: int


KEPT = Statement(
    "SELECT md5(snapshot) AS snapshot, (SELECT count(*) FROM momentum_told)::integer AS told FROM momentum_state", Kept
)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(Settings(postgres_url=url), name="test", size=2)
    database.open()
    yield database
    database.close()


def stored(database: Database) -> list[str]:
    return [row.line for row in database.fetch(STORED)]


@pytest.fixture(scope="module")
def lived(postgres: Postgres) -> list[str]:
    """What one process stores that nobody kills."""
    with postgres.fresh() as url, opened(url) as database:
        records.put_feed(database)
        follow(database)
        return stored(database)


@pytest.mark.parametrize("every", [3, 7])
def test_killed_processes_store_what_one_that_lived_would_have(
    postgres: Postgres, lived: list[str], every: int
) -> None:
    with postgres.fresh() as url, opened(url) as database:
        records.put_feed(database)
        follow(database, killed_every=every)
        assert stored(database) == lived
    assert any('"bridge"' in line for line in lived)


#: Where each process is killed, one after the other: the second snapshot ends the first.
DEATHS = (("packed", 2), ("kept", 1), ("kept committed", 1), ("told", 6), ("told committed", 4), ("written", 4))


def test_a_process_killed_at_each_point_of_a_write_is_continued_exactly(postgres: Postgres, lived: list[str]) -> None:
    assert {point for point, _ in DEATHS} == set(POINTS)
    with postgres.fresh() as url, opened(url) as database:
        records.put_feed(database)
        for point, time in DEATHS:
            command = [sys.executable, "-m", "tests.support.momentum_story", url, point, str(time)]
            assert subprocess.run(command, check=False).returncode == -signal.SIGKILL, point
        # when the last one is left alone, in the middle of the story
        assert stored(database) != lived
        follow(database)
        assert stored(database) == lived


def test_a_snapshot_is_stored_once_in_ten_minutes_and_covers_what_was_told_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SNAPSHOT_MINUTES", 4)
    records.put_feed(database)
    kept = []
    for minute in range(1, 14):
        follow(database, until=minute)
        kept += database.fetch(KEPT)
    assert [row.told for row in kept] == [0, 1, 2, 3] * 3
    assert len({row.snapshot for row in kept}) == 3


def test_much_to_tell_again_asks_for_a_snapshot_before_its_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SNAPSHOT_BYTES", 1)
    records.put_feed(database)
    follow(database, until=8)
    assert [row.told for row in database.fetch(KEPT)] == [0]


def test_a_journal_that_cannot_be_read_is_rebuilt_from_stored_posts(database: Database) -> None:
    records.put_feed(database)
    follow(database, until=8)
    assert database.fetch(KEPT)[0].told > 0
    database.execute(Command("UPDATE momentum_told SET told = substring(told FOR length(told) / 2)"))
    rebuilds = MOMENTUM_REBUILDS._value.get()
    follow(database, until=9)
    assert MOMENTUM_REBUILDS._value.get() == rebuilds + 1
    # a snapshot after what the rebuild read, then the last minute
    assert [row.told for row in database.fetch(KEPT)] == [1]
