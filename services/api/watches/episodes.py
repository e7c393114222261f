"""When a rule is met, when it is worth an alert, and when that is over. Pure: live and backtest run this.

An episode begins with the first minute in which the rule holds and ends when it has not held for as long as
the rule's window (at least ten minutes). It is announced once, and again each time it holds four times the
posts of its last announcement. Nothing is announced within the cool-down after an announcement, or while
``may_fire`` is false (snoozed, not armed yet): what still goes on afterwards is announced then.
"""

from __future__ import annotations

import msgspec

from shared.schemas.watch import WatchRule

GROWTH = 4
LEAST_QUIET_MINUTES = 10


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one closed ``minute`` shows: posts and authors in the window that ends with it, and the usual."""

    minute: int
    posts: int
    authors: int
    usual: float | None
    provisional: bool

    @property
    def ratio(self) -> float | None:
        """Times the usual, with at least one post expected."""
        return None if self.usual is None else self.posts / max(self.usual, 1.0)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """``began`` and ``last`` are the first and last minute of the open episode in which the rule held.

    ``level`` announcements were made of it, the last with ``told`` posts. None before minute ``silent_until``.
    """

    began: int | None = None
    last: int = 0
    level: int = 0
    told: int = 0
    silent_until: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a minute did. ``fired`` is the level announced; ``ended`` the first minute of an episode now over."""

    state: State
    holds: bool
    fired: int | None = None
    ended: int | None = None


def holds(rule: WatchRule, figures: Figures) -> bool:
    """Whether the rule's thresholds are met. One that asks for the usual is not, while that is unknown."""
    threshold = rule.threshold
    if figures.posts < threshold.posts or figures.authors < threshold.authors:
        return False
    if threshold.times_usual is None:
        return True
    return figures.ratio is not None and figures.ratio >= threshold.times_usual


def quiet_minutes(rule: WatchRule) -> int:
    """How long a rule must not hold for its episode to be over."""
    return max(rule.threshold.minutes, LEAST_QUIET_MINUTES)


def step(rule: WatchRule, state: State, figures: Figures, *, may_fire: bool) -> Step:
    """Go on by one minute; minutes must come in order, all of them."""
    minute, met, ended = figures.minute, holds(rule, figures), None
    if state.began is not None and not met and minute - state.last >= quiet_minutes(rule):
        ended, state = state.began, State(silent_until=state.silent_until)
    if not met:
        return Step(state=state, holds=False, ended=ended)
    began = minute if state.began is None else state.began
    state = msgspec.structs.replace(state, began=began, last=minute)
    grown = state.level == 0 or figures.posts >= GROWTH * state.told
    if not (may_fire and grown and minute >= state.silent_until):
        return Step(state=state, holds=True)
    told = msgspec.structs.replace(
        state, level=state.level + 1, told=figures.posts, silent_until=minute + rule.cooldown_minutes
    )
    return Step(state=told, holds=True, fired=state.level)
