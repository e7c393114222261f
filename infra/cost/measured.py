"""What was measured, as it lies in ``measured.json``."""

from __future__ import annotations

from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("measured.json")


class Use(msgspec.Struct, frozen=True):
    """One service's use. Memory in bytes, on average and at most; ``cores`` is CPU-seconds a second."""

    name: str
    memory: int
    memory_most: int
    cores: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of ``seconds``, after ``warm_seconds``. ``posts``, ``events`` and ``vectors`` are counts of these
    seconds; ``disk_bytes`` is what the database grew by in them, ``vector_bytes`` what vectors have of it. ``load`` is
    the machine's own load average at the end, ``busy`` the cores that other processes than ours used."""

    combined: bool
    posts_asked: float
    seconds: float
    warm_seconds: float
    events: int
    posts: int
    vectors: int
    disk_bytes: int
    vector_bytes: int
    load: float
    busy: float
    services: list[Use]

    @property
    def rate(self) -> float:
        """Posts stored a second."""
        return self.posts / self.seconds

    @property
    def embedded(self) -> float:
        """The part of the posts that got a vector in the same time, at most 1."""
        return min(1.0, self.vectors / max(self.posts, 1))

    def service(self, name: str) -> Use:
        """One of them. KeyError where there is none."""
        return {use.name: use for use in self.services}[name]


class Measured(msgspec.Struct, frozen=True):
    """All runs of a day on one machine. ``machine`` is for people."""

    date: str
    machine: str
    stack: str
    runs: list[Run]

    def run(self, posts_asked: float, *, combined: bool) -> Run:
        """The run that was asked for. KeyError where there is none."""
        return {(run.posts_asked, run.combined): run for run in self.runs}[(posts_asked, combined)]


def read(path: Path = FILE) -> Measured:
    """The file, checked."""
    return msgspec.json.decode(path.read_bytes(), type=Measured)


def write(measured: Measured, path: Path = FILE) -> None:
    """The file, one line a value, so that a change can be read."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
