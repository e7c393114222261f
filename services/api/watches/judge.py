"""One rule going through the minutes: its usual, its figures and its episodes. Pure."""

from __future__ import annotations

from services.api.watches.episodes import Figures, State, Step, step
from services.api.watches.series import Counted
from services.api.watches.usual import Usual
from shared.schemas.watch import WatchRule


class Judge:
    """``usual`` must end where the first minute given begins."""

    def __init__(self, rule: WatchRule, usual: Usual, state: State | None = None) -> None:
        self.rule, self.usual, self.state = rule, usual, state or State()

    def minute(self, counted: Counted, *, missing: bool, may_fire: bool) -> tuple[Figures, Step]:
        """Go on by the next minute. ``missing``: it was not (wholly) observed."""
        minute = self.usual.end
        self.usual.append(counted.posts, missing=missing)
        expected = self.usual.expected(minute)
        figures = Figures(
            minute=minute,
            posts=counted.window_posts,
            authors=counted.window_authors,
            usual=expected.posts if expected else None,
            provisional=expected.provisional if expected else True,
        )
        done = step(self.rule, self.state, figures, may_fire=may_fire)
        self.state = done.state
        return figures, done
