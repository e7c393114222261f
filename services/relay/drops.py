"""Why a connection ended: kicked, restarted, lost or stalled, with the evidence for it."""

from __future__ import annotations

from typing import Literal

import msgspec

from services.relay.frames import Evidence

Cause = Literal["kicked", "restart", "network", "stall", "refused", "ended"]

#: A server of either version gives a reader up after not being able to write for about so long.
SLOW_READ_SECONDS = 5.0
#: Further behind than this the server has a backlog for us, which it bounds.
LAGGING_SECONDS = 10.0
#: Close codes of RFC 6455 and its registry: the server ended us for what we did, or itself for its own sake.
_KICKED = frozenset((1002, 1003, 1007, 1008, 1009, 1010))
_LATER = frozenset((1012, 1013))


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What a source saw at the end of a connection.

    ``code`` is the close frame's, ``None`` when there was none (known as 1006). ``held_seconds`` is
    the longest time we kept the socket unread lately; ``idle_seconds`` how long it gave nothing;
    ``lag_seconds`` how far behind the present we were when a batch was stored last.
    ``told`` is the cause where the feed named it itself, or where we ended the connection.
    """

    code: int | None = None
    detail: str = ""
    stalled: bool = False
    refused: bool = False
    finished: bool = False
    told: Cause | None = None
    held_seconds: float = 0.0
    idle_seconds: float = 0.0
    lag_seconds: float = 0.0
    host: str = ""


class Drop(msgspec.Struct, frozen=True):
    """``reason`` is a sentence for people."""

    cause: Cause
    reason: str
    evidence: Evidence


def classify(ending: Ending) -> Drop:
    """Source: Jetstream's close behaviour and what its operators observe (see docs/gotchas.md)."""
    cause, reason = _judge(ending)
    return Drop(
        cause,
        reason,
        {
            "cause": cause,
            "code": 1006 if ending.code is None else ending.code,
            "detail": ending.detail[:300],
            "held_seconds": round(ending.held_seconds, 1),
            "idle_seconds": round(ending.idle_seconds, 1),
            "lag_seconds": round(ending.lag_seconds, 1),
            "host": ending.host,
        },
    )


def _judge(ending: Ending) -> tuple[Cause, str]:
    detail = f" ({ending.detail[:120]})" if ending.detail else ""
    if ending.finished:
        return "ended", "The recording has been read to its end."
    if ending.told is not None:
        return ending.told, f"The connection ended for a reason that is known{detail}."
    if ending.stalled:
        return "stall", f"The feed sent nothing for {ending.idle_seconds:.0f} s and did not close the connection."
    if ending.refused:
        return "refused", f"The feed cannot be reached{detail}."
    if ending.code in _KICKED:
        return "kicked", f"The feed ended the connection for a reason of its own{detail}."
    if ending.code in _LATER:
        return "restart", f"The feed asks to come back later, with code {ending.code}{detail}."
    if ending.code not in (None, 1006):
        return "restart", f"The feed closed the connection with code {ending.code}{detail}."
    if ending.held_seconds > SLOW_READ_SECONDS:
        return "kicked", "The feed dropped the connection while we could not read as fast as it sent."
    if ending.lag_seconds > LAGGING_SECONDS:
        return "kicked", f"The feed dropped the connection while we were {ending.lag_seconds:.0f} s behind."
    return "network", f"The connection was lost{detail}."
