"""Jobs by contract: the name, queue and arguments that the API and the worker agree on.

The API writes a job into the outbox in the transaction that creates the run; the worker's actors
carry the same names. A message carries ids only, never content.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Queue = Literal["interactive", "agents", "pipeline", "maintenance", "delivery"]


class Job(msgspec.Struct, frozen=True):
    """``actor`` is the Dramatiq actor's name; ``args`` its keyword arguments by type name."""

    actor: str
    queue: Queue
    args: tuple[str, ...]


RUN_BRIEFING = Job(actor="run_briefing", queue="interactive", args=("run_id",))
#: Takes minutes, so that it has a queue of its own: a briefing waits for no agent.
RUN_AGENT = Job(actor="run_agent", queue="agents", args=("run_id",))
#: A chain of stages, some of which are agents.
RUN_PIPELINE = Job(actor="run_pipeline", queue="pipeline", args=("run_id",))
#: What does the runs of a kind.
JOB_OF_RUN = {"briefing": RUN_BRIEFING, "agent": RUN_AGENT, "pipeline": RUN_PIPELINE}

#: Sends one alert, or a test, to one destination. A queue of its own: a destination that hangs delays no run.
DELIVER_ALERT = Job(actor="deliver_alert", queue="delivery", args=("delivery_id",))
#: Seconds in which a delivery's job is expected to begin and end; after that it is put out anew.
DELIVERY_LEASE_SECONDS = 60

JOBS = (RUN_BRIEFING, RUN_AGENT, RUN_PIPELINE, DELIVER_ALERT)
