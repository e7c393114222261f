"""The actor behind the job ``run_agent``. It only passes the id on."""

from __future__ import annotations

from collections.abc import Callable

import dramatiq

from shared.contracts.jobs import RUN_AGENT

#: Above what any agent is allowed (``definition.MOST_SECONDS``) with its last answer and its report.
TIME_LIMIT_MILLISECONDS = 2_400_000


def register(broker: dramatiq.Broker, perform: Callable[[str], None]) -> None:
    """Declare the actor on ``broker``. ``perform`` takes the run's id."""

    @dramatiq.actor(
        actor_name=RUN_AGENT.actor,
        queue_name=RUN_AGENT.queue,
        broker=broker,
        time_limit=TIME_LIMIT_MILLISECONDS,
        max_retries=0,  # the run's own lease and attempts decide whether it is tried again
    )
    def run_agent(run_id: str) -> None:
        perform(run_id)
