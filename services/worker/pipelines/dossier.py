"""Puts a dossier together: what agents found, beside what code counted, with every counted sentence as a fact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from services.worker.pipelines.contracts import Chart, Figure
from services.worker.pipelines.plain_text import excerpt
from services.worker.pipelines.ranking import Quote
from services.worker.pipelines.typed import Analysis, Dossier, Findings, Part, Post, Question, Said
from services.worker.pipelines.wording import clock, count
from shared.schemas.base import Schema

_FIGURE = re.compile(r"\d")
_MARK = re.compile(r" ?\[\d+\]")
#: A sentence that says nothing without its marks: See also [5] and [6].
_LEANS = re.compile(r"(?:\b(?:in|also|and)|,) \[\d+\]")
_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z])")
MOST_FACTS, MOST_POSTS = 60, 60
#: Stands where nothing was read, as on a new installation's first morning: a report comes out all the same.
NOTHING = Part(heading="What was read", said=[Said(text="No post was read in this stretch.")])


def findings_of(value: Schema) -> Findings:
    """What was found before, or nothing yet."""
    if isinstance(value, Findings | Analysis):
        return value.findings if isinstance(value, Analysis) else value
    assert isinstance(value, Question)  # noqa: S101 - the chain was checked
    return Findings(question=value, said=[], unknown=[], posts=[], calls={})


def dossier(
    findings: Findings,
    *,
    subject: str,
    start: datetime,
    end: datetime,
    summary: Sequence[Said],
    parts: Iterable[Part | None],
    standing: Iterable[Part | None],
    posts: Iterable[Post],
    figures: Sequence[Figure] = (),
    chart: Chart | None = None,
    topic: str = "",
) -> Dossier:
    """The dossier. Parts that are ``None`` or empty are left out; what agents found comes first.

    Where all are, one says that nothing was read.
    """
    found = [Part(heading="Findings", said=findings.said)] if findings.said else []
    if findings.unknown:
        found.append(Part(heading="Not found out", said=[Said(text=text) for text in findings.unknown]))
    there = [part for part in parts if part and part.said]
    after = [part for part in standing if part and part.said]
    counted = [one for part in (Part(heading="", said=list(summary)), *there, *after) for one in part.said]
    facts = dict.fromkeys(_fact(one.text) for one in counted if not one.quotes)
    sentences = [text for text in facts if _FIGURE.search(text)]
    cited = {post for part in (*found, *there) for one in part.said for post in one.posts}
    known = {post.id: post for post in (*findings.posts, *posts)}
    chosen = dict.fromkeys([*(id_ for id_ in known if id_ in cited), *known])
    return Dossier(
        findings=findings,
        topic=topic,
        subject=subject,
        range_start=start,
        range_end=end,
        figures=list(figures),
        chart=chart,
        summary=list(summary),
        parts=[*found, *there] or [NOTHING],
        standing=after,
        facts={f"f{number}": text for number, text in enumerate(sentences[:MOST_FACTS], 1)},
        posts=[known[id_] for id_ in list(chosen)[: max(MOST_POSTS, len(cited))]],
    )


def _fact(text: str) -> str:
    """What it says without the posts that it names."""
    return " ".join(_MARK.sub("", one) for one in _SENTENCES.split(text) if not _LEANS.search(one))


def quoted(quotes: Sequence[Quote], *, day: bool = False) -> list[Said]:
    """Posts in their own words, as they happened."""
    said = []
    for quote in sorted(quotes, key=lambda one: (one.post.event_time, one.post.id)):
        time = f"{quote.post.event_time:%a} {clock(quote.post.event_time)}" if day else clock(quote.post.event_time)
        alike = f" {count(quote.alike, 'more post says', 'more posts say')} nearly the same." if quote.alike else ""
        text = f"{time}: “{excerpt(quote.post.text)}” [1]{alike}"
        said.append(Said(text=text, posts=[str(quote.post.id)], quotes=True))
    return said
