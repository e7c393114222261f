"""What a render node counts."""

from __future__ import annotations

from shared.telemetry.metrics import Counter, Gauge, Histogram

RENDERS = Counter("groundswell_render_node_renders_total", "Jobs that ended, by outcome.", ["outcome"])
RENDER_SECONDS = Histogram(
    "groundswell_render_node_render_seconds",
    "Time a job took from its start to its checked PDF.",
    buckets=(0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300),
)
QUEUED = Gauge("groundswell_render_node_queued_jobs", "Jobs that wait.")
REFUSED = Counter("groundswell_render_node_refused_requests_total", "Requests refused, by reason.", ["reason"])
LOCKS_REMOVED = Counter("groundswell_render_node_locks_removed_total", "Stale lock files removed.")
PROGRAM_RESTARTS = Counter(
    "groundswell_render_node_program_restarts_total",
    "Starts anew of the publishing program, by cause.",
    ["why"],
)
