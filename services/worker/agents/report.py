"""What an agent found as a report: its claims with numbered posts, or, without a model, what was gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.worker.agents.charts import Drawn
from services.worker.agents.definition import Agent
from services.worker.agents.evidence import Called, Evidence
from services.worker.agents.loop import Outcome
from services.worker.agents.outline import outline
from services.worker.agents.outputs import Analysis, Findings, Verdict, Weighed
from services.worker.pipelines.compose import report_id
from services.worker.pipelines.contracts import Composed
from services.worker.pipelines.markdown import markdown
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.plot import plot
from services.worker.pipelines.wording import count, listing
from shared.contracts.addresses import post_address
from shared.schemas.analysis import QueryAnswer
from shared.schemas.run import Citation, Report, ReportSection
from shared.store.agent_steps import AskedRow, PostRow

#: Posts that are listed where no model has chosen.
MOST_LISTED = 20
UNSUPPORTED = "(unsupported: {})"
#: A claim that rests on nothing else is told without its words: they may be the post's.
DELETED = "what it cites was deleted"
VERDICTS = {
    "supported": "The posts support it.",
    "contradicted": "The posts contradict it.",
    "disputed": "The posts disagree about it.",
    "unproven": "The posts do not settle it.",
}


def cited(outcome: Outcome, evidence: Evidence) -> list[str]:
    """Ids of posts that the report rests on, in the order in which they are named."""
    if outcome.accepted is None:
        return list(evidence.posts)[:MOST_LISTED]
    return list(dict.fromkeys(post for one in outcome.accepted.weighed for post in one.claim.posts))


def write(
    agent: Agent,
    asked: AskedRow,
    run: UUID,
    outcome: Outcome,
    evidence: Evidence,
    there: Mapping[str, PostRow],
    drawn: Sequence[Drawn] = (),
    missing: str = "",
) -> Composed:
    """The report. ``there`` are the posts of ``cited`` that still exist: the others are no support any more.

    ``drawn`` are charts for where no model has chosen any; ``missing`` says what the agent had to do without.
    """
    numbers = {post: number for number, post in enumerate((p for p in cited(outcome, evidence) if p in there), 1)}
    found = _told(outcome, numbers) if outcome.accepted else _listed(outcome, evidence, numbers)
    times = [there[post].event_time for post in numbers] or [asked.asked_at.astimezone(UTC)]
    report = Report(
        id=str(report_id(run)),
        run=str(run),
        topic=asked.topic,
        title=f"{agent.title}: {excerpt(asked.question, longest=90)}",
        summary=" ".join(part for part in (_summary(agent, outcome, evidence, numbers), missing) if part),
        sections=[*found, *_calls(evidence)],
        citations=[_citation(number, there[post]) for post, number in numbers.items()],
        writer=listing(list(outcome.models)) if outcome.accepted else "extractive",
        created_at=datetime.now(UTC),
        range_start=min(times),
        range_end=max(times),
        pdf="failed",
        pdf_reason="Not made yet.",
        charts=[
            msgspec.structs.replace(one.chart, drawn=plot(one.chart))
            for one in (outcome.accepted.charts if outcome.accepted else drawn)
        ],
    )
    return Composed(report=report, figures=[], markdown=markdown(report))


def _summary(agent: Agent, outcome: Outcome, evidence: Evidence, numbers: Mapping[str, int]) -> str:
    posts = f"read {count(len(evidence.posts), 'post')} in" if evidence.posts else "made"
    read = f"{agent.title} {posts} {count(len(evidence.calls), 'call')}"
    if outcome.accepted is None:
        why = excerpt(outcome.why, longest=300)
        stand = f"; {count(len(numbers), 'post')} stand below, as they came" if numbers else ""
        return f"{why} So this lists what was found. {read}{stand}."
    weighed = outcome.accepted.weighed
    without = sum(_lacking(one, numbers) is not None for one in weighed)
    marked = f" {count(without, 'claim')} without support {'is' if without == 1 else 'are'} marked." if without else ""
    verdict = f"{VERDICTS[outcome.accepted.output.verdict]} " if isinstance(outcome.accepted.output, Verdict) else ""
    citing = f", citing {count(len(numbers), 'post')}" if evidence.posts else ""
    return f"{verdict}{read} and makes {count(len(weighed), 'claim')}{citing}.{marked}"


def _told(outcome: Outcome, numbers: Mapping[str, int]) -> list[ReportSection]:
    assert outcome.accepted is not None  # noqa: S101 - the caller asked
    sections = [
        ReportSection(heading="Findings", paragraphs=[_claim(one, numbers) for one in outcome.accepted.weighed])
    ]
    output = outcome.accepted.output
    if unknown := output.unknown if isinstance(output, Findings | Verdict | Analysis) else []:
        sections.append(ReportSection(heading="Not found out", paragraphs=[excerpt(t, longest=600) for t in unknown]))
    return sections


def _lacking(one: Weighed, numbers: Mapping[str, int]) -> str | None:
    if one.unsupported or one.claim.calls or any(post in numbers for post in one.claim.posts):
        return one.unsupported
    return DELETED


def _claim(one: Weighed, numbers: Mapping[str, int]) -> str:
    if (lacking := _lacking(one, numbers)) == DELETED:
        return f"A claim was left out {UNSUPPORTED.format(DELETED)}"
    marks = "".join(f"[{numbers[post]}]" for post in one.claim.posts if post in numbers)
    calls = f"(call {', '.join(one.claim.calls)})" if one.claim.calls else ""
    parts = [excerpt(one.claim.text, longest=500), marks, calls, UNSUPPORTED.format(lacking) if lacking else ""]
    return " ".join(part for part in parts if part)


def _listed(outcome: Outcome, evidence: Evidence, numbers: Mapping[str, int]) -> list[ReportSection]:
    told = [f"{line} (call {number})" for number, one in evidence.calls.items() for line in lines(one)]
    said = [f"{excerpt(evidence.posts[post].text, longest=280)} [{number}]" for post, number in numbers.items()]
    sections = [("What the platform tells", told), ("Posts", said)]
    found = [ReportSection(heading=heading, paragraphs=paragraphs) for heading, paragraphs in sections if paragraphs]
    return found or [ReportSection(heading="What was found", paragraphs=["Nothing was found."])]


def lines(called: Called) -> list[str]:
    """What a call answered; of a query its rows."""
    if called.operation != "query":
        return outline(called.text)
    answer = msgspec.json.decode(called.text, type=QueryAnswer)
    names = [column.name for column in answer.columns]
    told = []
    for row in answer.rows[:MOST_LISTED]:
        cells = (f"{name} {cell}" for name, cell in zip(names, row, strict=True) if cell is not None)
        told.append(excerpt(", ".join(cells), longest=280))
    more = len(answer.rows) - MOST_LISTED
    return [*told, f"and {more:,} more"] if more > 0 else told


def _calls(evidence: Evidence) -> list[ReportSection]:
    looked = [
        f"{number}: {called.operation} {excerpt(called.shown, longest=160)}"
        for number, called in evidence.calls.items()
    ]
    return [ReportSection(heading="Where it looked", paragraphs=looked)] if looked else []


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
