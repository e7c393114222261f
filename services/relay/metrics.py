"""The relay's Prometheus metrics."""

from __future__ import annotations

from shared.telemetry.metrics import Counter, Gauge, Histogram

FRAMES = Counter("groundswell_relay_frames_total", "Frames received from a feed.", ["feed"])
BYTES = Counter("groundswell_relay_frame_bytes_total", "Bytes of the frames received.", ["feed"])
EVENTS = Counter(
    "groundswell_relay_events_total",
    "Events by what became of them: post, replaced, like, repost, undone, delete, duplicate, passed.",
    ["feed", "outcome"],
)
QUARANTINED = Counter("groundswell_relay_quarantined_total", "Frames that could not be read.", ["feed", "reason"])
BATCH_SECONDS = Histogram(
    "groundswell_relay_batch_seconds",
    "Time to decode, count and store one batch.",
    ["feed"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_EVENTS = Histogram(
    "groundswell_relay_batch_events",
    "Events in one batch.",
    ["feed"],
    buckets=(1, 10, 50, 100, 500, 1_000, 2_500, 5_000),
)
QUEUE_EVENTS = Gauge("groundswell_relay_queue_events", "Frames that wait between socket and store.", ["feed"])
LAG_SECONDS = Gauge("groundswell_relay_lag_seconds", "Now minus the event time stored last.", ["feed"])
HELD_SECONDS = Counter(
    "groundswell_relay_held_seconds_total", "Time the socket was left unread because the queue was full.", ["feed"]
)
DROPS = Counter("groundswell_relay_drops_total", "Connections that ended, by cause.", ["feed", "cause"])
GAP_SECONDS = Counter("groundswell_relay_gap_seconds_total", "Event time that the feed could not give back.", ["feed"])
REREAD = Counter(
    "groundswell_relay_reread_events_total",
    "Events read again, by what they were: known, or new because the feed had left them out.",
    ["feed", "outcome"],
)
STORE_RETRIES = Counter("groundswell_relay_store_retries_total", "Batches tried again after an outage.", ["feed"])
EMBEDDED = Counter("groundswell_relay_embedded_posts_total", "Posts that got their vector.")
EMBED_SECONDS = Histogram(
    "groundswell_relay_embed_seconds",
    "Time to embed and keep one batch of posts.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LIVE_MESSAGES = Counter(
    "groundswell_relay_live_messages_total", "Live messages, by outcome: sent, failed.", ["outcome"]
)
