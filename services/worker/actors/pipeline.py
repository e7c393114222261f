"""The actor behind the job ``run_pipeline``. It only passes the id on."""

from __future__ import annotations

from collections.abc import Callable

import dramatiq

from shared.contracts.jobs import RUN_PIPELINE

#: Above what a chain's agents are allowed (``definition.MOST_CHAIN_SECONDS``) with its last answer, code and print.
TIME_LIMIT_MILLISECONDS = 6_600_000


def register(broker: dramatiq.Broker, perform: Callable[[str], None]) -> None:
    """Declare the actor on ``broker``. ``perform`` takes the run's id."""

    @dramatiq.actor(
        actor_name=RUN_PIPELINE.actor,
        queue_name=RUN_PIPELINE.queue,
        broker=broker,
        time_limit=TIME_LIMIT_MILLISECONDS,
        max_retries=0,  # the run's own lease and attempts decide whether it is tried again
    )
    def run_pipeline(run_id: str) -> None:
        perform(run_id)
