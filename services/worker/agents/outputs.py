"""What an agent hands in, and how code holds it to that: each claim names the posts or calls that it rests on."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from services.worker.agents.charts import MOST_CHARTS, ChartAsked, Drawn, NoChart, draw
from services.worker.agents.evidence import Evidence

_Short = Annotated[str, Meta(min_length=1, max_length=600)]
_FORBIDDEN = re.compile(r"(?i)https?:|www\.|\]\(|[<>`\x00-\x1f\u2028\u2029]")
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
#: More claims than this share without support, and it is no report.
MOST_UNSUPPORTED = 0.5


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One or two plain sentences. ``posts`` are ids of posts, ``calls`` numbers of calls such as c3."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    posts: Annotated[list[str], Meta(max_length=8)] = []
    calls: Annotated[list[str], Meta(max_length=8)] = []


class Findings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found. ``unknown`` says what was asked and could not be found."""

    claims: Annotated[list[Claim], Meta(min_length=1, max_length=25)]
    unknown: Annotated[list[_Short], Meta(max_length=10)] = []


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a statement holds, as far as the posts tell. The claims say why."""

    verdict: Literal["supported", "contradicted", "disputed", "unproven"]
    claims: Annotated[list[Claim], Meta(min_length=1, max_length=25)]
    unknown: Annotated[list[_Short], Meta(max_length=10)] = []


class Analysis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Figures, and charts of rows that calls answered."""

    claims: Annotated[list[Claim], Meta(min_length=1, max_length=25)]
    charts: Annotated[list[ChartAsked], Meta(max_length=MOST_CHARTS)] = []
    unknown: Annotated[list[_Short], Meta(max_length=10)] = []


class DraftSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a report under its heading."""

    heading: Annotated[str, Meta(min_length=1, max_length=80)]
    claims: Annotated[list[Claim], Meta(min_length=1, max_length=12)]


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report made of what was found. Each claim cites what the findings that it tells rest on."""

    title: Annotated[str, Meta(min_length=1, max_length=100)]
    summary: Annotated[list[Claim], Meta(min_length=1, max_length=5)]
    sections: Annotated[list[DraftSection], Meta(min_length=1, max_length=8)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with one claim: ``section`` 0 is the summary, ``claim`` counts from 1."""

    section: Annotated[int, Meta(ge=0, le=8)]
    claim: Annotated[int, Meta(ge=1, le=12)]
    fault: Annotated[str, Meta(min_length=1, max_length=300)]


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An editor's word on a draft: accepted as it is, or which of its claims have to go."""

    verdict: Literal["accept", "faults"]
    faults: Annotated[list[Fault], Meta(max_length=40)] = []


Output = Findings | Verdict | Analysis | Draft | Review
CONTRACTS: dict[str, type[Output]] = {
    "findings": Findings,
    "verdict": Verdict,
    "analysis": Analysis,
    "draft": Draft,
    "review": Review,
}
#: What an agent with this contract works on: a question, or what an earlier stage of a pipeline gave.
TAKES: dict[str, tuple[str, ...]] = {
    "findings": ("question", "findings"),
    "verdict": ("question", "findings"),
    "analysis": ("question", "findings"),
    "draft": ("dossier",),
    "review": ("draft",),
}


class Weighed(msgspec.Struct, frozen=True):
    """A claim, and why it is not supported (``None``: it is)."""

    claim: Claim
    unsupported: str | None


class Accepted(msgspec.Struct, frozen=True):
    """What was handed in, claim by claim."""

    output: Output
    weighed: list[Weighed]
    charts: list[Drawn] = []


class Broken(msgspec.Struct, frozen=True):
    """Why it was not accepted, for the model."""

    why: str


def schema(contract: str) -> dict[str, Any]:
    """The contract as a JSON schema without references at its root."""
    (root,), parts = msgspec.json.schema_components([CONTRACTS[contract]], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    rest = {other: form for other, form in parts.items() if other != name}
    return {**parts[name], "$defs": rest}


def judge(contract: str, arguments: dict[str, Any], evidence: Evidence) -> Accepted | Broken:
    """Hold what was handed in to its contract and to what was seen in this run."""
    try:
        output = msgspec.convert(arguments, CONTRACTS[contract])
    except msgspec.ValidationError as error:
        return Broken(f"It does not fit the schema: {error}.")
    claims = _claims(output)
    wrong = [line for where, claim in claims for line in _wrong(where, claim, evidence)]
    wrong += [f"{where} holds {found[0]!r}." for where, text in _texts(output) if (found := _FORBIDDEN.search(text))]
    wrong += _out_of_place(output, evidence)
    charts: list[Drawn] = []
    for number, asked in enumerate(output.charts if isinstance(output, Analysis) else [], 1):
        try:
            charts.append(draw(asked, evidence))
        except NoChart as error:
            wrong.append(f"Chart {number}: {error}.")
    if wrong:
        return Broken(" ".join(wrong[:10]))
    weighed = [Weighed(claim, _lacks(claim, evidence)) for _, claim in claims]
    without = [one for one in weighed if one.unsupported]
    if len(without) > MOST_UNSUPPORTED * len(weighed):
        return Broken(f"{len(without)} of {len(weighed)} claims lack support; the first: {without[0].unsupported}.")
    return Accepted(output, weighed, charts)


def _claims(output: Output) -> list[tuple[str, Claim]]:
    """Its claims in their order, with what they are called."""
    if isinstance(output, Draft):
        parts = [("of the summary", output.summary)]
        parts += [(f"of section {number}", section.claims) for number, section in enumerate(output.sections, 1)]
        return [(f"Claim {at} {where}", claim) for where, claims in parts for at, claim in enumerate(claims, 1)]
    if isinstance(output, Review):
        return []
    return [(f"Claim {number}", claim) for number, claim in enumerate(output.claims, 1)]


def _texts(output: Output) -> list[tuple[str, str]]:
    """What else it says in words."""
    if isinstance(output, Draft):
        headings = [(f"The heading of section {at}", part.heading) for at, part in enumerate(output.sections, 1)]
        return [("`title`", output.title), *headings]
    if isinstance(output, Review):
        return [(f"Fault {number}", fault.fault) for number, fault in enumerate(output.faults, 1)]
    told = [("`unknown`", text) for text in output.unknown]
    for number, asked in enumerate(output.charts if isinstance(output, Analysis) else [], 1):
        told += [(f"Chart {number}", text) for text in (asked.title, asked.x_title, asked.y_title)]
    return told


def _out_of_place(output: Output, evidence: Evidence) -> list[str]:
    """Figures in titles that stand nowhere, faults of claims that there are not, a verdict against its faults."""
    if isinstance(output, Draft):
        seen = [*(post.text for post in evidence.posts.values()), *(call.text for call in evidence.calls.values())]
        there = _numbers(" ".join(seen))
        return [
            f"{where} says {number}, which stands in nothing that was given."
            for where, text in _texts(output)
            for number in _NUMBER.findall(text)
            if _plain(number) not in there
        ]
    if isinstance(output, Review):
        if (output.verdict == "faults") != bool(output.faults):
            return ["`verdict` and `faults` contradict each other."]
        return [
            f"Fault {number} is of claim {fault.claim} of section {fault.section}, which there is not."
            for number, fault in enumerate(output.faults, 1)
            if fault.section >= len(evidence.claims) or fault.claim > evidence.claims[fault.section]
        ]
    return []


def _wrong(where: str, claim: Claim, evidence: Evidence) -> list[str]:
    found = _FORBIDDEN.search(claim.text)
    return [
        *([f"{where} holds {found[0]!r}: no links, no markup."] if found else []),
        *(f"{where} cites the post {post[:40]!r}, which was not seen in this run."
          for post in claim.posts if post not in evidence.posts),
        *(f"{where} cites the call {call[:10]!r}, which was not made."
          for call in claim.calls if call not in evidence.calls),
    ]  # fmt: skip


def _lacks(claim: Claim, evidence: Evidence) -> str | None:
    """Why the claim rests on nothing, or on something that does not hold its figures."""
    if not claim.posts and not claim.calls:
        return "it cites nothing"
    there = _numbers(
        " ".join([*(evidence.posts[post].text for post in claim.posts), *(evidence.calls[c].said for c in claim.calls)])
    )
    missing = [number for number in _NUMBER.findall(claim.text) if _plain(number) not in there]
    return f"{missing[0]} stands in nothing that it cites" if missing else None


def _numbers(text: str) -> set[str]:
    return {_plain(number) for number in _NUMBER.findall(text)}


def _plain(number: str) -> str:
    """Without marks between thousands, and the 5 of a date's 05."""
    return number.replace(",", "").rstrip(".").lstrip("0") or "0"
