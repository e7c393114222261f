"""Who prints a report: the render node where there is one that is well, else the built-in renderer. Never silently."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import msgspec

from services.worker import metrics
from services.worker.render.accept import accept
from services.worker.render.chart_svg import picture
from services.worker.render.document import Document
from services.worker.render.node import RenderNode
from services.worker.render.plot_svg import picture as plot_picture
from services.worker.render.renderer import Renderer
from services.worker.render.signed import NodeFailed
from shared.contracts.render_jobs import Asset, RenderJob
from shared.errors import RenderFailed
from shared.store import render_nodes
from shared.store.database import Database
from shared.telemetry import logs

#: Told how the node is after each report: ``None`` when it is well.
NodeState = Callable[[str | None], None]


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """A PDF that was opened and accepted. ``reason`` says why the node did not make it."""

    pdf: bytes
    pages: int
    renderer: Literal["render_node", "built_in"]
    reason: str | None = None


class NodeCare:
    """A node and the record of how it did: shared by all workers, by the database's clock."""

    def __init__(self, database: Database, url: str, node: RenderNode, rest_seconds: float, say: NodeState) -> None:
        parts = urlsplit(url)
        self._address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        self._database, self._node, self._rest, self._say = database, node, rest_seconds, say

    def look(self) -> None:
        """Ask how the node is, unless it is left alone, so that health knows before the next report does."""
        known = self._database.fetch_one(render_nodes.READ, {"address": self._address})
        if known and known.rest_seconds > 0:
            self._say(known.reason)
            return
        try:
            self._node.health()
        except NodeFailed as error:
            self._say(error.why)
        else:
            self._say(None)

    def render(self, job_id: str, document: Document) -> Printed:
        """The node's PDF. Raises NodeFailed: it rests, is not well, or failed; StoreUnavailable."""
        known = self._database.fetch_one(render_nodes.READ, {"address": self._address})
        if known and known.rest_seconds > 0:
            self._say(known.reason)
            raise NodeFailed(f"It is left alone after a failure. {known.reason}", busy=True)
        began = time.monotonic()
        try:
            if known and known.failures:
                self._node.health()
            body = msgspec.json.encode(_job(document))
            pdf, facts = self._node.render(job_id, body, lambda pdf: accept(pdf, document))
        except NodeFailed as error:
            if not error.busy:
                failed = {"address": self._address, "reason": error.why, "rest_seconds": self._rest}
                self._database.execute(render_nodes.FAILED, failed)
                self._say(error.why)
            raise
        finally:
            metrics.NODE_SECONDS.observe(time.monotonic() - began)
        self._database.execute(render_nodes.RENDERED, {"address": self._address})
        self._say(None)
        return Printed(pdf=pdf, pages=facts.pages, renderer="render_node")


class Printer:
    """``care`` is ``None`` where no node is set."""

    def __init__(self, built_in: Renderer, care: NodeCare | None) -> None:
        self._built_in, self._care = built_in, care

    def render(self, document: Document, run: UUID) -> Printed:
        """The PDF of the report of ``run``. Raises RenderFailed when nobody could make it, with all the reasons."""
        why = None
        if self._care:
            try:
                printed = self._care.render(uuid5(run, "render").hex, document)
                metrics.PRINTED.labels("render_node", "asked").inc()
                return printed
            except NodeFailed as error:
                why = error.why
                logs.get(__name__).warning("render_node_failed", reason=why)
        try:
            pdf = self._built_in.render(document)
            pages = accept(pdf, document).pages
        except RenderFailed as error:
            told = error.why or error.what
            raise RenderFailed(error.what, why=f"{told} The render node: {why}" if why else told) from error
        metrics.PRINTED.labels("built_in", "node_failed" if why else "no_node").inc()
        return Printed(pdf=pdf, pages=pages, renderer="built_in", reason=why)


def _job(document: Document) -> RenderJob:
    """What the node gets: the same document as the built-in renderer, and the chart as a picture."""
    assets = []
    if document.chart:
        assets.append(Asset(label="chart", media_type="image/svg+xml", data=picture(document.chart).encode()))
    for number, plot in enumerate(document.plots, 1):
        picture_ = plot_picture(plot).encode()
        assets.append(Asset(label=f"plot-{number}", media_type="image/svg+xml", data=picture_))
    return RenderJob(report=msgspec.to_builtins(document), assets=assets)
