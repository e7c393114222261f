"""Metrics of the API."""

from __future__ import annotations

from shared.telemetry.metrics import Counter, Gauge, Histogram

REQUESTS = Counter("groundswell_api_requests_total", "Operations answered, by status.", ["operation", "status"])
REQUEST_SECONDS = Histogram("groundswell_api_request_seconds", "Time an operation took.", ["operation"])
REFUSED = Counter("groundswell_api_refused_total", "Requests refused before any operation, by reason.", ["reason"])
LIVE_CLIENTS = Gauge("groundswell_api_live_clients", "Browsers on the live stream.")
LIVE_MESSAGES = Counter("groundswell_api_live_messages_total", "Live messages taken from the stream.")
LIVE_REJECTED = Counter("groundswell_api_live_rejected_total", "Entries of the stream that were not live messages.")
LIVE_CLOSED = Counter("groundswell_api_live_closed_total", "Live sockets closed by us, by reason.", ["reason"])
MOMENTUM_POSTS = Counter("groundswell_api_momentum_posts_total", "Posts the momentum engine has seen.")
MOMENTUM_TICK_SECONDS = Histogram("groundswell_api_momentum_tick_seconds", "Time one pass of the momentum job took.")
MOMENTUM_LAG_SECONDS = Gauge("groundswell_api_momentum_lag_seconds", "Event time between the newest post and topics.")
MOMENTUM_REBUILDS = Counter("groundswell_api_momentum_rebuilds_total", "Times momentum began anew from stored posts.")
LEADER = Gauge("groundswell_api_leader_bool", "1 while this process runs the scheduled jobs.")
