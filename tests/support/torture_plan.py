"""What happens in a torture run and when: a function of its seed and length, before anything is started."""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec

#: Always on: faulty frames, and connections that begin badly. Frames of true events are never replaced.
WEATHER = (
    "garbage:150,half:250,binary:300,wrongtype:280,oversize:700,duplicate:60,reorder:90,"
    "cutover%70,tail%10,refuse%15,slow%20"
)
#: Ends of connections, and silences; each is sent once a round to whatever connections are open.
ENDS = ("drop", "kick", "halfopen", "cut", "restart", "stall:4", "toolarge", "later")
KILLED = ("relay", "postgres", "valkey")

#: How the feed may be read: the version of the wire, and whether frames come packed.
WAYS = ("1", "1+zstd", "2", "2+zstd")

What = Literal["end", "kill", "forget", "clock", "read"]


class Act(msgspec.Struct, frozen=True):
    """``what`` happens ``at`` seconds after the start: an end of connections (``name`` is the fault), a
    SIGKILL (``name`` is the child), ``forget`` (nobody gets in, then the server forgets what was before),
    ``clock`` (the server's clock is behind by ``name`` seconds, so our cursor lies in its future), or
    ``read`` (the operator changes the feed: it is read in the way ``name`` from then on).
    """

    at: float
    what: What
    name: str = ""


def plan(seed: int, seconds: float) -> list[Act]:
    """The acts of a run, in order."""
    rng = Random(f"torture {seed}")
    room = max(seconds - 2.0, 1.0)
    acts = [Act(rng.uniform(0.45, 0.6) * room, "forget"), Act(rng.uniform(0.2, 0.35) * room, "clock", "9")]
    if seconds >= 40:
        acts.append(Act(rng.uniform(0.8, 0.9) * room, "forget"))
    ends = list(ENDS)
    rng.shuffle(ends)
    acts += spread(rng, room, "end", ends * max(1, round(seconds / 45)))
    victims = [*KILLED, *(rng.choice(KILLED) for _ in range(round(seconds / 12)))]
    rng.shuffle(victims)
    acts += spread(rng, room, "kill", victims)
    acts += _readings(Random(f"ways {seed}"), room, ways_of(seed))
    return sorted(acts, key=lambda act: act.at)


def server_of(seed: int) -> str:
    """The simulator's wire: a server of the first version, or one of the second, which speaks both."""
    return "jetstream" if seed % 3 == 0 else "jetstream2"


def ways_of(seed: int) -> tuple[str, ...]:
    """In which ways the seed's server can be read; a run goes through all of them."""
    return WAYS if server_of(seed) == "jetstream2" else WAYS[:2]


def _readings(rng: Random, room: float, ways: tuple[str, ...]) -> list[Act]:
    """The first way from the start on, the others later, one after the other."""
    order = rng.sample(ways, len(ways))
    return [Act(0.0, "read", order[0]), *spread(rng, room, "read", order[1:])]


def spread(rng: Random, room: float, what: What, names: list[str]) -> list[Act]:
    """One act for each name, about evenly apart."""
    step = room / len(names)
    return [Act((place + rng.uniform(0.1, 0.9)) * step, what, name) for place, name in enumerate(names)]
