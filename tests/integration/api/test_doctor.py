"""What ``groundswell doctor`` says of a feed that is behind, from the relay's own words to the terminal."""

from __future__ import annotations

import pytest

from services.cli.main import main
from services.relay.progress import Progress
from services.relay.report import write_view
from services.relay.state import DatabaseClock, FeedState
from shared.store.database import Database
from tests.support import records
from tests.support.api import Served
from tests.support.waiting import eventually
from tests.support.wire import SECOND

NOW = 10_000 * SECOND


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def behind(database_clock: DatabaseClock, gained: int) -> FeedState:
    """A feed that was 42 minutes behind and gained so many seconds of event time in each of twenty seconds."""
    feed, clock = FeedState(database_clock, "f"), Clock()
    feed._progress = Progress(clock)
    feed.connected()
    for second in range(21):
        clock.now += 1
        feed.stored(1, NOW - (2_500 - second * gained) * SECOND)
    return feed


def test_doctor_says_how_far_a_feed_is_behind_and_when_that_ends(
    api: Served, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)
    # given four feeds, as their reporters write them: one just connected, one that gains, one that
    # does not, and one that is up to date
    database_clock = DatabaseClock()
    monkeypatch.setattr(database_clock, "now_us", lambda: NOW)
    fresh = FeedState(database_clock, "f")
    fresh.connected()
    fresh.stored(1, NOW - 2_500 * SECOND)
    gains = {"gaining": 16, "losing": 0, "present": 125}
    feeds = {"fresh": fresh} | {name: behind(database_clock, gained) for name, gained in gains.items()}
    for name, feed in feeds.items():
        records.put_feed(database, name, status=None)
        assert write_view(database, name, feed.view()) is not None
    # when
    capsys.readouterr()
    main(["doctor", "--port", str(api.port)])
    said = {line[6:].partition(":")[0]: line for line in capsys.readouterr().out.splitlines()}
    # then
    late, again = "Its newest posts arrive late.", "Look again in a minute."
    assert said["Feed fresh"].startswith(f"WARN  Feed fresh: degraded. 42 minutes behind. {late} {again}")
    assert said["Feed gaining"] == (
        "WARN  Feed gaining: degraded. 36 minutes behind, caught up in about 2 minutes. "
        f"{late} Wait while it catches up."
    )
    assert said["Feed losing"].startswith(
        f"WARN  Feed losing: degraded. 42 minutes behind, and not catching up at this speed. {late} {again}"
    )
    assert said["Feed present"] == "ok    Feed present: ok."
