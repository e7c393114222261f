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

What = Literal["end", "kill", "forget", "clock"]


class Act(msgspec.Struct, frozen=True):
    """``what`` happens ``at`` seconds after the start: an end of connections (``name`` is the fault), a
    SIGKILL (``name`` is the child), ``forget`` (nobody gets in, then the server forgets what was before),
    or ``clock`` (the server's clock is behind by ``name`` seconds, so our cursor lies in its future).
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
    return sorted(acts, key=lambda act: act.at)


def spread(rng: Random, room: float, what: What, names: list[str]) -> list[Act]:
    """One act for each name, about evenly apart."""
    step = room / len(names)
    return [Act((place + rng.uniform(0.1, 0.9)) * step, what, name) for place, name in enumerate(names)]
