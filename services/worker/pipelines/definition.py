"""A pipeline as data: one TOML file, a linear chain of stages. Read and checked once, when the worker starts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.worker.agents.definition import Agent, Gather, Limits, misgathered
from services.worker.agents.outputs import TAKES
from services.worker.agents.trust import too_powerful
from services.worker.pipelines.stages import CODE
from shared.errors import ConfigurationError
from shared.schemas.pipeline import PARAMETERS, Parameter, PipelineParameters

#: What an agent with this contract gives.
GIVES = {"findings": "findings", "verdict": "findings", "analysis": "analysis", "draft": "draft", "review": "review"}
#: What any chain may be given; agents' seconds, and beyond them its code and its print.
MOST_STAGES, MOST_CHAIN_SECONDS = 12, 5_400
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_PLACE = re.compile(r"\{([a-z_]+)\}")


class StageLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lower limits for an agent in this stage; what is left out is the agent's own."""

    steps: int | None = None
    tokens: int | None = None
    nano_usd: int | None = None
    seconds: int | None = None


class StageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[stage]]``."""

    name: str
    title: Annotated[str, Meta(min_length=1, max_length=60)]
    takes: str
    gives: str
    agent: str = ""
    code: str = ""
    question: Annotated[str, Meta(max_length=2_000)] = ""
    limits: StageLimits = StageLimits()
    #: What its agent calls here where no model answers; if it is left out, what the agent always calls.
    gather: Annotated[list[Gather], Meta(max_length=10)] = []


class ChainLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the whole run."""

    nano_usd: Annotated[int, Meta(ge=0, le=100 * 10**9)]
    seconds: Annotated[int, Meta(ge=5, le=MOST_CHAIN_SECONDS)]


class PipelineFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    summary: Annotated[str, Meta(min_length=1, max_length=200)]
    limits: ChainLimits
    stage: Annotated[list[StageFile], Meta(min_length=1, max_length=MOST_STAGES)]
    needs: list[Parameter] = []
    takes: list[Parameter] = []
    defaults: dict[str, Any] = {}


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, checked: ``agent`` with its limits here, or ``code``."""

    name: str
    title: str
    takes: str
    gives: str
    agent: Agent | None
    code: str
    question: str

    def asks(self, parameters: PipelineParameters) -> str:
        """The question to its agent."""
        values = {name: str(getattr(parameters, name)) for name in PARAMETERS}
        return " ".join(_PLACE.sub(lambda place: values[place[1]], self.question).split())


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """One pipeline, checked."""

    name: str
    title: str
    summary: str
    limits: ChainLimits
    stages: tuple[Stage, ...]
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    defaults: dict[str, Any]


def load_pipelines(agents: Mapping[str, Agent], own: str = "") -> dict[str, Pipeline]:
    """The pipelines that come with Groundswell and those in the folder ``own``, by name.

    Raises ConfigurationError that names every mistake.
    """
    homes = [Path(str(files("services.worker.pipelines").joinpath("library"))), *([Path(own)] if own else [])]
    pipelines: dict[str, Pipeline] = {}
    mistakes: list[str] = []
    for home in homes:
        if not home.is_dir():
            mistakes.append(f"{home}: there is no such folder")
            continue
        for path in sorted(home.glob("*.toml")):
            made, wrong = load_pipeline(path, agents)
            if path.stem in pipelines:
                wrong = [*wrong, "there is a pipeline of this name already"]
            mistakes += [f"{path.name}: {line}" for line in wrong]
            if made and not wrong:
                pipelines[path.stem] = made
    if mistakes:
        raise ConfigurationError("Pipelines have mistakes:\n  " + "\n  ".join(mistakes), do="See docs/pipelines.md.")
    return pipelines


def load_pipeline(path: Path, agents: Mapping[str, Agent]) -> tuple[Pipeline | None, list[str]]:
    """The pipeline in ``path``, and everything that is wrong with it."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text("utf-8")), PipelineFile)
    except OSError as error:
        return None, [f"it cannot be read: {error.strerror}"]
    except UnicodeDecodeError:
        return None, ["it is not UTF-8"]
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return None, [str(error)]
    wrong = [] if _NAME.fullmatch(path.stem) else ["its name is not 2 to 31 small letters, digits and hyphens"]
    wrong += _parameters(file)
    stages = []
    for stage in file.stage:
        made, faults = _stage(stage, agents, {*file.needs, *file.takes})
        wrong += [f"stage {stage.name!r}: {fault}" for fault in faults]
        stages.append(made)
    wrong += [*_chain(file), *_bounds(file, stages)]
    if why := _power(stages):
        wrong.append(why)
    pipeline = Pipeline(
        name=path.stem,
        title=file.title,
        summary=file.summary,
        limits=file.limits,
        stages=tuple(stages),
        needs=tuple(file.needs),
        takes=tuple(file.takes),
        defaults=file.defaults,
    )
    return pipeline, wrong


