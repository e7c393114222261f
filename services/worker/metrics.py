"""What the worker counts."""

from __future__ import annotations

from shared.telemetry.metrics import Counter, Gauge, Histogram

RUNS = Counter("groundswell_worker_runs_total", "Runs ended, by how.", ["kind", "outcome"])
RUN_SECONDS = Histogram(
    "groundswell_worker_run_seconds",
    "Time a run took in this process.",
    ["kind"],
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60, 120),
)
WAITING = Gauge("groundswell_worker_waiting", "What waits in the whole platform, by kind.", ["kind"])
OLDEST_JOB_SECONDS = Gauge("groundswell_worker_oldest_job_seconds", "Age of the oldest job not handed out.")
BACKUPS = Counter(
    "groundswell_worker_backups_total", "Backups this worker tried, by outcome: taken, failed.", ["outcome"]
)
BACKUP_AGE = Gauge("groundswell_worker_backup_age_seconds", "Age of the newest backup; 0 until there is one.")
BACKUP_SECONDS = Gauge("groundswell_worker_backup_seconds", "Time the newest backup took.")
BACKUP_BYTES = Gauge("groundswell_worker_backup_bytes", "Size of the newest backup.")
STEP_SECONDS = Histogram(
    "groundswell_worker_step_seconds",
    "Time a step took.",
    ["step"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60),
)
AGENT_RUNS = Counter(
    "groundswell_worker_agent_runs_total",
    "Runs of agents that came to a report, by agent and outcome: answered (by a model, its contract kept) or listed.",
    ["agent", "outcome"],
)
SANDBOX_RUNS = Counter(
    "groundswell_worker_sandbox_runs_total",
    "Runs of Python that a model wrote, by how they ended: done, failed, too_long, too_much_output or killed.",
    ["ended"],
)
PIPELINE_RUNS = Counter(
    "groundswell_worker_pipeline_runs_total",
    "Runs of pipelines, by pipeline and outcome: written (by a model), extractive (by code alone) or failed.",
    ["pipeline", "outcome"],
)
STAGE_REJECTIONS = Counter(
    "groundswell_worker_stage_rejections_total",
    "Outputs of a pipeline's stage that broke their contract and were rejected, by pipeline and stage.",
    ["pipeline", "stage"],
)
SCHEDULED = Counter("groundswell_worker_scheduled_runs_total", "Runs that a schedule made.", ["pipeline"])
RENDERS = Counter("groundswell_worker_renders_total", "PDF renders, by outcome.", ["outcome"])
PRINTED = Counter(
    "groundswell_worker_printed_reports_total",
    "Reports with a PDF, by renderer and by why it was that one.",
    ["renderer", "cause"],
)
NODE_TRIES = Counter("groundswell_worker_render_node_tries_total", "Tries on a render node, by outcome.", ["outcome"])
NODE_SECONDS = Histogram(
    "groundswell_worker_render_node_seconds",
    "Time a report waited for the render node, both tries included.",
    buckets=(0.5, 1, 2, 5, 10, 20, 30, 60, 120, 180),
)
OUTBOX_SENT = Counter("groundswell_worker_outbox_jobs_total", "Jobs handed from the outbox to the broker.", ["actor"])
OUTBOX_REFUSED = Counter("groundswell_worker_outbox_refused_total", "Outbox rows that name a job nobody knows.")
REVIVED = Counter("groundswell_worker_revived_runs_total", "Runs given a new job because nobody worked on them.")
LIVE_FAILED = Counter("groundswell_worker_live_failed_total", "Live messages Valkey did not take.")
DELIVERIES = Counter(
    "groundswell_worker_deliveries_total", "Attempts to send an alert, by outcome.", ["kind", "outcome"]
)
DELIVERY_SECONDS = Histogram("groundswell_worker_delivery_seconds", "Time one attempt to send took.", ["kind"])
REMOVED = Counter("groundswell_worker_retention_rows_total", "Rows removed because of their age.", ["table"])
MOVED = Counter("groundswell_worker_archived_posts_total", "Posts that left the hot window for the archive.")
MOVER_LAG_SECONDS = Gauge(
    "groundswell_worker_archive_lag_seconds", "How far the oldest post that is still hot is past the hot window."
)
ARCHIVE_DAYS = Gauge("groundswell_worker_archive_days", "Days that the archive holds posts of.")
ARCHIVE_BYTES = Gauge("groundswell_worker_archive_bytes", "Size of the archive on disk, indexes included.")
VALKEY_UP = Gauge("groundswell_worker_valkey_up", "1 while Valkey answers.")
VECTOR_INDEXES = Counter("groundswell_worker_vector_indexes_total", "Approximate indexes of pgvector that were built.")
VECTOR_CHUNKS_DROPPED = Counter("groundswell_worker_vector_chunks_dropped_total", "Empty chunks of vectors dropped.")
VECTORS_MISSING = Counter(
    "groundswell_worker_vectors_missing_total", "Posts found without a vector and put to be embedded."
)
VECTORS_EXTRA = Counter("groundswell_worker_vectors_extra_total", "Vectors found without a post and put to be removed.")
VECTORS = Gauge("groundswell_worker_vectors", "Vectors in the index, by model.", ["model"])
LLM_CALLS = Counter(
    "groundswell_worker_llm_calls_total",
    "Attempts at a language model, by tier and outcome (ok, or how it failed).",
    ["tier", "outcome"],
)
LLM_COST = Counter("groundswell_worker_llm_cost_nano_usd_total", "Nano-dollars booked for language models.", ["tier"])
LLM_SECONDS = Histogram(
    "groundswell_worker_llm_call_seconds",
    "Time a successful attempt took at the provider.",
    ["tier"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 120),
)
LLM_REQUESTS = Counter(
    "groundswell_worker_llm_requests_total",
    "Requests to the gateway, by outcome: ok, escalated (another model than the first answered), unavailable.",
    ["outcome"],
)
LLM_REFUSED = Counter(
    "groundswell_worker_llm_refused_total",
    "Attempts that no budget had room for, by the budget that refused (month, agent, run, model, store).",
    ["scope"],
)
LLM_CACHE = Counter(
    "groundswell_worker_llm_cache_total",
    "Requests looked up among answers of before, by kind (exact, template) and outcome (hit, miss).",
    ["kind", "outcome"],
)
LLM_SAVED = Counter("groundswell_worker_llm_saved_nano_usd_total", "Nano-dollars that answers of before had cost.")
LLM_ALERTS = Counter("groundswell_worker_llm_alerts_total", "Alerts of the budget for language models.", ["kind"])
LLM_UNBOOKED = Gauge("groundswell_worker_llm_unbooked", "Calls whose cost waits for PostgreSQL to be booked.")
LLM_SPENT = Gauge("groundswell_worker_llm_spent_nano_usd", "Nano-dollars spent on language models this month.")
LLM_COMMITTED = Gauge(
    "groundswell_worker_llm_committed_nano_usd", "Nano-dollars spent this month and reserved for calls under way."
)
LLM_LIMIT = Gauge("groundswell_worker_llm_limit_nano_usd", "The month's limit in nano-dollars.")
