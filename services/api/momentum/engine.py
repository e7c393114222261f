"""The momentum engine: posts in, topics out. No I/O, no clock, bounded memory.

Event time only: a minute closes when the caller's watermark has passed its end by the lateness, and
from then on its decisions stand. The same posts give the same ticks in whatever order and at whatever
pace they come, and an engine restored from a snapshot continues bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from services.api.momentum import snapshot as snapshots
from services.api.momentum.baseline import Baseline
from services.api.momentum.config import MomentumConfig
from services.api.momentum.intake import Drops, Intake
from services.api.momentum.judge import judge
from services.api.momentum.model import MINUTE_US, Detection, Observation, Tick, TopicMinute, TopicState
from services.api.momentum.report import Reporter
from services.api.momentum.ring import Ring
from services.api.momentum.topics import Registry

__all__ = ["Detection", "Engine", "Observation", "Tick", "TopicMinute", "TopicState"]

_STEADY_MINUTES = 20
_DEFAULT = MomentumConfig()


class Engine:
    """Feed with ``observe``, ``retract`` and ``gap``; ``advance`` closes minutes and returns ticks.

    Raises ``InputError`` for a snapshot that cannot be read and ``ConflictError`` for one made under
    other parameters; then start without it.
    """

    def __init__(self, config: MomentumConfig = _DEFAULT, snapshot: bytes | None = None) -> None:
        self.config = config
        self.ring = Ring(config)
        self.intake = Intake(config, self.ring.index)
        self.baseline = Baseline(config)
        self.registry = Registry(config)
        self.gaps: list[tuple[int, int]] = []
        if snapshot is not None:
            snapshots.restore(self, snapshot)

    @property
    def baseline_minutes(self) -> int:
        """Minutes of data seen; the baseline is mature at ``config.warmup_minutes``."""
        return self.baseline.minutes

    @property
    def closed_us(self) -> int | None:
        """End of the last closed minute: what a snapshot covers. Replay posts from some minutes
        before; known ones are ignored."""
        return None if self.intake.closed < 0 else (self.intake.closed + 1) * MINUTE_US

    @property
    def drops(self) -> Drops:
        return self.intake.drops

    def observe(self, observations: Iterable[Observation]) -> None:
        """Take posts in any order. A post seen before is ignored."""
        self.intake.add(observations)

    def retract(self, posts: Iterable[str]) -> None:
        """Deleted posts stop counting, also when they are still to come. What the baseline has
        absorbed of them stays."""
        for post in posts:
            if not self.intake.retract(post) and not self.ring.retract(self.intake.closed, post):
                self.intake.bury(post)

    def gap(self, start_us: int, end_us: int) -> None:
        """Nothing is known of [start, end): the stretch adds no age to the baseline, and life cycles
        stand still until their comparisons lie behind it. Minutes without any post do the same."""
        if end_us > start_us:
            self.gaps = sorted({*self.gaps, (start_us // MINUTE_US, (end_us - 1) // MINUTE_US)})[-1000:]

    def advance(self, watermark_us: int) -> list[Tick]:
        """Close every minute that ended before ``watermark_us`` less the lateness. Minutes without
        posts give no tick."""
        last = (watermark_us - self.config.lateness_us) // MINUTE_US - 1
        ticks = []
        minute = self._next(last)
        while minute <= last:
            tick = self._close(minute)
            if tick is not None:
                ticks.append(tick)
            minute = self._next(last)
        return ticks

    def snapshot(self) -> bytes:
        """The complete state, compressed."""
        return snapshots.take(self)

    def _next(self, last: int) -> int:
        """The next minute to close; stretches in which nothing can change are skipped."""
        intake = self.intake
        if intake.closed >= 0 and self.ring.counting():
            return intake.closed + 1
        return min((minute for minute in intake.open if minute <= last), default=last + 1)

    def _close(self, minute: int) -> Tick | None:
        observations, seen = self.intake.close(minute)
        self.ring.expire(minute)
        blocks = [
            self.ring.add(minute, earlier, late, len(late))
            for earlier, late in self.intake.take_late().items()
            if earlier > minute - self.ring.horizon
        ]
        if observations:
            blocks.append(self.ring.add(minute, minute, observations, seen))
            self.baseline.minutes += 1
            self.baseline.hear(blocks[-1].languages)
        self._learn(minute)
        if not observations:
            return None
        tick = self._judge(minute, seen)
        for block in blocks:
            block.fresh[:] = False
        return tick

    def _learn(self, minute: int) -> None:
        """Let the baseline see what lies far enough back."""
        frontier = self.baseline.frontier(minute)
        for block in self.ring.blocks:
            if block.minute <= frontier and not block.absorbed:
                hashes = self.ring.vocabulary.hashes[block.distinct] if block.counting else block.hashes
                self.baseline.absorb(block.minute, hashes, block.counts, block.total)
                block.absorbed = True
        self.baseline.variance.advance(frontier)
        if minute % self.config.slot_minutes == 0 and self.baseline.minutes >= self.ring.horizon:
            self._sample_variance(minute)

    def _sample_variance(self, minute: int) -> None:
        totals = self.ring.totals(minute)
        numbers = np.flatnonzero(self.ring.counts[-1] >= 2)
        if not totals[-1] or not len(numbers):
            return
        hashes = self.ring.vocabulary.hashes[numbers]
        usual = self.baseline.usual_share(minute, hashes)
        self.baseline.variance.sample(minute, hashes, self.ring.counts[-1, numbers] / totals[-1] - usual)

    def _judge(self, minute: int, seen: int) -> Tick:
        reporter = Reporter(self.config, self.ring, self.registry, minute, self.baseline.minutes)
        self.registry.forget(minute)
        if self.baseline.minutes >= self.config.provisional_after_minutes:
            view, findings = judge(self.config, self.ring, self.baseline, self.registry, minute)
            reporter.apply(view, findings, self._steady(minute))
        return reporter.tick(seen)

    def _steady(self, minute: int) -> bool:
        """Whether the last twenty minutes hold data and touch no gap."""
        begin = minute - _STEADY_MINUTES + 1
        held = {block.minute for block in self.ring.live()}
        clear = all(end < begin or start > minute for start, end in self.gaps)
        return clear and all(m in held for m in range(begin, minute + 1))
