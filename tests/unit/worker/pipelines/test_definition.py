"""Pipelines are data: what is wrong with one is found before anything runs, and all of it is told at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.worker.agents.definition import Agent, load_agents
from services.worker.pipelines.definition import GIVES, load_pipeline, load_pipelines
from services.worker.pipelines.stages import CODE
from services.worker.pipelines.typed import CONTRACTS
from shared.errors import ConfigurationError
from shared.schemas.pipeline import PipelineParameters

AGENTS = load_agents()
LIBRARY = Path(__file__).parents[4] / "services/worker/pipelines/library"
DAILY = (LIBRARY / "daily-briefing.toml").read_text("utf-8")


def mistakes(folder: Path, text: str, agents: dict[str, Agent] | None = None) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return "\n".join(load_pipeline(path, agents or AGENTS)[1])


def test_what_comes_with_it_is_sound_and_ends_in_print() -> None:
    pipelines = load_pipelines(AGENTS)
    assert set(pipelines) == {"daily-briefing", "deep-dive", "weekly-report", "source-audit"}
    for pipeline in pipelines.values():
        assert [stage.gives for stage in pipeline.stages][-4:] == ["draft", "review", "report", "print"]
        assert all(not stage.agent.effects for stage in pipeline.stages if stage.agent)


def test_every_contract_that_is_given_or_taken_exists() -> None:
    named = {*GIVES.values(), "question"}
    for built_in in CODE.values():
        named |= {built_in.gives, *built_in.takes}
    assert named == set(CONTRACTS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('agent = "scout"', 'agent = "spy"'), "stage 'scout': there is no agent 'spy'; there are analyst, "),
        (('code = "day"', 'code = "night"'), "stage 'day': there is no code 'night'; there are day, week"),
        (('code = "day"', 'code = "topic"'), "the code 'topic' needs one of: topic"),
        (('agent = "writer"\n', ""), "stage 'write': it needs either an agent or code"),
        (('agent = "writer"\n', 'agent = "writer"\ncode = "day"\n'), "stage 'write': it needs either an agent or code"),
        (('"scout"\ntakes = "question"', '"scout"\ntakes = "draft"'), "question or findings, not draft"),
        (('"writer"\ntakes = "dossier"', '"writer"\ntakes = "findings"'), "takes dossier, not findings"),
        (('gives = "review"', 'gives = "verdict"'), "the agent 'reviewer' gives review, not verdict"),
        (('name = "day"', 'name = "write"'), "there are two stages 'write'"),
        (('name = "day"', 'name = "Day!"'), "stage 'Day!': its name is not"),
        (("people say about it? {question}", "people say? {topic}"), "has {topic}, which the pipeline does not take"),
        (("seconds = 1_500", "seconds = 1_399"), "take 1,400 seconds together, more than the pipeline's 1,399"),
        (("nano_usd = 900_000_000", "nano_usd = 100"), "more than the pipeline's 100"),
        (("seconds = 1_500", "seconds = 9_999"), "<= 5400"),
        (('takes = ["question"]', 'takes = ["colour"]'), "Invalid enum value 'colour'"),
        (('takes = ["question"]', 'takes = ["question"]\nneeds = ["question"]'), "'question' is both needed and taken"),
        (('takes = ["question"]', 'takes = ["question"]\ndefaults = {days = 3}'), "for 'days', which"),
        (("title =", "titel ="), "unknown field `titel`"),
        (('title = "Writing"', 'title = "W"\nlimits = { steps = 99 }'), "99 steps is not between 1 and its agent's 6"),
        (('title = "Counting the day"', 'title = "Counting"\nlimits = { steps = 1 }'), "a gather are for agents"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    assert change[0] in DAILY
    assert reason in mistakes(tmp_path, DAILY.replace(*change, 1))


def test_a_chain_whose_contracts_do_not_meet_says_where(tmp_path: Path) -> None:
    parts = DAILY.split("[[stage]]")
    without_day = "[[stage]]".join([*parts[:2], *parts[3:]])
    assert "stage 'write' takes dossier, but stage 'scout' gives findings" in mistakes(tmp_path, without_day)
    without_scout = "[[stage]]".join([parts[0], *parts[2:]])
    assert "stage 'day' takes findings, but the run gives question" in mistakes(tmp_path, without_scout)
    without_end = "[[stage]]".join(parts[:-1])
    assert "it ends with report, not with a print" in mistakes(tmp_path, without_end)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('operation = "query"', 'operation = "remove_feed"'), "gathers with 'remove_feed', which is not among its op"),
        (('kind = "line"', 'kind = "pie"'), "its chart of 'query': Invalid enum value 'pie'"),
        (('gives = "analysis"', 'gives = "findings"'), "the agent 'analyst' gives analysis, not findings"),
        (('takes = "analysis"', 'takes = "findings"'), "stage 'week' takes findings, but stage 'figures' gives analys"),
    ],
)
def test_an_analyst_stands_in_a_chain_and_what_is_wrong_there_is_named(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    weekly = (LIBRARY / "weekly-report.toml").read_text("utf-8")
    assert mistakes(tmp_path, weekly) == ""
    assert reason in mistakes(tmp_path, weekly.replace(*change, 1))


def test_a_stage_gathers_by_itself_or_as_its_agent_does(tmp_path: Path) -> None:
    weekly = (LIBRARY / "weekly-report.toml").read_text("utf-8")
    head, _, rest = weekly.partition("\n# Where no model answers")
    (tmp_path / "plain.toml").write_text(head + "\n[[stage]]\nname" + rest.partition("\n[[stage]]\nname")[2])
    made = load_pipelines(AGENTS, str(tmp_path))
    own, plain = made["weekly-report"].stages[0].agent, made["plain"].stages[0].agent
    assert own is not None
    assert plain is not None
    assert [gather.chart["kind"] for gather in own.gather] == ["line", "bar"]
    assert plain.gather == AGENTS["analyst"].gather


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(DAILY.replace('"scout"', '"spy"').replace('gives = "review"', 'gives = "x"'))
    (tmp_path / "two.toml").write_text("title = 1")
    (tmp_path / "daily-briefing.toml").write_text(DAILY)
    (tmp_path / "Bad.toml").write_text(DAILY)
    with pytest.raises(ConfigurationError) as raised:
        load_pipelines(AGENTS, str(tmp_path))
    said = str(raised.value)
    for line in (
        "one.toml: stage 'spy': there is no agent 'spy'",
        "one.toml: stage 'review': the agent 'reviewer' gives review, not x",
        "one.toml: stage 'compose' takes review, but stage 'review' gives x",
        "two.toml: Expected `str`, got `int`",
        "daily-briefing.toml: there is a pipeline of this name already",
        "Bad.toml: its name is not",
    ):
        assert line in said
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        load_pipelines(AGENTS, str(tmp_path / "none"))


def test_a_pipeline_of_ones_own_is_read_with_lower_limits_and_its_question(tmp_path: Path) -> None:
    lower = "limits = { steps = 3, nano_usd = 5, seconds = 60 }\n"
    (tmp_path / "mine.toml").write_text(DAILY.replace('agent = "scout"\n', f'agent = "scout"\n{lower}'))
    made = load_pipelines(AGENTS, str(tmp_path))["mine"]
    scout = made.stages[0]
    assert scout.agent is not None
    limits = scout.agent.limits
    assert (limits.steps, limits.nano_usd, limits.seconds) == (3, 5, 60)
    assert limits.tokens == AGENTS["scout"].limits.tokens
    assert scout.asks(PipelineParameters(question="Any {feed}?")).endswith("say about it? Any {feed}?")


def test_the_rule_of_two_holds_over_the_chain(tmp_path: Path) -> None:
    # an agent that acts on the operator's own data and reads no strangers' text is fine by itself
    folder = tmp_path / "agents" / "keeper"
    folder.mkdir(parents=True)
    (folder / "persona.md").write_text("You keep.")
    agent = """
title = "Keeper"
summary = "Keeps."
operations = ["storage", "compare_vectors"]
contract = "findings"
{more}
[limits]
steps = 5
tokens = 10_000
nano_usd = 1
seconds = 10
[[gather]]
operation = "storage"
"""
    chain = DAILY.replace('"scout"', '"keeper"')
    (folder / "agent.toml").write_text(agent.format(more=""))
    said = mistakes(tmp_path, chain, load_agents(str(tmp_path / "agents")))
    assert re.search(
        r"rule of two: it reads strangers' text \(the posts that its own code reads\).*compare_vectors", said
    )
    # unless each of its effects waits for a person
    (folder / "agent.toml").write_text(agent.format(more='approval = "always"'))
    assert mistakes(tmp_path, chain, load_agents(str(tmp_path / "agents"))) == ""
