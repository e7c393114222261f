"""How the simulator treats one connection: its faults, as they stand now, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

from services.solo.simulator.cutover import Cutover
from services.solo.simulator.door import Entry, Standing
from services.solo.simulator.faults import Fault, Injector

_REORDERED = 6


class Behaviour:
    """Of connection ``number``. Its whole faults stay; the others follow what the door asks for."""

    def __init__(self, standing: Standing, seed: int, number: int) -> None:
        self._standing, self._seed, self._number = standing, seed, number
        self._injector = Injector(standing.faults, seed, number)
        self._revision, self._hangups = standing.revision, standing.hangups
        self._taken: list[bytes] | None = None
        self.whole = self._injector.whole
        self.rng = self._injector.rng
        self.cutover = Cutover(self.rng, faulty="cutover" in self.whole)
        self.entry = Entry(opened_us=0)

    @property
    def floor_us(self) -> int:
        """Nothing older is kept."""
        return self._standing.floor_us

    @property
    def hung_up(self) -> bool:
        """Whether the door asked to cut every connection since this one began."""
        return self._hangups != self._standing.hangups

    def opened(self, now_us: int, cursor: int | None, *, version: int = 1, packed: bool = False) -> None:
        """Note the connection in the journal."""
        clock_us = self._standing.clock_us
        self.entry = Entry(
            opened_us=now_us - clock_us,
            cursor=cursor,
            faults=sorted(self.whole),
            version=version,
            packed=packed,
            clock_us=clock_us,
        )
        self._standing.note(self.entry)

    def due(self, frames: int, seconds: float) -> Iterator[Fault]:
        """Faults that became due. See ``Injector.due``."""
        if self._revision != self._standing.revision:
            self._revision = self._standing.revision
            self._injector = Injector(self._standing.faults, self._seed, self._number)
            self._injector.skip(frames, seconds)
        self.entry.frames, self.entry.lost = frames, self.cutover.lost
        yield from self._injector.due(frames, seconds)

    def frame(self, fault: Fault, last: bytes) -> str | bytes:
        """The extra frame of a fault that sends one."""
        return self._injector.frame(fault, last)

    def reorder(self) -> None:
        """From here on a few frames are taken, to come in another order."""
        self._taken = self._taken or []

    def ordered(self, frame: bytes) -> list[bytes]:
        """What is sent now that ``frame`` is due."""
        if self._taken is None:
            return [frame]
        self._taken.append(frame)
        if len(self._taken) < _REORDERED:
            return []
        taken, self._taken = self._taken, None
        self.rng.shuffle(taken)
        return taken
