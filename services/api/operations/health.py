"""Health: the state of every unit, what it uses and every feed, in plain words."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from services.api.operations.wording import BEHIND_WITHOUT_END, FEED_STATES, TURNED_OFF, UNITS, words_for
from shared.schemas.feed import Feed
from shared.schemas.health import Component, Figures, Health, State
from shared.store import archive
from shared.store import feeds as feed_store
from shared.store import figures as figure_store
from shared.store import units as unit_store
from shared.telemetry.version import installed_version

_WORST_FIRST: tuple[State, ...] = ("down", "degraded", "ok")


@operation("/api/v1/health", scope="health:read", toolset="platform", taints=True, core=True)
async def health(context: Context, _: NoInput) -> Health:
    """State of every part, with what the user misses and what helps, and the platform's figures."""
    async with context.services.database.transaction() as transaction:
        asked = time.time()
        figures = (await transaction.fetch(figure_store.READ))[0]
        local = (asked + time.time()) / 2
        size = (await transaction.fetch(archive.SIZE))[0]
        reports = await transaction.fetch(unit_store.READ)
        feeds = await transaction.fetch(feed_store.ALL)
    now = figures.now.astimezone(UTC)
    components = [*components_of(reports, now), *map(feed_component, feeds)]
    return Health(
        state=worst(components),
        components=components,
        figures=Figures(
            posts_stored=figures.posts,
            vectors_stored=await context.services.vectors_stored(),
            vectors_pending=figures.pending,
            events_per_second=figures.rate,
            clock_drift_seconds=round(now.timestamp() - local, 3),
            hot_from=size.hot_from,
            posts_archived=size.cold_posts,
            archive_days=size.cold_days,
            archive_bytes=size.cold_bytes,
            spend_nano_usd=figures.spent,
            budget_nano_usd=figures.budget,
        ),
        version=installed_version(),
        now=now,
    )


def components_of(reports: list[unit_store.UnitReport], now: datetime) -> list[Component]:
    """Units first, then what they use. A unit that never spoke is down, one that fell silent too.

    A process repeats all its parts together. So a part that fell silent while its unit speaks is one of an earlier
    process, which the present one has not looked at yet: nothing is known of it, and nothing is said.
    """
    speak = {report.unit for report in reports if report.unit == report.component and not report.stale}
    kept = [report for report in reports if not (report.stale and report.unit in speak)]
    said = {(report.unit, report.component): report for report in kept}
    expected = [(unit, unit) for unit in UNITS]
    return [_component(key, said.get(key), now) for key in [*expected, *sorted(set(said) - set(expected))]]


def _component(key: tuple[str, str], report: unit_store.UnitReport | None, now: datetime) -> Component:
    name = key[0] if key[0] == key[1] else f"{key[0]}.{key[1]}"
    words = words_for(*key)
    state: State
    reason: str | None
    if report is None:
        state, reason, since = "down", "It has not been heard of.", now
    elif report.stale:
        state, reason, since = "down", "No word for 20 s.", report.since
    else:
        state, reason, since = _state(report.state), report.reason, report.since
    well = state == "ok"
    do = TURNED_OFF.get(key[1], words.do) if state == "off" else words.do
    return Component(
        name=name,
        title=words.title,
        state=state,
        reason=reason,
        effect=None if well else words.effect,
        do=None if well else do,
        since=since,
    )


def feed_component(feed: Feed) -> Component:
    """A feed as a component."""
    state, effect, do = FEED_STATES[feed.status]
    if feed.behind_seconds is not None and feed.catch_up_seconds is None and feed.status == "catching_up":
        do = BEHIND_WITHOUT_END
    return Component(
        name=f"feed.{feed.id}",
        title=f"Feed {feed.id}",
        state=state,
        reason=feed.reason,
        effect=effect,
        do=do,
        since=feed.since,
    )


def worst(components: list[Component]) -> State:
    """The worst state of those that are not off."""
    states = {component.state for component in components}
    return next((state for state in _WORST_FIRST if state in states), "ok")


def _state(said: str) -> State:
    match said:
        case "ok" | "degraded" | "down" | "off":
            return said
    return "degraded"
