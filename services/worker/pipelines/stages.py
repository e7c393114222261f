"""The stages that are code: what each takes and gives, and whether it reads what strangers wrote."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from services.worker.pipelines import source as audit
from services.worker.pipelines.day import day
from services.worker.pipelines.durable import Produced
from services.worker.pipelines.press import Press
from services.worker.pipelines.source import source
from services.worker.pipelines.topic import topic
from services.worker.pipelines.typed import Analysis, Dossier, Review, Written
from services.worker.pipelines.week import week
from services.worker.pipelines.wording import count
from services.worker.pipelines.written import written
from shared.schemas.base import Schema
from shared.store.database import Database


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage works with. ``title`` is the pipeline's."""

    database: Database
    press: Press
    run: UUID
    title: str


Work = Callable[[Desk, Schema], Produced[Schema]]


class BuiltIn(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of code. ``needs``: parameters of which a pipeline with it has to know one."""

    takes: tuple[str, ...]
    gives: str
    taints: bool
    work: Work
    needs: tuple[str, ...] = ()


def _counting(function: Callable[[Database, Schema], Dossier]) -> Work:
    def work(desk: Desk, value: Schema) -> Produced[Schema]:
        made = function(desk.database, value)
        if isinstance(value, Analysis):
            made = msgspec.structs.replace(made, charts=value.charts)
        return Produced(
            made, detail=f"{count(len(made.facts), 'fact')} counted, {count(len(made.posts), 'post')} to cite"
        )

    return work


def _compose(desk: Desk, value: Schema) -> Produced[Schema]:
    assert isinstance(value, Review)  # noqa: S101 - the chain was checked
    made = written(desk.database, desk.run, desk.title, value)
    report = made.composed.report
    return Produced(made, detail=f"{count(len(report.citations), 'post')} cited; written by {report.writer}")


def _render(desk: Desk, value: Schema) -> Produced[Schema]:
    assert isinstance(value, Written)  # noqa: S101 - the chain was checked
    printed = desk.press.print(value.composed, value.chart, desk.run)
    return Produced(printed.result, detail=printed.detail, effect=printed.effect)


_FINDINGS = ("question", "findings", "analysis")
CODE: dict[str, BuiltIn] = {
    "day": BuiltIn(takes=_FINDINGS, gives="dossier", taints=True, work=_counting(day)),
    "week": BuiltIn(takes=_FINDINGS, gives="dossier", taints=True, work=_counting(week)),
    "topic": BuiltIn(takes=_FINDINGS, gives="dossier", taints=True, work=_counting(topic), needs=("topic",)),
    "source": BuiltIn(takes=_FINDINGS, gives="dossier", taints=True, work=_counting(source), needs=audit.NEEDS),
    "compose": BuiltIn(takes=("review",), gives="report", taints=False, work=_compose),
    "render": BuiltIn(takes=("report",), gives="print", taints=False, work=_render),
}
