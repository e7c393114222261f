"""Jobs by contract: the name, queue and arguments that the API and the worker agree on.

The API writes a job into the outbox in the transaction that creates the run; the worker's actors
carry the same names. A message carries ids only, never content.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Queue = Literal["interactive", "pipeline", "maintenance"]


class Job(msgspec.Struct, frozen=True):
    """``actor`` is the Dramatiq actor's name; ``args`` its keyword arguments by type name."""

    actor: str
    queue: Queue
    args: tuple[str, ...]


RUN_BRIEFING = Job(actor="run_briefing", queue="interactive", args=("run_id",))

JOBS = (RUN_BRIEFING,)
