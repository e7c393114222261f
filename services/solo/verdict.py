"""What ``up --once`` says at the end, and how it is counted against the simulator's truth."""

from __future__ import annotations

import msgspec

from services.solo.stack import Stack


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON line. ``lost``: served but not stored; ``duplicated``: stored more than once."""

    events: int
    stored: int
    lost: int
    duplicated: int
    embedded: int
    first_insight_s: float = 0.0
    topics: list[str] = []
    search_hits: int = 0
    report: str = ""
    spend_usd: float = 0.0

    @property
    def main_job_done(self) -> bool:
        """True only if every part of the main job really happened."""
        nothing_wrong = self.lost == 0 and self.duplicated == 0
        return nothing_wrong and all((self.stored, self.embedded, self.topics, self.search_hits, self.report))


def count(stack: Stack) -> Verdict:
    """Filled in once the simulator's truth is there."""
    raise NotImplementedError
