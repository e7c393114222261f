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

#: What units use or do, by the name they report. The title stands where only one unit has such a part.
_PARTS = {
    "postgres": Words("PostgreSQL", "Nothing can be read or stored.", "Start PostgreSQL."),
    "valkey": Words(
        "Valkey",
        "Live updates pause and briefings wait; lists still show what is stored.",
        "Start Valkey or Redis.",
    ),
    "vectors": Words(
        "vector index",
        "Search finds words only, not meaning. Missed posts are filled in later.",
        "Start the vector index, or look at its log.",
    ),
    "embedder": Words(
        "Embedding model for search",
        "Search finds words only, not meaning.",
        "See the reason: it is tried again by itself. `groundswell embed` shows every step.",
    ),
    "embedding": Words(
        "Embedding of new posts",
        "Search finds new posts by their words only, not by meaning. They are embedded later.",
        "Wait while it starts; what failed is tried again by itself. `groundswell embed` shows every step.",
    ),
    "momentum": Words(
        "Momentum",
        "Topics and their charts are behind or stand still.",
        "Wait while it catches up; if it does not, look at the API's log.",
    ),
    "watches": Words(
        "Watches",
        "Some watches do not judge all their conditions; each says which.",
        "See the reason beside the watch.",
    ),
    "analysis": Words(
        "Queries in SQL",
        "Nobody can query the record in SQL, the analyst neither.",
        "See the reason; docs/analysis.md tells what queries need.",
    ),
    "sandbox": Words(
        "Sandbox for Python",
        "The analyst calculates with SQL alone.",
        "See the reason; docs/analysis.md tells what it needs.",
    ),
    "clusters": Words(
        "Map of the last hour",
        "The map of what the last hour talks about is old or shows only a part.",
        "See the reason; it goes on by itself once new posts have their vectors.",
    ),
    "backup": Words(
        "Backup",
        "Nothing is missing now. If the disk died, what came since the last backup would be.",
        "See the reason; `groundswell backup` by hand says what fails.",
    ),
    "archive": Words(
        "Archive",
        "Nothing is missing. Old posts take more room, and searching by meaning more time.",
        "Wait while it catches up; if it does not, look at the worker's log.",
    ),
    "llm": Words(
        "Language models",
        "Briefings are written from quoted posts alone, or by a free model.",
        "See the reason; docs/llm.md tells how models and their budget are set up.",
    ),
    "renderer": Words("PDF renderer", "Reports come as Markdown only.", "Look at the worker's log."),
    "render_node": Words(
        "Render node",
        "Reports are printed by the built-in renderer.",
        "See the reason; the node is tried again by itself. Look at the node's log.",
    ),
    "live": Words("Live updates", "The page does not move by itself.", "Start Valkey or Redis, or reload the page."),
}

#: What helps with a part that the settings turned off: waiting does not.
TURNED_OFF = dict.fromkeys(
    ("vectors", "embedder", "embedding"), "Set GROUNDSWELL_EMBEDDING_MODEL=auto and start Groundswell again."
)

#: Engines that several units reach, each over a connection of its own.
_SHARED = frozenset({"postgres", "valkey", "vectors"})

_AGAIN = "It is started again by itself; its last lines are in the terminal."

#: Children of ``groundswell up``, by the name its supervisor reports.
_PROCESSES = {
    "solo": Words("Supervisor", "Parts that stop are not started again.", "Start Groundswell again."),
    "postgres": Words("PostgreSQL process", _PARTS["postgres"].effect, _AGAIN),
    "valkey": Words("Valkey process", _PARTS["valkey"].effect, _AGAIN),
    "relay": Words("Relay process", UNITS["relay"].effect, _AGAIN),
    "api": Words("API process", UNITS["api"].effect, _AGAIN),
    "worker": Words("Worker process", UNITS["worker"].effect, _AGAIN),
    "simulator": Words("Simulator process", "The simulated feed sends no posts.", _AGAIN),
}

_NAMES = {"relay": "Relay", "api": "API", "worker": "Worker", "solo": "Supervisor"}

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
    "failed": (
        "down",
        "No new posts of it arrive. The other feeds go on.",
        "See the reason: change the feed, or look at the relay's log; it is tried again by itself.",
    ),
    "paused": ("off", None, None),
    "ended": ("off", None, None),
    "removing": ("off", None, None),
}

#: Of a feed that is behind and does not say when that ends: waiting alone may not help.
BEHIND_WITHOUT_END = "Look again in a minute. If it gains nothing, it brings more than is stored: read less of it."


def words_for(unit: str, component: str) -> Words:
    """Words for ``component`` as ``unit`` reports it."""
    if unit == "solo" and component in _PROCESSES:
        return _PROCESSES[component]
    if unit == component and unit in UNITS:
        return UNITS[unit]
    name = _NAMES.get(unit, unit)
    words = _PARTS.get(component)
    if words is None:
        plain = component.replace("_", " ")
        return Words(f"{name}: {plain}", "A part of it does not work.", f"Look at the log of the {name}.")
    return msgspec.structs.replace(words, title=f"{name} to {words.title}") if component in _SHARED else words
