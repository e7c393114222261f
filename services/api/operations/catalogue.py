"""All operations, listed by hand: the one place to see what the API can do."""

from __future__ import annotations

from typing import Any

from services.api.operations import feed_history, feed_rows, feeds, health, posts, reports, runs, searching, topics
from services.api.operations.registry import Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    health.health,
    feeds.feeds,
    feeds.feed,
    feeds.feed_kinds,
    feed_rows.create_feed,
    feed_rows.change_feed,
    feed_rows.remove_feed,
    feeds.feed_series,
    feed_history.feed_drops,
    feed_history.feed_gaps,
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
)
