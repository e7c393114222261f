"""What ``up --once`` says at the end, and how it is counted against the simulator's truth."""

from __future__ import annotations

import msgspec

from services.solo.stack import SIMULATED_FEED, Stack
from shared.contracts.ids import post_id
from shared.errors import DependencyError
from shared.store import audit


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
    """Compare the record with what the simulator served.

    Expected are all posts from the first one stored to the cursor, which commits with the rows it
    covers: posts stored meanwhile lie beyond it. The first is held to the truth too: the stream
    begins at the simulator's anchor, and a fresh feed reads from there.
    """
    database = stack.database
    cursor = database.fetch_one(audit.FEED_TOTALS, {"feed": SIMULATED_FEED})
    if cursor is None:
        raise DependencyError("The relay has stored nothing yet.")
    stored = {key.id for key in database.fetch(audit.POST_KEYS, {"feed": SIMULATED_FEED})}
    ledger = stack.simulated_stream().ledger
    served = {post_id(post.uri) for post in ledger.posts(stack.simulator_anchor_us, cursor.position + 1)}
    totals = database.fetch(audit.TOTALS)[0]
    return Verdict(
        events=cursor.events,
        stored=totals.stored,
        lost=len(served - stored),
        duplicated=totals.duplicated,
        embedded=totals.embedded,
    )
