"""A feed unit against the simulator over each wire: what is stored is exactly what was served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.relay import drops
from services.solo.simulator.corpus import Corpus
from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.server import wall_clock_us
from services.solo.simulator.stream import Stream
from shared.schemas.base import Schema
from shared.store.database import Statement
from tests.integration.relay.conftest import Running
from tests.integration.relay.test_stream import LOCK
from tests.support import texts, truth
from tests.support.simulated_feed import simulated_feed
from tests.support.waiting import until


class Host(Schema, frozen=True, kw_only=True):
    host: str


HOST = Statement("SELECT host FROM feed_cursor WHERE feed = 'jetstream'", Host)
FAULTS = "drop:900,kick:1100,garbage:300,half:400,oversize:700,binary:350,wrongtype:500,duplicate:200"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return texts.corpus()


def begun(corpus: Corpus, seconds: int, rate: float = 200) -> Stream:
    return Stream(7, rate, wall_clock_us() - seconds * 1_000_000, corpus)


def all_read(running: Running, until_us: int) -> truth.Position:
    def reached() -> truth.Position | None:
        found = truth.position(running.database, "jetstream")
        return found if found and found.position >= until_us else None

    found = until(reached, 150)
    running.stop()
    return found


def last_drop(running: Running) -> Any:
    assert running.unit is not None
    return running.unit._reader._last_drop


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("wire", ["jetstream", "jetstream2"])
def test_whatever_the_server_does_the_record_is_what_it_served(
    running: Running, corpus: Corpus, tmp_path: Path, wire: str, packed: bool
) -> None:
    stream, path = begun(corpus, 12), tmp_path / "dictionary"
    made = SimulatorOptions(dictionary=path).dictionary_for(stream)
    if packed:
        running.options = {"zstd_dictionary": "server" if wire == "jetstream2" else str(path)}
    with simulated_feed(stream, FAULTS, wire=wire, dictionary=made, base=90_000) as feed:
        running.url = feed.url
        running.start(data_dir=str(tmp_path))
        found = all_read(running, wall_clock_us())
    assert truth.compare(running.database, stream, stream.anchor_us, "jetstream").none
    assert found.gaps == 0
    assert found.quarantined > 0


def test_two_instances_that_number_differently_give_one_record(running: Running, corpus: Corpus) -> None:
    stream = begun(corpus, 20)
    with (
        simulated_feed(stream, "drop:700", wire="jetstream2", base=0) as one,
        simulated_feed(stream, "drop:700,kick:500", wire="jetstream2", base=10**9) as two,
    ):
        running.url = f"{one.url},{two.url}"
        running.start()
        all_read(running, stream.anchor_us + 10_000_000)
        hosts = {running.database.fetch_one(HOST).host}  # type: ignore[union-attr]
        # when the first host is left, by naming the other one first after a restart
        running.url = two.url
        running.start()
        all_read(running, wall_clock_us())
        hosts.add(running.database.fetch_one(HOST).host)  # type: ignore[union-attr]
    assert len(hosts) == 2
    assert truth.compare(running.database, stream, stream.anchor_us, "jetstream").none


@pytest.mark.parametrize(
    ("wire", "patience", "history"),
    [
        ("jetstream", (30.0, 0.3, 0.5), 20),
        ("jetstream2", (30.0, 0.3, 0.5), 20),
        # a write blocks only when the sockets' buffers are full, which takes megabytes
        ("jetstream2", (0.5, 30.0, 5.0), 90),
    ],
)
def test_being_dropped_while_we_cannot_read_is_told_and_costs_nothing(
    running: Running,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    wire: str,
    patience: tuple[float, float, float],
    history: int,
) -> None:
    # given a server that gives up a write, or waits for a pong, no longer than half a second
    monkeypatch.setattr(drops, "SLOW_READ_SECONDS", 0.5)
    stream = begun(corpus, history, rate=400)
    with simulated_feed(stream, wire=wire, patience=patience) as feed:
        running.url = feed.url
        with running.database.transaction() as other:
            # when the store is locked by someone else until the server has had enough
            other.execute(LOCK)
            unit = running.start(relay_queue_events=2_000)
            until(lambda: len(unit.queue) == 2_000)
            until(lambda: feed.connections == 0, 30)
        all_read_from = wall_clock_us()
        until(lambda: last_drop(running) is not None)
        drop = last_drop(running)
        all_read(running, all_read_from)
    # then that is what the reader says, and nothing was lost
    assert drop.cause == "kicked"
    assert drop.evidence["code"] == 1006
    assert drop.evidence["held_seconds"] >= 0.5
    assert truth.compare(running.database, stream, stream.anchor_us, "jetstream").none
