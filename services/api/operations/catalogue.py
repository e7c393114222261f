"""All operations, listed by hand: the one place to see what the API can do."""

from __future__ import annotations

from typing import Any

from services.api.operations import (
    alerts,
    destinations,
    feeds,
    health,
    posts,
    reports,
    runs,
    searching,
    topics,
    watches,
)
from services.api.operations.registry import Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    health.health,
    feeds.feeds,
    feeds.feed_series,
    posts.posts,
    posts.post,
    topics.topics,
    topics.topic,
    topics.momentum,
    searching.search,
    runs.create_run,
    runs.runs,
    runs.run,
    reports.reports,
    reports.report,
    reports.report_pdf,
    reports.report_markdown,
    watches.watches,
    watches.create_watch,
    watches.watch,
    watches.change_watch,
    watches.remove_watch,
    watches.snooze_watch,
    watches.wake_watch,
    watches.backtest_rule,
    watches.backtest_watch,
    alerts.alerts,
    alerts.alert,
    alerts.acknowledge_alerts,
    destinations.destinations,
    destinations.create_destination,
    destinations.change_destination,
    destinations.remove_destination,
    destinations.check_destination,
    destinations.delivery,
)
