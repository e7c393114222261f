"""What an agent hands in, and how code holds it to that: each claim names the posts or calls that it rests on."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from services.worker.agents.charts import MOST_CHARTS, ChartAsked, NoChart, build
from services.worker.agents.evidence import Evidence
from shared.schemas.chart import ReportChart

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


CONTRACTS: dict[str, type[Findings] | type[Verdict] | type[Analysis]] = {
    "findings": Findings,
    "verdict": Verdict,
    "analysis": Analysis,
}


class Weighed(msgspec.Struct, frozen=True):
    """A claim, and why it is not supported (``None``: it is)."""

    claim: Claim
    unsupported: str | None


class Accepted(msgspec.Struct, frozen=True):
    """What was handed in, claim by claim."""

    output: Findings | Verdict | Analysis
    weighed: list[Weighed]
    charts: list[ReportChart] = []


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
    wrong = [line for number, claim in enumerate(output.claims, 1) for line in _wrong(number, claim, evidence)]
    charts: list[ReportChart] = []
    for number, asked in enumerate(output.charts if isinstance(output, Analysis) else [], 1):
        texts = (asked.title, asked.x_title, asked.y_title)
        wrong += [f"Chart {number} holds {found[0]!r}." for text in texts if (found := _FORBIDDEN.search(text))]
        try:
            charts.append(build(asked, evidence))
        except NoChart as error:
            wrong.append(f"Chart {number}: {error}.")
    wrong += [f"`unknown` holds {found[0]!r}." for text in output.unknown if (found := _FORBIDDEN.search(text))]
    if wrong:
        return Broken(" ".join(wrong[:10]))
    weighed = [Weighed(claim, _lacks(claim, evidence)) for claim in output.claims]
    without = [one for one in weighed if one.unsupported]
    if len(without) > MOST_UNSUPPORTED * len(weighed):
        return Broken(f"{len(without)} of {len(weighed)} claims lack support; the first: {without[0].unsupported}.")
    return Accepted(output, weighed, charts)


def _wrong(number: int, claim: Claim, evidence: Evidence) -> list[str]:
    found = _FORBIDDEN.search(claim.text)
    return [
        *([f"Claim {number} holds {found[0]!r}: no links, no markup."] if found else []),
        *(f"Claim {number} cites the post {post[:40]!r}, which was not seen in this run."
          for post in claim.posts if post not in evidence.posts),
        *(f"Claim {number} cites the call {call[:10]!r}, which was not made."
          for call in claim.calls if call not in evidence.calls),
    ]  # fmt: skip


def _lacks(claim: Claim, evidence: Evidence) -> str | None:
    """Why the claim rests on nothing, or on something that does not hold its figures."""
    if not claim.posts and not claim.calls:
        return "it cites nothing"
    read = " ".join(
        [*(evidence.posts[post].text for post in claim.posts), *(evidence.calls[c].said for c in claim.calls)]
    )
    there = {_plain(number) for number in _NUMBER.findall(read)}
    missing = [number for number in _NUMBER.findall(claim.text) if _plain(number) not in there]
    return f"{missing[0]} stands in nothing that it cites" if missing else None


def _plain(number: str) -> str:
    """Without marks between thousands, and the 5 of a date's 05."""
    return number.replace(",", "").rstrip(".").lstrip("0") or "0"
