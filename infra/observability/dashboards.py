"""Grafana's dashboards as data: ``python infra/observability/dashboards.py`` writes them; a test keeps them fresh.

A panel is a title, a unit, and lines: a query and how its series are called. Every metric is one of docs/metrics.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parent / "grafana" / "dashboards"
WIDTH, HEIGHT, COLUMNS = 8, 8, 3


class Panel(NamedTuple):
    """``lines``: (query, legend). ``kind`` is Grafana's name of the drawing."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    about: str = ""


RATE = "[$__rate_interval]"


def quantiles(metric: str, by: str = "") -> tuple[tuple[str, str], ...]:
    """Median and 99th percentile of a histogram."""
    group = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    return tuple(
        (f"histogram_quantile({share}, sum by ({group}) (rate({metric}_bucket{RATE})))", f"{label}{name}")
        for share, label in ((0.5, "p50"), (0.99, "p99"))
    )


PLATFORM = (
    Panel("Units that answer", "short", (('sum by (job) (up{job=~"relay|api|worker"})', "{{job}}"),), "stat"),
    Panel(
        "States of parts",
        "short",
        (("max by (unit, component) (groundswell_component_state)", "{{unit}} {{component}}"),),
        about="0 ok, 1 degraded, 2 down, -1 off",
    ),
    Panel("Who leads", "short", (("sum by (lease) (groundswell_api_leader_bool)", "{{lease}}"),), "stat"),
    Panel("Memory", "bytes", (('process_resident_memory_bytes{job=~"relay|api|worker"}', "{{job}} {{instance}}"),)),
    Panel(
        "CPU",
        "percentunit",
        ((f'rate(process_cpu_seconds_total{{job=~"relay|api|worker"}}{RATE})', "{{job}} {{instance}}"),),
    ),
    Panel("Open files", "short", (('process_open_fds{job=~"relay|api|worker"}', "{{job}} {{instance}}"),)),
    Panel(
        "Connections to PostgreSQL",
        "short",
        (
            ("sum by (job, pool) (groundswell_store_pool_connections)", "{{job}} {{pool}}"),
            ("sum by (job, pool) (groundswell_store_pool_waiting_requests)", "{{job}} {{pool}} wait"),
        ),
    ),
    Panel(
        "Wait for a connection",
        "s",
        (
            (
                f"sum by (job, pool) (rate(groundswell_store_pool_wait_seconds_total{RATE}))"
                f" / sum by (job, pool) (rate(groundswell_store_pool_requests_total{RATE}))",
                "{{job}} {{pool}}",
            ),
        ),
        about="Mean of those who asked",
    ),
    Panel("Clocks apart", "s", (("groundswell_store_clock_drift_seconds", "{{job}} {{instance}}"),)),
    Panel("What waits", "short", (("max by (kind) (groundswell_worker_waiting)", "{{kind}}"),)),
    Panel("Requests", "reqps", ((f"sum by (status) (rate(groundswell_api_requests_total{RATE}))", "{{status}}"),)),
    Panel("Time of requests", "s", quantiles("groundswell_api_request_seconds")),
    Panel(
        "Browsers",
        "short",
        (("sum(groundswell_api_live_clients)", "live"), ("sum(groundswell_api_run_streams)", "runs")),
    ),
    Panel("Refused", "reqps", ((f"sum by (reason) (rate(groundswell_api_refused_total{RATE}))", "{{reason}}"),)),
    Panel(
        "Topics behind posts",
        "s",
        (
            ("max(groundswell_api_momentum_lag_seconds)", "momentum"),
            ("max(groundswell_api_watch_lag_seconds)", "watches"),
        ),
    ),
)

INGESTION = (
    Panel("Behind now", "s", (("max by (feed) (groundswell_relay_lag_seconds)", "{{feed}}"),)),
    Panel("Still to be read", "s", (("max by (feed) (groundswell_relay_behind_seconds)", "{{feed}}"),)),
    Panel(
        "Events",
        "short",
        ((f"sum by (feed, outcome) (rate(groundswell_relay_events_total{RATE}))", "{{feed}} {{outcome}}"),),
        about="A second",
    ),
    Panel(
        "Gaps",
        "s",
        (("sum by (feed) (increase(groundswell_relay_gap_seconds_total[1h]))", "{{feed}}"),),
        about="Of event time, an hour",
    ),
    Panel(
        "Interruptions",
        "short",
        (("sum by (feed, cause) (increase(groundswell_relay_drops_total[1h]))", "{{feed}} {{cause}}"),),
        about="An hour",
    ),
    Panel(
        "Frames that could not be read",
        "short",
        (("sum by (feed, reason) (increase(groundswell_relay_quarantined_total[1h]))", "{{feed}} {{reason}}"),),
        about="An hour",
    ),
    Panel("Queue", "short", (("sum by (feed) (groundswell_relay_queue_events)", "{{feed}}"),)),
    Panel(
        "Left unread",
        "percentunit",
        ((f"sum by (feed) (rate(groundswell_relay_held_seconds_total{RATE}))", "{{feed}}"),),
        about="Back-pressure",
    ),
    Panel("From receipt to commit", "s", quantiles("groundswell_relay_freshness_seconds")),
    Panel("Posts embedded", "short", ((f"sum(rate(groundswell_relay_embedded_posts_total{RATE}))", "a second"),)),
    Panel("Embedding off", "short", (("max(groundswell_relay_embedding_off_bool)", "off"),), "stat"),
    Panel("Vector searches", "s", quantiles("groundswell_api_vector_search_seconds")),
    Panel("Archive behind", "s", (("max(groundswell_worker_archive_lag_seconds)", "mover"),)),
    Panel("Archive", "bytes", (("max(groundswell_worker_archive_bytes)", "size"),)),
    Panel(
        "Removed for their age",
        "short",
        (("sum by (table) (increase(groundswell_worker_retention_rows_total[1d]))", "{{table}}"),),
        about="A day",
    ),
)

