"""An agent in a chain: how what it is given becomes its prompt and its evidence, and its answer the stage's output.

Without an answer that keeps its contract the stage gives the plainer output: what was gathered, the extractive draft,
a draft that nobody read. So a report always comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from services.worker.agents import outputs
from services.worker.agents.definition import Agent
from services.worker.agents.evidence import Called, Evidence, Seen
from services.worker.agents.loop import Outcome
from services.worker.agents.outputs import Weighed
from services.worker.agents.report import VERDICTS
from services.worker.pipelines.dossier import findings_of
from services.worker.pipelines.plain_text import excerpt
from services.worker.pipelines.typed import Dossier, Draft, Fault, Findings, Part, Post, Question, Review, Said
from services.worker.pipelines.wording import count, listing
from services.worker.pipelines.written import as_post, extractive, sentence
from shared.schemas.base import Schema

#: Posts that are handed on where no model has chosen.
MOST_LISTED = 20


def evidence(value: Schema) -> Evidence:
    """What an agent may cite of what it is given."""
    made = Evidence()
    if isinstance(value, Findings):
        _fill(made, value.posts, value)
    dossier = value.dossier if isinstance(value, Draft) else value
    if isinstance(dossier, Dossier):
        _fill(made, dossier.posts, dossier.findings)
        for number, text in dossier.facts.items():
            made.calls[number] = Called("counted", number, text, text)
    if isinstance(value, Draft):
        made.claims = (len(value.summary), *(len(part.said) for part in value.parts))
    return made


def _fill(made: Evidence, posts: Iterable[Post], findings: Findings) -> None:
    for post in posts:
        made.posts[post.id] = Seen(post.id, post.author, post.text, post.time.isoformat())
    for call, asked in findings.calls.items():
        # Of a call's answer only what was found in it is handed on: a figure has to stand there.
        told = " ".join(one.text for one in findings.said if call in one.calls)
        made.calls[call] = Called("call", asked, told, told)


def shown(value: Schema) -> str:
    """What an agent is given, as JSON; nothing where it begins the chain."""
    if isinstance(value, Question):
        return ""
    if isinstance(value, Findings):
        told: dict[str, Any] = {
            "findings": _said(value.said),
            "not_found_out": value.unknown,
            "posts": _posts(value.posts),
        }
    elif isinstance(value, Dossier):
        told = _dossier(value)
    else:
        assert isinstance(value, Draft)  # noqa: S101 - the chain was checked
        parts = [Part(heading="(summary)", said=value.summary), *value.parts]
        sections = [
            {
                "section": place,
                "heading": part.heading,
                "claims": [{"claim": at, **one} for at, one in enumerate(_said(part.said), 1)],
            }
            for place, part in enumerate(parts)
        ]
        told = {"draft": {"title": value.title, "sections": sections}, **_dossier(value.dossier)}
    return msgspec.json.format(msgspec.json.encode(told), indent=1).decode()


def _dossier(value: Dossier) -> dict[str, Any]:
    findings = value.findings
    return {
        "subject": value.subject,
        "findings": _said(one for one in findings.said if not one.unsupported),
        "not_found_out": findings.unknown,
        "counted_facts": value.facts,
        "posts": _posts(value.posts),
    }


def _said(said: Iterable[Said]) -> list[dict[str, Any]]:
    return [{"text": one.text, "posts": one.posts, "calls": one.calls} for one in said]


def _posts(posts: Iterable[Post]) -> list[dict[str, Any]]:
    return [
        {"id": post.id, "author": post.author, "time": f"{post.time:%Y-%m-%d %H:%M}", "text": post.text}
        for post in posts
    ]


def output(agent: Agent, value: Schema, outcome: Outcome, seen: Evidence) -> Schema:
    """The stage's output, also where there is no answer."""
    told = note(agent, outcome)
    answer = outcome.accepted.output if outcome.accepted else None
    if agent.contract in ("findings", "verdict"):
        return _found(findings_of(value), outcome, seen, told)
    if isinstance(value, Dossier):
        plain = Draft(dossier=value, title="", summary=[], parts=[])
        if not isinstance(answer, outputs.Draft) or outcome.accepted is None:
            return extractive(plain, told)
        return _drafted(plain, answer, outcome.accepted.weighed, outcome.models, told)
    assert isinstance(value, Draft)  # noqa: S101 - the chain was checked
    if not isinstance(answer, outputs.Review):
        return Review(draft=value, verdict="unread", faults=[], notes=[told])
    faults = [Fault(part=one.section, said=one.claim, fault=excerpt(one.fault, longest=300)) for one in answer.faults]
    return Review(draft=value, verdict=answer.verdict, faults=faults, models=list(outcome.models), notes=[told])


