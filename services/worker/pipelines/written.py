"""The code stage ``compose``: a reviewed draft as a report, with numbered posts and without what an editor struck."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.worker.pipelines.compose import report_id
from services.worker.pipelines.contracts import Composed
from services.worker.pipelines.markdown import markdown
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.plot import plot
from services.worker.pipelines.typed import Draft, Part, Post, Review, Said, Written
from services.worker.pipelines.wording import count, listing
from shared.contracts.addresses import post_address
from shared.schemas.run import Citation, Report, ReportSection
from shared.store import agent_steps
from shared.store.agent_steps import PostRow
from shared.store.database import Database

_MARK = re.compile(r"\[(\d+)\]")
_GAP = re.compile(r" {2,}")
#: A model may have quoted the post in its own sentence, and what was deleted is told nowhere.
DELETED = "A sentence was left out (unsupported: what it cites was deleted)"
#: Of this share of its sentences on, what an editor faulted is no report any more.
MOST_FAULTY = 0.5


def written(database: Database, run: UUID, title: str, review: Review) -> Written:
    """The report. Posts that were deleted since are no support any more. Raises StoreUnavailable."""
    review, note = struck(review)
    draft, dossier = review.draft, review.draft.dossier
    cited = [post for part in _parts(draft) for one in part.said for post in one.posts]
    rows = database.fetch(agent_steps.POSTS, {"ids": list(dict.fromkeys(cited))})
    there = {row.id: row for row in rows}
    numbers = {post: number for number, post in enumerate(dict.fromkeys(p for p in cited if p in there), 1)}
    sections = [_section(part, numbers) for part in (*draft.parts, *_support(draft), *dossier.standing)]
    notes = [*dossier.findings.notes, *draft.notes, *review.notes]
    how = [
        *(notes if dossier.findings.models or draft.models or review.models else _alone(notes)),
        *filter(None, [note]),
    ]
    if how:
        sections.append(ReportSection(heading="Who worked on it", paragraphs=how))
    report = Report(
        id=str(report_id(run)),
        run=str(run),
        topic=dossier.topic,
        title=f"{title}: {draft.title}",
        summary=" ".join(_text(one, numbers) for one in draft.summary if not (one.unsupported or _lost(one, numbers))),
        sections=[section for section in sections if section.paragraphs],
        citations=[_citation(number, there[post]) for post, number in numbers.items()],
        writer=_writer(draft),
        created_at=datetime.now(UTC),
        range_start=dossier.range_start,
        range_end=dossier.range_end,
        pdf="failed",
        pdf_reason="Not made yet.",
        charts=[msgspec.structs.replace(one.chart, drawn=plot(one.chart)) for one in dossier.charts],
    )
    return Written(
        composed=Composed(report=report, figures=dossier.figures, markdown=markdown(report)), chart=dossier.chart
    )


def extractive(draft_of: Draft, why: str) -> Draft:
    """The report as code alone writes it."""
    dossier = draft_of.dossier
    return Draft(
        dossier=dossier, title=dossier.subject, summary=dossier.summary, parts=dossier.parts, notes=[why] if why else []
    )


def struck(review: Review) -> tuple[Review, str]:
    """Without the sentences that the editor faulted; the extractive draft where too little would be left."""
    draft, faults = review.draft, {(fault.part, fault.said) for fault in review.faults}
    if not faults:
        return review, ""
    sentences = [len(draft.summary), *(len(part.said) for part in draft.parts)]
    summary, *parts = [
        [one for at, one in enumerate(said, 1) if (place, at) not in faults]
        for place, said in enumerate([draft.summary, *(part.said for part in draft.parts)])
    ]
    named = f"The editor found {count(len(faults), 'sentence')} that the findings do not bear out"
    if len(faults) > MOST_FAULTY * sum(sentences) or not any(parts):
        why = f"{named}, of {sum(sentences):,}: the draft is not used."
        return msgspec.structs.replace(review, draft=extractive(draft, ""), faults=[]), why
    kept = [Part(heading=part.heading, said=said) for part, said in zip(draft.parts, parts, strict=True) if said]
    mended = msgspec.structs.replace(draft, summary=summary or draft.dossier.summary, parts=kept)
    return msgspec.structs.replace(review, draft=mended, faults=[]), f"{named}; left out."


def _parts(draft: Draft) -> list[Part]:
    return [Part(heading="", said=draft.summary), *draft.parts]


def _support(draft: Draft) -> list[Part]:
    """What the numbers of facts and calls in the text stand for."""
    named = [call for part in _parts(draft) for one in part.said for call in one.calls]
    cited = list(dict.fromkeys([*named, *(drawn.call for drawn in draft.dossier.charts)]))
    facts = [Said(text=f"{call}: {draft.dossier.facts[call]}") for call in cited if call in draft.dossier.facts]
    asked = draft.dossier.findings.calls
    calls = [Said(text=f"{call}: {asked[call]}") for call in cited if call in asked]
    return [Part(heading="Counted", said=facts), Part(heading="Where they looked", said=calls)]


def _section(part: Part, numbers: Mapping[str, int]) -> ReportSection:
    told = [_text(one, numbers) for one in part.said if not (one.quotes and _gone(one, numbers))]
    return ReportSection(heading=part.heading, paragraphs=[text for text in told if text])


def _gone(one: Said, numbers: Mapping[str, int]) -> bool:
    return any(post not in numbers for post in one.posts)


def _text(one: Said, numbers: Mapping[str, int]) -> str:
    """A sentence with the report's numbers for its posts; without its words where all it rests on was deleted."""
    if _lost(one, numbers):
        return DELETED
    marked = _MARK.search(one.text) is not None and bool(one.posts)
    text = _MARK.sub(lambda mark: _mark(one.posts, int(mark[1]), numbers), one.text) if marked else one.text
    marks = "" if marked else "".join(f"[{numbers[post]}]" for post in one.posts if post in numbers)
    calls = f"({', '.join(one.calls)})" if one.calls else ""
    lacking = one.unsupported
    parts = [_GAP.sub(" ", text).strip(), marks, calls, f"(unsupported: {lacking})" if lacking else ""]
    return " ".join(part for part in parts if part)