INTELLIGENCE = (
    Panel(
        "The month's money",
        "currencyUSD",
        (
            ("max(groundswell_worker_llm_spent_nano_usd) / 1e9", "spent"),
            ("max(groundswell_worker_llm_committed_nano_usd) / 1e9", "spent and reserved"),
            ("max(groundswell_worker_llm_limit_nano_usd) / 1e9", "limit"),
        ),
    ),
    Panel(
        "Calls",
        "short",
        (("sum by (tier, outcome) (increase(groundswell_worker_llm_calls_total[1h]))", "{{tier}} {{outcome}}"),),
        about="An hour",
    ),
    Panel(
        "Refused for money",
        "short",
        (("sum by (scope) (increase(groundswell_worker_llm_refused_total[1h]))", "{{scope}}"),),
        about="An hour",
    ),
    Panel(
        "Answers of before",
        "short",
        (("sum by (kind, outcome) (increase(groundswell_worker_llm_cache_total[1h]))", "{{kind}} {{outcome}}"),),
        about="An hour",
    ),
    Panel(
        "Saved by them",
        "currencyUSD",
        (("sum(increase(groundswell_worker_llm_saved_nano_usd_total[1d])) / 1e9", "a day"),),
    ),
    Panel("Time of calls", "s", quantiles("groundswell_worker_llm_call_seconds", "tier")),
    Panel("Not booked yet", "short", (("max(groundswell_worker_llm_unbooked)", "calls"),), "stat"),
    Panel(
        "Runs",
        "short",
        (("sum by (kind, outcome) (increase(groundswell_worker_runs_total[1h]))", "{{kind}} {{outcome}}"),),
        about="An hour",
    ),
    Panel("Time of runs", "s", quantiles("groundswell_worker_run_seconds", "kind")),
    Panel(
        "Pipelines",
        "short",
        (
            (
                "sum by (pipeline, outcome) (increase(groundswell_worker_pipeline_runs_total[1d]))",
                "{{pipeline}} {{outcome}}",
            ),
        ),
        about="A day",
    ),
    Panel(
        "Rejected stages",
        "short",
        (
            (
                "sum by (pipeline, stage) (increase(groundswell_worker_stage_rejections_total[1d]))",
                "{{pipeline}} {{stage}}",
            ),
        ),
        about="A day",
    ),
    Panel(
        "Reports printed",
        "short",
        (("sum by (renderer) (increase(groundswell_worker_printed_reports_total[1d]))", "{{renderer}}"),),
        about="A day",
    ),
    Panel(
        "What it is worth",
        "percentunit",
        (("max by (figure) (groundswell_api_business_ratio)", "{{figure}}"),),
        about="The last seven days; docs/glossary.md",
    ),
    Panel(
        "Alerts of watches",
        "short",
        (("sum by (kind) (increase(groundswell_api_watch_alerts_total[1d]))", "{{kind}}"),),
        about="A day",
    ),
    Panel(
        "Deliveries",
        "short",
        (("sum by (kind, outcome) (increase(groundswell_worker_deliveries_total[1d]))", "{{kind}} {{outcome}}"),),
        about="A day",
    ),
)

DASHBOARDS = {"platform": PLATFORM, "ingestion": INGESTION, "intelligence": INTELLIGENCE}


def dashboard(name: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """What Grafana reads."""
    source = {"type": "prometheus", "uid": "prometheus"}
    return {
        "uid": f"groundswell-{name}",
        "title": f"Groundswell: {name}",
        "tags": ["groundswell"],
        "timezone": "utc",
        "editable": False,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {
            "list": [
                {
                    "name": "Alerts",
                    "datasource": source,
                    "enable": True,
                    "expr": 'ALERTS{alertstate="firing"}',
                    "titleFormat": "{{alertname}}",
                    "iconColor": "red",
                }
            ]
        },
        "panels": [
            {
                "id": number + 1,
                "type": panel.kind,
                "title": panel.title,
                "description": panel.about,
                "datasource": source,
                "gridPos": {
                    "x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT,
                },
                "fieldConfig": {
                    "defaults": {"unit": panel.unit, "min": None if panel.unit == "s" else 0}, "overrides": [],
                },
                "targets": [
                    {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend, "datasource": source}
                    for place, (query, legend) in enumerate(panel.lines)
                ],
            }
            for number, panel in enumerate(panels)
        ],
    }  # fmt: skip


def queries() -> list[tuple[str, str]]:
    """(dashboard and panel, query with a fixed interval) of everything that is drawn."""
    return [
        (f"{name}: {panel.title}", query.replace("$__rate_interval", "1m"))
        for name, panels in DASHBOARDS.items()
        for panel in panels
        for query, _ in panel.lines
    ]


def text(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(dashboard(name, DASHBOARDS[name]), indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in DASHBOARDS:
        (FOLDER / f"{each}.json").write_text(text(each))
