"""Every duration of the render node in one place; tests make them short. Seconds, by the node's own clocks."""

from __future__ import annotations

import msgspec


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """A node has no database whose clock could decide; nothing here depends on time between machines."""

    #: Between looks at a running command: has it ended, how much memory is held.
    watch_seconds: float = 0.5
    #: Between looks at the publishing program while there is nothing to do.
    idle_seconds: float = 1.0
    #: For the commands that start and stop the publishing program, and until it is there or gone.
    program_seconds: float = 60.0
    #: How long a finished job is kept for who asks again.
    keep_seconds: float = 3600.0
    #: How long a request's body may take to arrive.
    body_seconds: float = 30.0
