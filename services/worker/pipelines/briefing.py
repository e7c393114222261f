"""A briefing about one topic: read, write, draw, print. Each step once, whoever does it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose, report_id
from services.worker.pipelines.contracts import Chart, Composed, Gathered, Rendered
from services.worker.pipelines.durable import DurableRun, Planned, Produced
from services.worker.pipelines.gather import gather
from services.worker.pipelines.press import Press
from services.worker.pipelines.summary import Summed
from services.worker.pipelines.wording import count
from shared.store.database import Database

STEPS = (
    Planned("gather", "Reading the posts"),
    Planned("compose", "Writing"),
    Planned("chart", "Drawing the chart"),
    Planned("render", "Making the PDF"),
)


#: Puts a paragraph in front, or says why not.
Summing = Callable[[Composed, UUID], Summed]


class Briefing:
    """The pipeline and what it works with."""

    def __init__(self, database: Database, press: Press, summary: Summing | None = None) -> None:
        self._database, self._press, self._summary = database, press, summary

    def perform(self, run: DurableRun) -> None:
        """Do what is left of ``run`` and finish it."""
        run.plan(STEPS)
        gathered = run.step("gather", Gathered, lambda: self._gather(run.claimed.topic))
        composed = run.step("compose", Composed, lambda: self._compose(gathered, run.claimed.run))
        chart = run.step("chart", Chart, lambda: Produced(draw(gathered)))
        run.step("render", Rendered, lambda: self._press.print(composed, chart, run.claimed.run))
        run.finish(report_id(run.claimed.run))

    def _gather(self, topic: str) -> Produced[Gathered]:
        gathered = gather(self._database, topic)
        return Produced(gathered, detail=f"{count(gathered.kept.posts, 'post')} about it")

    def _compose(self, gathered: Gathered, run: UUID) -> Produced[Composed]:
        composed = compose(gathered, run)
        detail = f"{count(len(composed.report.citations), 'post')} quoted"
        if self._summary:
            summed = self._summary(composed, run)
            composed = summed.composed
            detail += f". No summary: {summed.missing}" if summed.missing else ", with a summary by a language model"
        return Produced(composed, detail=detail)
