"""The actor behind the job ``run_briefing``. It only passes the id on."""

from __future__ import annotations

from collections.abc import Callable

import dramatiq

from shared.contracts.jobs import RUN_BRIEFING

#: Above what a briefing may take, the wait for a render node included: beyond it the thread is interrupted, and the
#: lease runs out.
TIME_LIMIT_MILLISECONDS = 420_000


def register(broker: dramatiq.Broker, perform: Callable[[str], None]) -> None:
    """Declare the actor on ``broker``. ``perform`` takes the run's id."""

    @dramatiq.actor(
        actor_name=RUN_BRIEFING.actor,
        queue_name=RUN_BRIEFING.queue,
        broker=broker,
        time_limit=TIME_LIMIT_MILLISECONDS,
        max_retries=0,  # the run's own lease and attempts decide whether it is tried again
    )
    def run_briefing(run_id: str) -> None:
        perform(run_id)
