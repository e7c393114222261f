"""Agents that work on what they are given: a draft cites its input alone, a review names claims that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.worker.agents import prompt
from services.worker.agents.definition import load_agent, load_agents
from services.worker.agents.evidence import Called, Evidence, Seen
from services.worker.agents.outputs import Accepted, Broken, judge

POST = "0190a0a0-0000-7000-8000-000000000001"
FILE = """
title = "Poet"
summary = "Writes."
contract = "draft"
[limits]
steps = 5
tokens = 10_000
nano_usd = 1
seconds = 60
"""


def evidence() -> Evidence:
    made = Evidence()
    made.posts[POST] = Seen(POST, "did:plc:a", "The bridge closed at 17, two pontoons gone", "2026-05-03T14:00:00Z")
    counted = "1,204 posts from 310 accounts in the last 24 hours."
    made.calls["f1"] = Called("counted", "f1", counted, counted)
    made.claims = (1, 2)
    return made


def draft(text: str, *, posts: list[str] | None = None, calls: list[str] | None = None, **more: Any) -> dict[str, Any]:
    claim = {"text": text, "posts": posts or [], "calls": calls or []}
    return {"title": "The bridge", "summary": [claim], "sections": [{"heading": "What", "claims": [claim]}], **more}


def test_writer_and_reviewer_hold_no_operation_and_one_tool() -> None:
    agents = load_agents()
    for name in ("writer", "reviewer"):
        agent = agents[name]
        assert (agent.operations, agent.scopes, agent.effects, agent.asked) == ((), [], False, False)
        assert [tool.name for tool in prompt.tools(agent)] == ["answer"]
        assert "cannot look anything up" in prompt.system(agent)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('operations = ["posts"]\n', "may hold no operation"),
        ('contract = "findings"\n', "needs operations and a way to gather"),
    ],
)
def test_who_is_given_things_looks_nothing_up_and_the_other_way_round(tmp_path: Path, more: str, reason: str) -> None:
    folder = tmp_path / "poet"
    folder.mkdir()
    (folder / "persona.md").write_text("You write.")
    (folder / "agent.toml").write_text(
        more + FILE.replace('contract = "draft"\n', "" if "contract" in more else 'contract = "draft"\n')
    )
    with pytest.raises(ValueError, match=reason):
        load_agent(folder)


def test_a_draft_that_cites_its_input_is_accepted_claim_by_claim() -> None:
    made = judge("draft", draft("1,204 posts tell that it closed at 17.", posts=[POST], calls=["f1"]), evidence())
    assert isinstance(made, Accepted)
    assert [one.unsupported for one in made.weighed] == [None, None]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (draft("It closed.", posts=["0190a0a0-0000-7000-8000-00000000ffff"]), "Claim 1 of the summary cites the post"),
        (draft("It closed.", calls=["f9"]), "Claim 1 of section 1 cites the call 'f9'"),
        (draft("It closed at 18.", posts=[POST]), "2 of 2 claims lack support; the first: 18 stands in nothing"),
        (draft("It closed."), "it cites nothing"),
        (draft("See www.evil.example", posts=[POST]), "no links, no markup"),
        (draft("It closed.", posts=[POST], title="See https://evil.example"), "`title` holds 'https:'"),
        (draft("It closed.", posts=[POST], title="99 pontoons"), "`title` says 99, which stands in nothing"),
        (draft("It closed.", posts=[POST], sections=[]), "It does not fit the schema"),
    ],
)
def test_a_draft_that_says_more_than_its_input_is_refused(given: dict[str, Any], reason: str) -> None:
    made = judge("draft", given, evidence())
    assert isinstance(made, Broken)
    assert reason in made.why


def test_a_claim_without_support_among_others_is_marked() -> None:
    good = {"text": "It closed at 17.", "posts": [POST], "calls": []}
    bad = {"text": "It lost 99 pontoons.", "posts": [POST], "calls": []}
    made = judge(
        "draft", draft("It closed.", posts=[POST], sections=[{"heading": "A", "claims": [good, bad]}]), evidence()
    )
    assert isinstance(made, Accepted)
    assert [one.unsupported for one in made.weighed] == [None, None, "99 stands in nothing that it cites"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"verdict": "accept", "faults": []}, None),
        ({"verdict": "faults", "faults": [{"section": 1, "claim": 2, "fault": "No post says so."}]}, None),
        ({"verdict": "faults", "faults": [{"section": 1, "claim": 3, "fault": "x"}]}, "claim 3 of section 1"),
        ({"verdict": "faults", "faults": [{"section": 2, "claim": 1, "fault": "x"}]}, "claim 1 of section 2"),
        ({"verdict": "accept", "faults": [{"section": 0, "claim": 1, "fault": "x"}]}, "contradict each other"),
        ({"verdict": "faults"}, "contradict each other"),
        ({"verdict": "faults", "faults": [{"section": 0, "claim": 1, "fault": "<b>"}]}, "Fault 1 holds '<'"),
        ({"verdict": "fine"}, "does not fit the schema"),
    ],
)
def test_a_review_names_claims_that_there_are(given: dict[str, Any], reason: str | None) -> None:
    made = judge("review", given, evidence())
    if reason is None:
        assert isinstance(made, Accepted)
    else:
        assert isinstance(made, Broken)
        assert reason in made.why


def test_what_is_given_is_framed_where_strangers_wrote_it() -> None:
    plain = prompt.given("facts", "m", strangers=False)
    framed = prompt.given("facts", "m", strangers=True)
    assert prompt.NOTICE not in plain
    assert framed.endswith("<strangers-text-m>\nfacts\n</strangers-text-m>")
    assert prompt.NOTICE in framed
