"""Metrics of the API."""

from __future__ import annotations

from shared.telemetry.metrics import Counter, Gauge, Histogram

REQUESTS = Counter("groundswell_api_requests_total", "Operations answered, by status.", ["operation", "status"])
REQUEST_SECONDS = Histogram("groundswell_api_request_seconds", "Time an operation took.", ["operation"])
REFUSED = Counter("groundswell_api_refused_total", "Requests refused before any operation, by reason.", ["reason"])
SIGN_INS = Counter("groundswell_api_sign_ins_total", "Sign-ins through the identity provider, by outcome.", ["outcome"])
LIVE_CLIENTS = Gauge("groundswell_api_live_clients", "Browsers on the live stream.")
LIVE_MESSAGES = Counter("groundswell_api_live_messages_total", "Live messages taken from the stream.")
LIVE_REJECTED = Counter("groundswell_api_live_rejected_total", "Entries of the stream that were not live messages.")
LIVE_CLOSED = Counter("groundswell_api_live_closed_total", "Live sockets closed by us, by reason.", ["reason"])
RUN_STREAMS = Gauge("groundswell_api_run_streams", "Open streams of runs.")
RUN_STREAMS_ENDED = Counter("groundswell_api_run_streams_ended_total", "Streams of runs that ended, by why.", ["why"])
MOMENTUM_POSTS = Counter("groundswell_api_momentum_posts_total", "Posts the momentum engine has seen.")
MOMENTUM_TICK_SECONDS = Histogram("groundswell_api_momentum_tick_seconds", "Time one pass of the momentum job took.")
MOMENTUM_LAG_SECONDS = Gauge("groundswell_api_momentum_lag_seconds", "Event time between the newest post and topics.")
MOMENTUM_REBUILDS = Counter("groundswell_api_momentum_rebuilds_total", "Times momentum began anew from stored posts.")
LEADER = Gauge("groundswell_api_leader_bool", "1 while this process runs the scheduled jobs, by lease.", ["lease"])
WATCHES = Gauge("groundswell_api_watches", "Watches that are judged (not paused).")
WATCHES_DEGRADED = Gauge("groundswell_api_watches_degraded", "Watches that cannot judge all their conditions.")
WATCH_MINUTES = Counter("groundswell_api_watch_minutes_total", "Minutes of event time judged, over all watches.")
WATCH_ALERTS = Counter("groundswell_api_watch_alerts_total", "Alerts raised, by kind.", ["kind"])
WATCH_STEP_SECONDS = Histogram("groundswell_api_watch_step_seconds", "Time that judging one stretch of a watch took.")
WATCH_LAG_SECONDS = Gauge("groundswell_api_watch_lag_seconds", "Event time between feeds and the last watch.")
VECTOR_SEARCH_SECONDS = Histogram(
    "groundswell_api_vector_search_seconds",
    "Time the vector index took for one search.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)
BACKTEST_SECONDS = Histogram(
    "groundswell_api_backtest_seconds", "Time a backtest took.", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
)
CLUSTER_REFRESH_SECONDS = Histogram("groundswell_api_cluster_refresh_seconds", "Time one grouping of the hour took.")
CLUSTERS = Gauge("groundswell_api_clusters", "Clusters of the last hour.")
CLUSTER_COVERAGE = Gauge("groundswell_api_cluster_coverage_ratio", "Part of the hour's posts that have their vector.")
CLUSTER_SCATTERED = Gauge("groundswell_api_cluster_scattered_ratio", "Part of the compared posts in no cluster.")
BUSINESS_RATIO = Gauge(
    "groundswell_api_business_ratio",
    "A figure of the last 7 days (docs/glossary.md), by name; NaN where there are no data. Of the leading process.",
    ["figure"],
)
BUSINESS_WHOLE = Gauge(
    "groundswell_api_business_whole", "What that figure is a part of: attempts, runs, questions, reports.", ["figure"]
)
INTERACTION_COST = Gauge(
    "groundswell_api_interaction_cost_nano_usd", "Nano-dollars per run that ended in the last 7 days; NaN without any."
)