def note(agent: Agent, outcome: Outcome) -> str:
    """Who worked in a stage, or why no model did."""
    if outcome.accepted:
        again = f" after {count(len(outcome.broken), 'rejected try', 'rejected tries')}" if outcome.broken else ""
        return f"{agent.title}: {listing(list(outcome.models))}{again}."
    return f"{agent.title}: no model. {excerpt(outcome.why, longest=240)}"


def plainer(outcome: Outcome) -> str:
    """Why the plainer output stands; nothing where a model's answer does."""
    return "" if outcome.accepted else excerpt(outcome.why, longest=600)


def _found(before: Findings, outcome: Outcome, seen: Evidence, told: str) -> Findings:
    accepted = outcome.accepted
    weighed = accepted.weighed if accepted else []
    said = [_weighed(one) for one in weighed]
    unknown: list[str] = []
    if accepted and isinstance(accepted.output, outputs.Findings | outputs.Verdict):
        unknown = [excerpt(text, longest=600) for text in accepted.output.unknown]
        if isinstance(accepted.output, outputs.Verdict) and said:
            said[0] = msgspec.structs.replace(said[0], text=f"{VERDICTS[accepted.output.verdict]} {said[0].text}")
    posts = {post.id: post for post in before.posts}
    named = [post for one in said for post in one.posts] if accepted else list(seen.posts)[:MOST_LISTED]
    for id_ in named:
        if id_ not in posts and (post := _seen(seen.posts[id_])):
            posts[id_] = post
    cited = dict.fromkeys(call for one in said for call in one.calls)
    calls = {call: _asked(seen.calls[call]) for call in cited if call not in before.calls}
    kept = [one if all(post in posts for post in one.posts) else _without(one, posts) for one in said]
    return Findings(
        question=before.question,
        said=[*before.said, *kept],
        unknown=[*before.unknown, *unknown],
        posts=list(posts.values()),
        calls={**before.calls, **calls},
        models=list(dict.fromkeys([*before.models, *(outcome.models if accepted else ())])),
        notes=[*before.notes, told],
    )


def _weighed(one: Weighed) -> Said:
    return sentence(one.claim.text, one.claim.posts, one.claim.calls, one.unsupported)


def _without(one: Said, posts: dict[str, Post]) -> Said:
    return msgspec.structs.replace(one, posts=[post for post in one.posts if post in posts])


def _asked(call: Called) -> str:
    return f"{call.operation} {excerpt(call.shown, longest=160)}"


def _seen(post: Seen) -> Post | None:
    """A post of an answer of the API; ``None`` for something that only looks like one."""
    try:
        time = datetime.fromisoformat(post.time)
        return as_post(str(UUID(post.id)), post.author, post.text, time if time.tzinfo else time.replace(tzinfo=UTC))
    except ValueError:
        return None


def _drafted(
    plain: Draft, answer: outputs.Draft, weighed: Sequence[Weighed], models: Sequence[str], told: str
) -> Draft:
    said = [_weighed(one) for one in weighed]
    summary, rest = said[: len(answer.summary)], said[len(answer.summary) :]
    parts = []
    for section in answer.sections:
        parts.append(Part(heading=excerpt(section.heading, longest=80), said=rest[: len(section.claims)]))
        rest = rest[len(section.claims) :]
    return Draft(
        dossier=plain.dossier,
        title=excerpt(answer.title, longest=100),
        summary=summary,
        parts=parts,
        models=list(models),
        notes=[told],
    )
