"""What stages hand to each other, by contract. A stage gets the stored output of the one before and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from services.worker.pipelines.contracts import Chart, Composed, Figure, Rendered
from shared.schemas.base import Schema
from shared.schemas.pipeline import PipelineParameters


class Question(Schema, frozen=True, kw_only=True):
    """What a run begins with. ``asked_at`` is its now, whoever goes on with it."""

    parameters: PipelineParameters
    asked_at: datetime


class Post(Schema, frozen=True, kw_only=True):
    """A post that may be cited."""

    id: str
    uri: str
    author: str
    time: datetime
    text: str
    languages: list[str] = []


class Said(Schema, frozen=True, kw_only=True):
    """A sentence or two, and what it rests on: ids of posts, numbers of calls (c3) and of facts (f1).

    Where code wrote it, ``text`` may hold [1] for the first of ``posts`` and so on; else the marks stand at its end.
    ``quotes``: it holds a post's own words, and goes when the post does.
    """

    text: str
    posts: list[str] = []
    calls: list[str] = []
    unsupported: str | None = None
    quotes: bool = False


class Part(Schema, frozen=True, kw_only=True):
    """A section to be."""

    heading: str
    said: list[Said]


class Findings(Schema, frozen=True, kw_only=True):
    """What agents found. ``calls`` tells what each call that is cited asked for; ``notes`` who found it, or why not."""

    question: Question
    said: list[Said]
    unknown: list[str]
    posts: list[Post]
    calls: dict[str, str]
    models: list[str] = []
    notes: list[str] = []


class Dossier(Schema, frozen=True, kw_only=True):
    """All that a report may say: what was found, and what code counted.

    ``summary`` and ``parts`` are the report where no model writes one; ``standing`` parts are in every one.
    ``facts`` are sentences with counted figures, f1 and so on.
    """

    findings: Findings
    topic: str
    subject: str
    range_start: datetime
    range_end: datetime
    figures: list[Figure]
    chart: Chart | None
    summary: list[Said]
    parts: list[Part]
    standing: list[Part]
    facts: dict[str, str]
    posts: list[Post]


class Draft(Schema, frozen=True, kw_only=True):
    """A report before it was read by an editor. Without ``models`` it is the extractive one."""

    dossier: Dossier
    title: str
    summary: list[Said]
    parts: list[Part]
    models: list[str] = []
    notes: list[str] = []


class Fault(Schema, frozen=True, kw_only=True):
    """What an editor found wrong with one sentence: ``part`` 0 is the summary, ``said`` counts from 1."""

    part: int
    said: int
    fault: str


class Review(Schema, frozen=True, kw_only=True):
    """A draft and an editor's word on it. "unread": no model read it."""

    draft: Draft
    verdict: Literal["accept", "faults", "unread"]
    faults: list[Fault]
    models: list[str] = []
    notes: list[str] = []


class Written(Schema, frozen=True, kw_only=True):
    """A report, ready to be printed."""

    composed: Composed
    chart: Chart | None


CONTRACTS: dict[str, type[Schema]] = {
    "question": Question,
    "findings": Findings,
    "dossier": Dossier,
    "draft": Draft,
    "review": Review,
    "report": Written,
    "print": Rendered,
}


class Handed(Schema, frozen=True, kw_only=True):
    """An output as it is stored. ``tainted``: strangers' text went into it, or into what it was made of.

    ``plainer`` is why no model's answer is in it, where an agent worked.
    """

    contract: str
    tainted: bool
    value: dict[str, Any]
    plainer: str = ""


def hand(contract: str, value: Schema, *, tainted: bool, plainer: str = "") -> Handed:
    """``value`` as plain data."""
    return Handed(contract=contract, tainted=tainted, value=msgspec.to_builtins(value), plainer=plainer)


def take(handed: Handed) -> Schema:
    """What was handed over. ValueError says how it breaks its contract."""
    try:
        value = msgspec.convert(handed.value, CONTRACTS[handed.contract])
    except KeyError:
        raise ValueError(f"there is no contract {handed.contract!r}") from None
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    wrong = list(_wrong(value))
    if wrong:
        raise ValueError("; ".join(wrong[:5]))
    return value


def _wrong(value: Schema) -> Iterable[str]:
    """What types alone do not say: whoever cites, cites what is there."""
    if isinstance(value, Findings):
        yield from _cited("findings", value.said, {post.id for post in value.posts}, set(value.calls))
    elif isinstance(value, Dossier):
        if not value.parts or not value.summary:
            yield "a dossier without a summary or without parts"
        there = {post.id for post in value.posts}
        for part in (Part(heading="summary", said=value.summary), *value.parts, *value.standing):
            yield from _cited(part.heading, part.said, there, {*value.facts, *value.findings.calls})
    elif isinstance(value, Draft):
        if not value.parts or not value.summary:
            yield "a draft without a summary or without parts"
        yield from _wrong(value.dossier)
        there, calls = {post.id for post in value.dossier.posts}, {*value.dossier.facts, *value.dossier.findings.calls}
        for part in (Part(heading="summary", said=value.summary), *value.parts):
            yield from _cited(part.heading, part.said, there, calls)
    elif isinstance(value, Review):
        yield from _wrong(value.draft)
        counts = [len(value.draft.summary), *(len(part.said) for part in value.draft.parts)]
        for fault in value.faults:
            if not (0 <= fault.part < len(counts) and 1 <= fault.said <= counts[fault.part]):
                yield f"a fault of sentence {fault.said} of part {fault.part}, which there is not"


def _cited(where: str, said: Iterable[Said], posts: set[str], calls: set[str]) -> Iterable[str]:
    for one in said:
        for cited in (*(p for p in one.posts if p not in posts), *(c for c in one.calls if c not in calls)):
            yield f"{where!r} cites {cited!r}, which it was not given"
