"""Agents are data: what they may do is checked before anything runs, and every mistake is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.api.operations.document import contract
from services.worker.agents import operations
from services.worker.agents.definition import Gather, load_agent, load_agents
from services.worker.agents.operations import Known
from services.worker.agents.trust import too_powerful
from shared.errors import ConfigurationError

FILE = """
title = "Tester"
summary = "Looks."
operations = ["posts", "search"]
contract = "findings"
[limits]
steps = 10
tokens = 10_000
nano_usd = 0
seconds = 60
[[gather]]
operation = "posts"
"""


def folder(home: Path, name: str = "tester", file: str = FILE, persona: str | None = "You look.") -> Path:
    made = home / name
    made.mkdir()
    (made / "agent.toml").write_text(file)
    if persona is not None:
        (made / "persona.md").write_text(persona)
    return made


def test_what_comes_with_it_is_sound_and_narrow() -> None:
    agents = load_agents()
    assert {"scout", "researcher", "fact-checker", "watch-keeper", "operator"} <= set(agents)
    for agent in agents.values():
        assert agent.effects is (agent.name == "watch-keeper")
        assert "*" not in agent.scopes
        assert agent.limits.nano_usd > 0
    assert agents["watch-keeper"].approval == "always"


def test_an_own_agent_is_read_beside_them(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / ".git").mkdir()
    agent = load_agents(str(tmp_path))["tester"]
    assert agent.persona == "You look."
    assert agent.scopes == ["posts:read"]
    assert not agent.effects


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("steps = 10", "steps = 101"), "<= 100"),
        (("steps = 10", "step = 10"), "unknown field `step`"),
        (("title =", "titel ="), "unknown field `titel`"),
        (('contract = "findings"', 'contract = "poem"'), "no output contract 'poem'; there are findings, verdict"),
        (('"search"]', '"serch"]'), "no operation 'serch' that an agent may use"),
        (('"search"]', '"create_access_token"]'), "no operation 'create_access_token' that an agent may use"),
        (('operation = "posts"', 'operation = "topics"'), "gathers with 'topics', which is not among its operations"),
        (('"search"]', '"ask_agent"]\napproval = "never"'), "'never'"),
        (("[limits]", "[limits"), "agent.toml:"),
        (("[[gather]]", "[[gathering]]"), "unknown field `gathering`"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    assert change[0] in FILE
    with pytest.raises(ValueError, match=re.escape(reason)):
        load_agent(folder(tmp_path, file=FILE.replace(*change)))


def test_what_changes_something_cannot_be_gathered_with(tmp_path: Path) -> None:
    file = FILE.replace('"search"]', '"create_watch"]').replace('operation = "posts"', 'operation = "create_watch"')
    with pytest.raises(ValueError, match="which changes something"):
        load_agent(folder(tmp_path, file=file))


def test_a_persona_is_needed_and_bounded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"persona\.md cannot be read"):
        load_agent(folder(tmp_path, "first", persona=None))
    with pytest.raises(ValueError, match="has 0 characters"):
        load_agent(folder(tmp_path, "second", persona=" \n"))
    with pytest.raises(ValueError, match="has 8001 characters"):
        load_agent(folder(tmp_path, "third", persona="x" * 8_001))
    bad = folder(tmp_path, "fourth")
    (bad / "persona.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not UTF-8"):
        load_agent(bad)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    folder(tmp_path, "Bad Name")
    folder(tmp_path, "scout")
    folder(tmp_path, "broken", file="title = 1")
    with pytest.raises(ConfigurationError) as raised:
        load_agents(str(tmp_path))
    said = str(raised.value)
    assert "Bad Name: its folder's name is not" in said
    assert "scout: there is an agent of this name already" in said
    assert "broken: agent.toml:" in said
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        load_agents(str(tmp_path / "none"))


def operation(name: str, effect: str = "read", *, taints: bool = False, toolset: str = "posts") -> Known:
    facts = {"idempotent": True, "scope": "x:read", "description": "", "parameters": {}}
    return Known(name=name, effect=effect, taints=taints, toolset=toolset, **facts)


STRANGERS = operation("posts", taints=True)
PRIVATE = operation("destinations", toolset="watches")
EFFECT = operation("create_watch", "write", toolset="posts")


@pytest.mark.parametrize("held", [(STRANGERS, PRIVATE), (STRANGERS, EFFECT), (PRIVATE, EFFECT), (STRANGERS,)])
def test_two_of_three_may_be_held(held: tuple[Known, ...]) -> None:
    assert too_powerful(held, "tainted") is None


def test_three_of_three_need_a_person_for_every_effect() -> None:
    assert "rule of two" in str(too_powerful((STRANGERS, PRIVATE, EFFECT), "tainted"))
    assert too_powerful((STRANGERS, PRIVATE, EFFECT), "always") is None
    one = operation("create_destination", "external", taints=True, toolset="watches")
    assert "rule of two" in str(too_powerful((one,), "tainted"))


def test_an_agent_with_too_much_power_is_refused_by_the_loader(tmp_path: Path) -> None:
    file = FILE.replace('"search"]', '"watches", "create_watch"]')
    with pytest.raises(ValueError, match="rule of two"):
        load_agent(folder(tmp_path, file=file))
    load_agent(folder(tmp_path, "asking", file=file.replace("[limits]", 'approval = "always"\n[limits]')))


def test_what_agents_know_of_the_operations_is_what_the_api_offers() -> None:
    home = Path(operations.__file__).parent / "operations.json"
    assert home.read_text("utf-8") == contract(), "make generated writes it anew"


def test_gathering_fills_in_the_question_and_leaves_out_what_needs_a_topic() -> None:
    gather = Gather("topic_posts", {"topic": "{topic}", "limit": 20})
    assert gather.filled("why?", "") is None
    assert gather.filled("why?", "t1") == {"topic": "t1", "limit": 20}
    assert Gather("search", {"q": "{question}"}).filled("a {topic} b", "") == {"q": "a {topic} b"}
