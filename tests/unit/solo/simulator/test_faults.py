from __future__ import annotations

import itertools

import pytest

from services.solo.simulator.faults import FAULTS, Fault, Injector, parse
from shared.errors import ConfigurationError


def test_a_spec_is_read() -> None:
    assert parse("") == []
    assert parse("drop:500, garbage@2.5,stall:20,stall:5:300,stall:3@30") == [
        Fault("drop", 500, by_frames=True),
        Fault("garbage", 2.5, by_frames=False),
        Fault("stall", 1_000, by_frames=True, length=20),
        Fault("stall", 300, by_frames=True, length=5),
        Fault("stall", 30, by_frames=False, length=3),
    ]
    assert parse("cutover%40") == [Fault("cutover", 40, by_frames=False, whole=True)]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("explode:3", "Known faults: drop, stall"),
        ("drop", "Say how often"),
        ("drop:0", "above 0"),
        ("drop:1.2.3", "above 0"),
        ("drop:2:3", "Say how often"),
        ("stall@5", "needs its length"),
        ("stall", "needs its length"),
        ("garbage;5", "Known faults"),
        ("cutover:5", "whole connections"),
        ("cutover", "in a hundred"),
        ("drop%5", "whole connections"),
    ],
)
def test_an_unknown_or_unclear_fault_is_refused(spec: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(spec)
    assert why in str(caught.value)


def moments(seed: int, connection: int) -> list[int]:
    injector = Injector(parse("garbage:100"), seed, connection)
    return [frames for frames in range(2_000) if list(injector.due(frames, 0.0))]


def test_faults_come_about_as_often_as_asked_and_by_the_seed() -> None:
    found = moments(1, 0)
    assert 15 <= len(found) <= 26
    assert all(50 <= b - a <= 151 for a, b in itertools.pairwise(found))
    assert found == moments(1, 0)
    assert found != moments(1, 1)
    assert found != moments(2, 0)


def test_faults_by_the_clock_are_due_each_interval() -> None:
    injector = Injector(parse("binary@10"), 1, 0)
    assert [s for s in range(45) if list(injector.due(0, float(s)))] == [10, 20, 30, 40]


def test_extra_frames_are_what_they_are_called() -> None:
    injector = Injector([], 1, 0)
    last = '{"text":"日本語"}'.encode()

    def frame(name: str) -> str | bytes:
        assert name in FAULTS
        return injector.frame(Fault(name, 1, by_frames=True), last)

    assert isinstance(frame("binary"), bytes)
    assert frame("duplicate") == last.decode()
    half = frame("half")
    assert isinstance(half, str)
    assert last.decode().startswith(half)
    assert half != last.decode()
    assert len(frame("oversize")) > 2_000_000


def test_whole_faults_are_of_so_many_connections_in_a_hundred() -> None:
    faults = parse("cutover%30,slow%100,tail%10,drop:5")
    whole = [Injector(faults, 1, connection).whole for connection in range(400)]
    assert 90 < sum("cutover" in each for each in whole) < 150
    assert all("slow" in each for each in whole)
    assert whole == [Injector(faults, 1, connection).whole for connection in range(400)]
    assert [fault.name for fault in Injector(faults, 1, 0).due(20, 0.0)] == ["drop"]


def test_faults_that_begin_later_are_not_due_for_what_was_before() -> None:
    injector = Injector(parse("drop@2,kick:100"), 1, 0)
    injector.skip(1_000, 60.0)
    assert list(injector.due(1_001, 61.0)) == []
    assert {fault.name for fault in injector.due(1_151, 62.0)} == {"drop", "kick"}
