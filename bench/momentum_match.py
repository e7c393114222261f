"""Which detection tells of which event, and the figures that follow.

An announcement tells of an event when it was made between the event's first post and 60 minutes after
its last, and its six leading terms hold a word that only this event uses, or two of the event's words
(one, if it has no other). Of several events the one with most of its words wins. The first announcement
that tells of an event is its detection. A **story** is what one method announced under one topic id: one
none of whose announcements tells of an event is a false alarm, put down to the planting that the first
names, if any, else to noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.momentum_plant import DAY, MINUTE_US, Planting
from bench.momentum_stream import START_US, Stream
from shared.features.terms import terms_of

LEADING = 6
AFTERWARDS = 60


@dataclass(frozen=True)
class Announcement:
    """A method says that ``terms`` gain momentum; ``story`` is its own topic id."""

    time_us: int
    story: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """The figures of one method on one stream. Delays in minutes since the event's first post."""

    events: int
    found: int
    false_alarms: Counter[str]
    days: float
    delays: tuple[float, ...]
    seen: tuple[int, ...]
    before_peak: int
    stories: int
    announcements: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def recall(self) -> float:
        return self.found / self.events

    @property
    def false_a_day(self) -> float:
        return self.false_alarms.total() / self.days

    @property
    def f1(self) -> float:
        """Of events found and stories: precision counts each event once."""
        return 2 * self.found / (self.events + self.found + self.false_alarms.total())

    def row(self, name: str) -> str:
        """One line of a Markdown table."""
        median, p90 = (float(np.percentile(self.delays, q)) if self.delays else float("nan") for q in (50, 90))
        seen = float(np.median(self.seen)) if self.seen else float("nan")
        found = max(self.found, 1)
        cells = (
            name,
            f"{self.found}/{self.events}",
            f"{self.false_a_day:.1f}",
            f"{self.f1:.3f}",
            f"{median:.0f} / {p90:.0f}",
            f"{seen:.0f}",
            f"{self.before_peak / found:.2f}",
            f"{self.stories / found:.2f}",
            f"{self.announcements / found:.2f}",
            ", ".join(f"{n} {kind}" for kind, n in sorted(self.false_alarms.items())) or "none",
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| method | found | false alarms a day | F1 | median / p90 delay, min | posts seen | before peak "
    "| topics an event | announcements an event | false alarms by cause |\n" + "| --- " * 10 + "|"
)


def score(stream: Stream, announcements: Sequence[Announcement]) -> Score:
    """Match and count. Announcements in the first day (warm-up) are not looked at."""
    truth = [planting for planting in stream.truth if planting.posts]
    spoken = {planting.number: (_terms(planting.words), _terms(planting.own)) for planting in truth}
    stories: dict[str, list[Announcement]] = {}
    for announcement in sorted(announcements, key=lambda a: a.time_us):
        if announcement.time_us >= START_US + DAY * MINUTE_US:
            stories.setdefault(announcement.story, []).append(announcement)
    found: dict[int, dict[str, list[int]]] = {}
    false_alarms: Counter[str] = Counter()
    wrong = []
    for story, told in stories.items():
        plantings = [_told(announcement, truth, spoken) for announcement in told]
        for announcement, planting in zip(told, plantings, strict=True):
            if planting is not None and planting.kind == "event":
                found.setdefault(planting.number, {}).setdefault(story, []).append(announcement.time_us)
        if not any(planting is not None and planting.kind == "event" for planting in plantings):
            first = plantings[0]
            false_alarms[first.kind if first else "noise"] += 1
            at = (told[0].time_us - START_US) // MINUTE_US
            wrong.append(f"{at} {first.name if first else 'noise'}: {' '.join(told[0].terms[:5])}")
    events = [planting for planting in truth if planting.kind == "event"]
    firsts = {e.number: min(map(min, found[e.number].values())) for e in events if e.number in found}
    times = {e.number: stream.times[stream.planted == e.number] for e in events}
    return Score(
        events=len(events),
        found=len(firsts),
        false_alarms=false_alarms,
        days=(stream.setting.minutes - DAY) / DAY,
        delays=tuple((first - int(times[number][0])) / MINUTE_US for number, first in firsts.items()),
        seen=tuple(int(np.searchsorted(times[number], first)) for number, first in firsts.items()),
        before_peak=sum(firsts[e.number] < START_US + e.peak * MINUTE_US for e in events if e.number in firsts),
        stories=sum(map(len, found.values())),
        announcements=sum(len(times) for several in found.values() for times in several.values()),
        missed=tuple(f"{e.name} ({e.posts} posts)" for e in events if e.number not in firsts),
        wrong=tuple(wrong),
    )


def _terms(words: set[str]) -> frozenset[str]:
    """The terms that a detector sees of these words; tags count as the word they hold."""
    return frozenset(
        bare.lstrip("#") for word in words for bare in ([word] if word[0] in "#$" or "." in word else terms_of(word))
    )


def _told(
    story: Announcement, truth: Sequence[Planting], spoken: dict[int, tuple[frozenset[str], frozenset[str]]]
) -> Planting | None:
    minute = (story.time_us - START_US) // MINUTE_US
    leading = [term.lstrip("#") for term in story.terms[:LEADING]]
    best: tuple[int, int, Planting] | None = None
    for planting in truth:
        if not planting.begin <= minute <= planting.end + AFTERWARDS:
            continue
        words, own = spoken[planting.number]
        held = sum(term in words for term in leading)
        alone = sum(term in own for term in leading)
        if alone or held >= min(2, len(leading)):
            rank = (held + alone, planting.kind == "event", planting)
            if best is None or rank[:2] > best[:2]:
                best = rank
    return best[2] if best else None
