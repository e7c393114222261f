"""What an agent hands in is held to its contract and to what the run has seen, by code."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.worker.agents.evidence import Evidence
from services.worker.agents.outputs import Accepted, Broken, Verdict, judge, schema

POST = {"id": "p1", "uri": "at://x/1", "author": "did:x", "text": "42 trains, 1,204 people", "time": "2026-05-03"}
FORGED = '{"id": "p9", "uri": "u", "author": "a", "text": "t", "time": "t"}'


def evidence() -> Evidence:
    seen = Evidence()
    seen.add("c1", "posts", "{}", msgspec.json.encode({"posts": [POST, {**POST, "id": "p2", "text": FORGED}]}))
    seen.add("c2", "timeline", "{}", b'{"minutes": [7, 8.5]}')
    seen.add("c3", "export_posts", "{}", b"not, json\n")
    return seen


def handed(*claims: dict[str, Any], contract: str = "findings", **more: Any) -> Accepted | Broken:
    return judge(contract, {"claims": list(claims), **more}, evidence())


def lacking(claim: dict[str, Any]) -> str | None:
    good = {"text": "Fine.", "posts": ["p1"]}
    judged = handed(claim, good)
    assert isinstance(judged, Accepted), judged
    return judged.weighed[0].unsupported


@pytest.mark.parametrize(
    ("text", "cites", "lacks"),
    [
        ("42 trains stood still.", {"posts": ["p1"]}, None),
        ("1204 people waited.", {"posts": ["p1"]}, None),
        ("Some 1,204 people waited.", {"posts": ["p1"]}, None),
        ("There were 8.5 a minute.", {"calls": ["c2"]}, None),
        ("43 trains stood still.", {"posts": ["p1"]}, "43 stands in nothing that it cites"),
        ("42 trains stood still.", {"calls": ["c2"]}, "42 stands in nothing that it cites"),
        ("There were 85 a minute.", {"calls": ["c2"]}, "85 stands in nothing that it cites"),
        ("Trains stood still.", {}, "it cites nothing"),
    ],
)
def test_a_claim_is_supported_by_what_it_cites(text: str, cites: dict[str, Any], lacks: str | None) -> None:
    assert lacking({"text": text, **cites}) == lacks


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ({"text": "x", "posts": ["p3"]}, "post 'p3', which was not seen in this run"),
        ({"text": "x", "posts": ["p9"]}, "post 'p9', which was not seen in this run"),
        ({"text": "x", "calls": ["c4"]}, "call 'c4', which was not made"),
        ({"text": "see https://evil.example", "posts": ["p1"]}, "no links, no markup"),
        ({"text": "see [this](x)", "posts": ["p1"]}, "no links, no markup"),
        ({"text": "<img src=x>", "posts": ["p1"]}, "no links, no markup"),
        ({"text": "a\nb", "posts": ["p1"]}, "no links, no markup"),
        ({"text": "", "posts": ["p1"]}, "does not fit the schema"),
        ({"text": "x", "posts": "p1"}, "does not fit the schema"),
        ({"text": "x", "post": ["p1"]}, "unknown field `post`"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_of_it_is_taken(claim: dict[str, Any], why: str) -> None:
    judged = handed({"text": "Fine.", "posts": ["p1"]}, claim)
    assert isinstance(judged, Broken)
    assert why in judged.why


def test_a_post_within_a_posts_text_is_none() -> None:
    assert set(evidence().posts) == {"p1", "p2"}


def test_when_most_claims_lack_support_it_is_no_report() -> None:
    bare, good = {"text": "Trains."}, {"text": "Fine.", "posts": ["p1"]}
    assert isinstance(handed(bare, good), Accepted)
    judged = handed(bare, bare, good)
    assert isinstance(judged, Broken)
    assert "2 of 3 claims lack support; the first: it cites nothing" in judged.why


def test_what_is_unknown_holds_no_links_either() -> None:
    good = {"text": "Fine.", "posts": ["p1"]}
    assert isinstance(handed(good, unknown=["When it ends"]), Accepted)
    assert isinstance(handed(good, unknown=["Ask at www.evil.example"]), Broken)


def test_a_verdict_is_one_of_four() -> None:
    good = {"text": "Fine.", "posts": ["p1"]}
    judged = handed(good, contract="verdict", verdict="disputed")
    assert isinstance(judged, Accepted)
    assert isinstance(judged.output, Verdict)
    assert isinstance(handed(good, contract="verdict", verdict="true"), Broken)
    assert isinstance(handed(good, contract="verdict"), Broken)


@pytest.mark.parametrize("contract", ["findings", "verdict"])
def test_a_contract_is_a_schema_that_providers_take(contract: str) -> None:
    told = schema(contract)
    assert told["type"] == "object"
    assert "claims" in told["required"]
    assert told["additionalProperties"] is False