def _parameters(file: PipelineFile) -> list[str]:
    wrong = [f"{name!r} is both needed and taken" for name in file.needs if name in file.takes]
    wrong += [
        f"it has a default for {name!r}, which it does not take" for name in file.defaults if name not in file.takes
    ]
    try:
        msgspec.convert(file.defaults, PipelineParameters)
    except msgspec.ValidationError as error:
        wrong.append(f"defaults: {error}")
    return wrong


def _stage(file: StageFile, agents: Mapping[str, Agent], known: set[str]) -> tuple[Stage, list[str]]:
    wrong, agent = [], None
    if not _NAME.fullmatch(file.name):
        wrong.append("its name is not 2 to 31 small letters, digits and hyphens")
    if bool(file.agent) == bool(file.code):
        wrong.append("it needs either an agent or code")
    elif file.code:
        built_in = CODE.get(file.code)
        if built_in is None:
            wrong.append(f"there is no code {file.code!r}; there are {', '.join(CODE)}")
        else:
            wrong += _fits(file, f"the code {file.code!r}", built_in.takes, built_in.gives)
            if built_in.needs and not known & set(built_in.needs):
                wrong.append(f"the code {file.code!r} needs one of: {', '.join(built_in.needs)}")
        if file.question or file.gather or file.limits != StageLimits():
            wrong.append("a question, limits and a gather are for agents")
    elif file.agent not in agents:
        wrong.append(f"there is no agent {file.agent!r}; there are {', '.join(sorted(agents))}")
    else:
        agent = agents[file.agent]
        if agent.contract not in GIVES:
            wrong.append(f"an agent with the contract {agent.contract!r} cannot be a stage")
        else:
            wrong += _fits(file, f"the agent {file.agent!r}", TAKES[agent.contract], GIVES[agent.contract])
        wrong += [*_limits(file.limits, agent.limits), *misgathered(file.gather, agent.operations)]
        gather = tuple(file.gather) or agent.gather
        agent = msgspec.structs.replace(agent, limits=_lowered(file.limits, agent.limits), gather=gather)
        if agent.asked and len(file.question) < 3:
            wrong.append("its agent needs a question")
    wrong += [
        f"its question has {{{place}}}, which the pipeline does not take"
        for place in _PLACE.findall(file.question)
        if place not in known
    ]
    made = Stage(
        name=file.name,
        title=file.title,
        takes=file.takes,
        gives=file.gives,
        agent=agent,
        code=file.code,
        question=file.question,
    )
    return made, wrong


def _fits(file: StageFile, what: str, takes: tuple[str, ...], gives: str) -> list[str]:
    wrong = [] if file.takes in takes else [f"{what} takes {' or '.join(takes)}, not {file.takes}"]
    return wrong + ([] if file.gives == gives else [f"{what} gives {gives}, not {file.gives}"])


def _limits(wanted: StageLimits, own: Limits) -> list[str]:
    return [
        f"its limit of {value:,} {name} is not between 1 and its agent's {getattr(own, name):,}"
        for name in StageLimits.__struct_fields__
        if (value := getattr(wanted, name)) is not None and not 1 <= value <= getattr(own, name)
    ]


def _lowered(wanted: StageLimits, own: Limits) -> Limits:
    given = {name: value for name in StageLimits.__struct_fields__ if (value := getattr(wanted, name)) is not None}
    return msgspec.structs.replace(own, **given)


def _chain(file: PipelineFile) -> list[str]:
    """Whether each stage takes what the one before gives."""
    wrong = []
    names = [stage.name for stage in file.stage]
    wrong += [f"there are two stages {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    gives, before = "question", "the run"
    for stage in file.stage:
        if stage.takes != gives:
            wrong.append(f"stage {stage.name!r} takes {stage.takes}, but {before} gives {gives}")
        gives, before = stage.gives, f"stage {stage.name!r}"
    if gives != "print":
        wrong.append(f"it ends with {gives}, not with a print: its last stage has to be the code 'render'")
    return wrong


def _bounds(file: PipelineFile, stages: list[Stage]) -> list[str]:
    """Whether its stages' limits fit into its own."""
    agents = [(stage.name, stage.agent.limits) for stage in stages if stage.agent]
    wrong = [
        f"stage {name!r} may spend {limits.nano_usd:,} nano-dollars, more than the pipeline's {file.limits.nano_usd:,}"
        for name, limits in agents
        if limits.nano_usd > file.limits.nano_usd
    ]
    seconds = sum(limits.seconds for _, limits in agents)
    if seconds > file.limits.seconds:
        wrong.append(
            f"its stages may take {seconds:,} seconds together, more than the pipeline's {file.limits.seconds:,}"
        )
    return wrong


def _power(stages: list[Stage]) -> str | None:
    """The rule of two over the chain: what one stage read, a later one knows."""
    agents = [stage.agent for stage in stages if stage.agent]
    # An agent each of whose effects waits for a person may act on what others read.
    held = [one for agent in agents for one in agent.operations if one.effect == "read" or agent.approval != "always"]
    reads = any(stage.code and stage.code in CODE and CODE[stage.code].taints for stage in stages)
    return too_powerful(held, "tainted", given="the posts that its own code reads" if reads else "")
