"""The job that judges watches: minute by minute of event time, each minute once, whatever is killed when.

A minute is judged once the feeds have passed it. What it found, the alerts with their jobs for the worker, and
the position reached commit in one transaction that is fenced by the lease and holds the watch; an alert's id is
a hash of what it announces. After a kill the next run goes on from the position, so nothing is told twice and
nothing is passed over. A new watch reads the days before in the same way, without telling.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from services.api.metrics import (
    WATCH_ALERTS,
    WATCH_LAG_SECONDS,
    WATCH_MINUTES,
    WATCH_STEP_SECONDS,
    WATCHES,
    WATCHES_DEGRADED,
)
from services.api.momentum.watermark import Reach, watermark
from services.api.scheduler.lease import Lease
from services.api.watches.judged import Followed, Outcome, judge_stretch
from services.api.watches.meaning import Meanings
from services.api.watches.minutes import minute_of, time_of
from services.api.watches.series import Stretch
from services.api.watches.usual import DAY, DAYS
from services.api.watches.write import write_outcome
from shared.errors import BrokerUnavailable, StoreUnavailable
from shared.schemas.live import AlertRaised
from shared.store import alerts as alert_store
from shared.store import momentum as horizon_store
from shared.store import watch_judging as store
from shared.store.database import Database, timed_out
from shared.telemetry import logs
from shared.telemetry.health import State as Health

#: A pass begins no further watch after so long, so that the lease is renewed well in time.
PASS_SECONDS = 4.0
#: A watch that has caught up rests so many times what its last step took: it takes a tenth of the time at most.
REST = 9.0
#: Minutes of event time a step reads at most; fewer when a step takes long.
MOST_MINUTES, SLOW_SECONDS, QUICK_SECONDS = 360, 2.0, 0.2
#: Further behind than this, a watch is learning or catching up, and stands behind those that are not.
BEHIND_MINUTES = 60
_US = 60_000_000


class WatchJob:
    """``publish`` raises BrokerUnavailable when nobody can be told; ``say`` is told how we are."""

    def __init__(
        self,
        database: Database,
        meanings: Meanings,
        *,
        lateness_seconds: int,
        public_url: str,
        publish: Callable[[AlertRaised], object],
        say: Callable[[Health, str | None], None],
        rest: float = REST,
    ) -> None:
        self._database, self._meanings = database, meanings
        self._lateness_us, self._public_url = lateness_seconds * 1_000_000, public_url
        self._publish, self._say, self._rest = publish, say, rest
        self._followed: dict[str, Followed] = {}

    def forget(self) -> None:
        """Begin from the stored positions next time."""
        self._followed = {}

    def run(self, lease: Lease) -> bool:
        """One pass. Raises FencedError when another process has taken over: nothing was written."""
        deadline = time.monotonic() + PASS_SECONDS
        horizons = self._database.fetch(horizon_store.HORIZONS)
        due = self._database.fetch(store.DUE)
        self._followed = {row.id: kept for row in due if (kept := self._followed.get(row.id))}
        closed = {row.id: self._closed(row, horizons) for row in due}
        late = {row.id: _behind(row, closed[row.id]) for row in due}
        current = [row for row in due if late[row.id] <= BEHIND_MINUTES]
        behind = [row for row in due if late[row.id] > BEHIND_MINUTES]
        for row in current:
            if time.monotonic() < deadline:
                self._turn(row, closed[row.id], lease)
        more = False
        for number, row in enumerate(behind):
            if number == 0 or time.monotonic() < deadline:
                more = self._turn(row, closed[row.id], lease) or more
        self._report(due, late)
        return more

    # --- one watch ------------------------------------------------------------------------------
    def _turn(self, row: store.Due, closed: int | None, lease: Lease) -> bool:
        """Judge the next stretch of one watch, if there is one and it is its turn. Whether it got further."""
        followed = self._followed.get(row.id)
        if closed is None or (followed and time.monotonic() < followed.rests_until):
            return False
        if followed is None or not followed.continues(row):
            followed = Followed.begin(self._database, row, closed)
        stretch = Stretch(followed.next, min(closed, followed.next + followed.most_minutes))
        if stretch.end <= stretch.start:
            self._followed[row.id] = followed
            return False
        self._followed.pop(row.id, None)  # only a step that went well is continued in memory
        began = time.monotonic()
        try:
            outcome = judge_stretch(self._database, self._meanings, row, followed, stretch)
            wrote = self._write(row, followed, outcome, lease)
        except StoreUnavailable as error:
            if not timed_out(error):
                raise
            self._slow_down(row, followed, stretch)
            return True
        took = time.monotonic() - began
        WATCH_STEP_SECONDS.observe(took)
        followed.pace(took, slow=SLOW_SECONDS, quick=QUICK_SECONDS, most=MOST_MINUTES)
        followed.rests_until = began + took * (1 + self._rest) if stretch.end == closed else 0.0
        if wrote:
            self._followed[row.id] = followed
        return outcome is not None

    def _write(self, row: store.Due, followed: Followed, outcome: Outcome | None, lease: Lease) -> bool:
        """Whether memory still says what the record says."""
        if outcome is None:
            return True
        if not write_outcome(self._database, lease, row, outcome):
            return False
        followed.before = outcome.position
        WATCH_MINUTES.inc(outcome.judged)
        for alert in outcome.said.alerts:
            WATCH_ALERTS.labels(alert["kind"]).inc()
        for told in outcome.said.told():
            self._tell(told)
        return True

    def _slow_down(self, row: store.Due, followed: Followed, stretch: Stretch) -> None:
        """PostgreSQL ended the reading: read less, and if that is a minute already, say so and rest."""
        minutes = stretch.end - stretch.start
        followed = Followed.begin(self._database, row, stretch.end)
        followed.most_minutes = max(1, minutes // 4)
        if minutes == 1:
            why = "Its posts could not be counted in time: make its words rarer or its window shorter."
            self._database.execute(store.DEGRADE, {"watch": row.id, "revision": row.revision, "degraded": why})
            followed.rests_until = time.monotonic() + 300
        self._followed[row.id] = followed
        logs.get(__name__).warning("watch_too_slow", watch=row.id, minutes=minutes)

    # --- what the feeds have reached ----------------------------------------------------------------
    def _closed(self, row: store.Due, horizons: list[horizon_store.Horizon]) -> int | None:
        """The minute up to which the feeds of this watch have brought everything; ``None`` without feeds."""
        wanted = row.rule.get("feeds") or None
        reaches = {
            horizon.feed: Reach(horizon.event_us, drained=True, silent=horizon.silent)
            for horizon in horizons
            if wanted is None or horizon.feed in wanted
        }
        reached = watermark(reaches)
        return None if reached is None else (reached - self._lateness_us) // _US

    # --- who is told ----------------------------------------------------------------------------
    def _tell(self, alert: str) -> None:
        try:
            with self._database.transaction() as transaction:
                found = alert_store.read(transaction, alert, self._public_url)
            if found:
                self._publish(AlertRaised(alert=found[0], unread=found[1]))
        except BrokerUnavailable as error:
            logs.get(__name__).debug("alert_not_published", error=str(error))

    def _report(self, due: list[store.Due], late: dict[str, int]) -> None:
        degraded = [row for row in due if row.degraded]
        WATCHES.set(len(due))
        WATCHES_DEGRADED.set(len(degraded))
        WATCH_LAG_SECONDS.set(60 * max(late.values(), default=0))
        if degraded:
            self._say("degraded", f"Watches that cannot judge all their conditions: {len(degraded)} of {len(due)}.")
        else:
            self._say("ok", None)


def _behind(row: store.Due, closed: int | None) -> int:
    """Minutes of event time between the watch and its feeds."""
    if closed is None:
        return 0
    position = row.evaluated_to or time_of(closed - DAYS * DAY)
    return max(0, closed - minute_of(position))
