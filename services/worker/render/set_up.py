"""The render node as the settings describe it."""

from __future__ import annotations

import threading

from services.worker.render.node import RenderNode
from services.worker.render.printer import NodeCare
from services.worker.render.signed import SignedClient
from services.worker.timings import Timings
from shared.config.render_node import secret_of
from shared.config.settings import Settings
from shared.store.database import Database
from shared.telemetry.health import Reporter


def render_node(
    settings: Settings, database: Database, reporter: Reporter, stop: threading.Event, timings: Timings
) -> NodeCare | None:
    """What the worker prints with; ``None`` where no node is set. Raises ConfigurationError for its secret."""
    if not settings.render_node_url:
        return None
    client = SignedClient(settings.render_node_url, secret_of(settings))
    node = RenderNode(client, settings.render_node_seconds, timings.node_poll_seconds, stop)

    def say(reason: str | None) -> None:
        reporter.set("render_node", "degraded" if reason else "ok", reason)

    return NodeCare(database, settings.render_node_url, node, settings.render_node_rest_seconds, say)