def _lost(one: Said, numbers: Mapping[str, int]) -> bool:
    return bool(one.posts) and not one.calls and not any(post in numbers for post in one.posts)


def _mark(posts: Sequence[str], place: int, numbers: Mapping[str, int]) -> str:
    post = posts[place - 1] if 0 < place <= len(posts) else ""
    return f"[{numbers[post]}]" if post in numbers else ""


def _alone(notes: Sequence[str]) -> list[str]:
    """Why there was no model, each reason once."""
    reasons = dict.fromkeys(note.partition(": no model. ")[2] for note in notes)
    return [" ".join(["Code alone, without a language model.", *filter(None, reasons)])]


def _writer(draft: Draft) -> str:
    if draft.models:
        return listing(draft.models)
    found = draft.dossier.findings.models
    return f"extraction, with findings by {listing(found)}" if found else "extractive"


def _citation(number: int, post: PostRow) -> Citation:
    return Citation(
        number=number,
        post=post.id,
        author=clean(post.author, longest=80),
        time=post.event_time,
        url=post_address(post.uri),
        text=clean(post.text),
        languages=[clean(language, longest=20) for language in post.languages],
    )


def sentence(text: str, posts: Iterable[str], calls: Iterable[str], unsupported: str | None) -> Said:
    """What a model wrote, so that it can forge no mark."""
    return Said(text=excerpt(text, longest=500), posts=list(posts), calls=list(calls), unsupported=unsupported)


def as_post(id_: str, author: str, text: str, time: datetime, uri: str = "", languages: Iterable[str] = ()) -> Post:
    """A post as agents saw it."""
    return Post(
        id=id_, uri=uri, author=clean(author, longest=80), time=time, text=clean(text), languages=list(languages)
    )
