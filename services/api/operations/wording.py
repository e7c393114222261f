"""Plain words for states: what a part is, what the user misses without it, what helps."""

from __future__ import annotations

import msgspec

from shared.schemas.feed import FeedStatus
from shared.schemas.health import State


class Words(msgspec.Struct, frozen=True):
    """``effect`` and ``do`` are shown while the part is not well."""

    title: str
    effect: str
    do: str


UNITS = {
    "relay": Words(
        "Relay",
        "No new posts arrive. Nothing is lost: it goes on from where it stopped.",
        "Start the relay, or look at its log.",
    ),
    "api": Words("API", "Topics and live updates may stand still.", "Look at the API's log."),
    "worker": Words(
        "Worker",
        "Briefings wait and old posts are not cleared away.",
        "Start the worker, or look at its log.",
    ),
}

_USED = {
    "postgres": Words("PostgreSQL", "Nothing can be read or stored.", "Start PostgreSQL."),
    "valkey": Words(
        "Valkey",
        "Live updates pause and briefings wait; lists still show what is stored.",
        "Start Valkey or Redis.",
    ),
    "embedder": Words(
        "Embedding model",
        "Search finds words only, not meaning.",
        "See the reason; set GROUNDSWELL_EMBEDDING_MODEL=auto to try again.",
    ),
    "vectors": Words(
        "Vector index",
        "Search finds words only, not meaning. Missed posts are filled in later.",
        "Start the vector index, or look at its log.",
    ),
    "momentum": Words(
        "Momentum",
        "Topics and their charts are behind or stand still.",
        "Wait while it catches up; if it does not, look at the API's log.",
    ),
    "render": Words("PDF renderer", "Reports come as Markdown only.", "Look at the worker's log."),
    "live": Words("Live updates", "The page does not move by itself.", "Start Valkey or Redis, or reload the page."),
}

#: State, effect and advice for each status of a feed.
FEED_STATES: dict[FeedStatus, tuple[State, str | None, str | None]] = {
    "live": ("ok", None, None),
    "starting": ("degraded", "Its posts do not arrive yet.", "Wait a moment."),
    "catching_up": ("degraded", "Its newest posts arrive late.", "Wait while it catches up."),
    "stalled": ("degraded", "No new posts of it arrive.", "It reconnects by itself."),
    "unreachable": (
        "down",
        "No new posts of it arrive. What its server keeps is read later.",
        "Check the feed's address and the network; it reconnects by itself.",
    ),
    "paused": ("off", None, None),
    "ended": ("off", None, None),
}


def words_for(unit: str, component: str) -> Words:
    """Words for ``component`` as ``unit`` reports it."""
    if unit == component and unit in UNITS:
        return UNITS[unit]
    if words := _USED.get(component):
        return msgspec.structs.replace(words, title=f"{words.title} ({unit})")
    return Words(f"{component} ({unit})", "A part of it does not work.", f"Look at the log of the {unit}.")
