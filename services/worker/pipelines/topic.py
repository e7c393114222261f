"""The code stage ``topic``: what the record says of one topic, as a briefing tells it."""

from __future__ import annotations

import re
from uuid import UUID

from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose
from services.worker.pipelines.counting import post_of
from services.worker.pipelines.dossier import dossier, findings_of
from services.worker.pipelines.gather import gather
from services.worker.pipelines.plain_text import excerpt
from services.worker.pipelines.typed import Dossier, Part, Said
from shared.schemas.base import Schema
from shared.schemas.run import ReportSection
from shared.store.briefing import CandidateRow
from shared.store.database import Database

_MARK = re.compile(r"\[(\d+)\]")
#: Sections of a briefing that every report about the topic has.
_STANDING = ("What is missing", "How sure", "Method")
_NOBODY = UUID(int=0)


def topic(database: Database, value: Schema) -> Dossier:
    """The dossier. Raises NotFound when the topic is gone, StoreUnavailable."""
    findings = findings_of(value)
    gathered = gather(database, findings.question.parameters.topic)
    composed = compose(gathered, _NOBODY)
    report = composed.report
    numbered = {citation.number: citation.post for citation in report.citations}
    rows: dict[str, CandidateRow] = {str(row.id): row for row in (*gathered.posts, *gathered.earliest)}
    parts = [_part(section, numbered) for section in report.sections]
    return dossier(
        findings,
        topic=gathered.topic.id,
        subject=excerpt(gathered.topic.label, longest=80),
        start=report.range_start,
        end=report.range_end,
        figures=composed.figures,
        chart=draw(gathered),
        summary=[Said(text=report.summary)],
        parts=[part for part in parts if part.heading not in _STANDING],
        standing=[part for part in parts if part.heading in _STANDING],
        posts=[post_of(rows[citation.post]) for citation in report.citations],
    )


def _part(section: ReportSection, numbered: dict[int, str]) -> Part:
    return Part(heading=section.heading, said=[_said(text, numbered) for text in section.paragraphs])


def _said(text: str, numbered: dict[int, str]) -> Said:
    """A paragraph with its marks counted within itself; excerpts hold none."""
    text = text.replace("Written without a language model: each sentence is", "Counted sentences are")
    posts = list(dict.fromkeys(numbered[int(number)] for number in _MARK.findall(text)))
    places = {post: place for place, post in enumerate(posts, 1)}
    own = _MARK.sub(lambda mark: f"[{places[numbered[int(mark[1])]]}]", text)
    return Said(text=own, posts=posts, quotes="“" in text and bool(posts))
