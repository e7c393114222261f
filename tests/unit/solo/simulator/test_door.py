"""The door for tests: what it obeys, what it refuses, and to whom it opens."""

from __future__ import annotations

from random import Random

import pytest

from services.solo.simulator.behaviour import Behaviour
from services.solo.simulator.cutover import NEAR_US, Cutover
from services.solo.simulator.door import Entry, Standing, is_here
from services.solo.simulator.faults import Fault
from shared.errors import InputError

NOW = 1_780_000_000_000_000


def test_the_door_obeys_and_says_how_things_stand() -> None:
    standing = Standing()
    standing.obey("/control?faults=drop@3,cutover%2520&clock=-9&closed=1&hangup=1&floor=now", NOW)
    assert standing.faults == [Fault("drop", 3, by_frames=False), Fault("cutover", 20, by_frames=False, whole=True)]
    assert (standing.clock_us, standing.closed, standing.hangups, standing.floor_us) == (-9_000_000, True, 1, NOW)
    standing.obey("/control?floor=5&closed=0", NOW)
    assert (standing.floor_us, standing.closed, standing.revision) == (5, False, 1)
    standing.note(Entry(opened_us=1, fault="drop"))
    assert '"fault":"drop"' in standing.told(NOW)


@pytest.mark.parametrize("query", ["floor=soon", "clock=late", "faults=explode:3", "open=1"])
def test_the_door_refuses_what_it_does_not_know(query: str) -> None:
    with pytest.raises(InputError):
        Standing().obey(f"/control?{query}", NOW)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        (("127.0.0.1", 5), True),
        (("::1", 5, 0, 0), True),
        (("192.0.2.7", 5), False),
        (("::ffff:192.0.2.7", 5, 0, 0), False),
        (None, False),
        ("", False),
    ],
)
def test_the_door_opens_to_this_machine_only(address: object, here: bool) -> None:
    assert is_here(address) is here


def test_a_change_to_live_loses_and_disorders_and_keeps_to_its_time() -> None:
    cutover = Cutover(Random(3), faulty=True)
    frames = {at: str(at).encode() for at in range(0, 10_000_000, 10_000)}
    sent: list[bytes] = []
    for at, frame in frames.items():
        # the present is six seconds after the beginning, and goes on with the events once they reach it
        cutover.look(at, max(6_000_000, at))
        sent += cutover.through(at, frame)
    assert len(sent) == len(frames) - cutover.lost
    assert cutover.lost > 20
    assert sent != sorted(sent, key=int)
    odd = set(frames.values()) - set(sent)
    assert all(6_000_000 - NEAR_US - 10_000 <= int(frame) <= 6_000_000 + NEAR_US for frame in odd)
    assert sorted(sent, key=int)[:400] == sent[:400]


def test_a_connection_without_the_fault_is_whole() -> None:
    cutover = Cutover(Random(3), faulty=False)
    cutover.look(0, 0)
    assert [cutover.through(at, b"x") for at in range(50)] == [[b"x"]] * 50


def test_frames_change_places_only_when_asked_and_all_arrive() -> None:
    behaviour = Behaviour(Standing(), 1, 0)
    frames = [bytes([number]) for number in range(12)]
    assert behaviour.ordered(frames[0]) == [frames[0]]
    behaviour.reorder()
    sent = [piece for frame in frames[1:] for piece in behaviour.ordered(frame)]
    assert sorted(sent) == frames[1:]
    assert sent != frames[1:]
    assert sent[6:] == frames[7:]
