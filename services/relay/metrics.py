"""The relay's Prometheus metrics."""

from __future__ import annotations

from contextlib import suppress

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
FRESHNESS_SECONDS = Histogram(
    "groundswell_relay_freshness_seconds",
    "From the receipt of a batch's first frame to its commit: the longest that any frame of it waited.",
    ["feed"],
    buckets=(0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60),
)
BATCH_EVENTS = Histogram(
    "groundswell_relay_batch_events",
    "Events in one batch.",
    ["feed"],
    buckets=(1, 10, 50, 100, 500, 1_000, 2_500, 5_000),
)
QUEUE_EVENTS = Gauge("groundswell_relay_queue_events", "Frames that wait between socket and store.", ["feed"])
LAG_SECONDS = Gauge("groundswell_relay_lag_seconds", "Now minus the event time stored last.", ["feed"])
BEHIND_SECONDS = Gauge(
    "groundswell_relay_behind_seconds",
    "Event time that a feed still has to give us; 0 when it is up to date.",
    ["feed"],
)
CATCH_UP_SECONDS = Gauge(
    "groundswell_relay_catch_up_seconds",
    "Until a feed that is behind has caught up at its present speed; NaN when unknown or never.",
    ["feed"],
)
QUEUE_BYTES = Gauge("groundswell_relay_queue_bytes", "Bytes of frames that wait between socket and store.", ["feed"])
FEEDS = Gauge("groundswell_relay_feeds", "Feeds by what the relay does with them: open, failed.", ["state"])
FEED_RESTARTS = Counter(
    "groundswell_relay_feed_restarts_total", "Times that a feed failed and was opened again.", ["feed"]
)
DROPS_UNWRITTEN = Counter(
    "groundswell_relay_drops_unwritten_total", "Ended connections that could not be recorded in time.", ["feed"]
)
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
DEPARTURES = Counter(
    "groundswell_relay_departures_total", "Accounts a feed said to be deleted or taken down.", ["feed"]
)
DEPARTURES_WAITING = Gauge(
    "groundswell_relay_departures_waiting_accounts", "Departed accounts whose posts are still to be removed."
)
DEPARTED_POSTS = Counter(
    "groundswell_relay_departed_posts_total", "Posts removed because their authors' accounts are gone."
)
STORE_RETRIES = Counter("groundswell_relay_store_retries_total", "Batches tried again after an outage.", ["feed"])
EMBEDDED = Counter("groundswell_relay_embedded_posts_total", "Posts that got their vector.")
EMBEDDING_OFF = Gauge("groundswell_relay_embedding_off_bool", "1 while nothing runs the embedding model.")
SHARED_VECTORS = Counter(
    "groundswell_relay_shared_vectors_total", "Posts that took the vector of a near-duplicate instead of a new one."
)
REFUSED_TEXTS = Counter(
    "groundswell_relay_refused_texts_total", "Posts left without a vector, for the model gives their text none."
)
REMOVED_VECTORS = Counter("groundswell_relay_removed_vectors_total", "Posts whose vectors left the index.")
REEMBEDDING = Gauge(
    "groundswell_relay_reembedding_posts", "Posts that still want a vector of a model, in a change of model.", ["model"]
)
EMBED_SECONDS = Histogram(
    "groundswell_relay_embed_seconds",
    "Time to embed and keep one batch of posts.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LIVE_MESSAGES = Counter(
    "groundswell_relay_live_messages_total", "Live messages, by outcome: sent, failed.", ["outcome"]
)


def forget(feed: str) -> None:
    """A closed feed has no present state; what was counted of it stays."""
    for gauge in (LAG_SECONDS, BEHIND_SECONDS, CATCH_UP_SECONDS, QUEUE_EVENTS, QUEUE_BYTES):
        with suppress(KeyError):
            gauge.remove(feed)
