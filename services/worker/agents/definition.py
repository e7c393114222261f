"""An agent as data: a folder with ``persona.md`` and ``agent.toml``. Read once, when the worker starts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from services.worker.agents.charts import ChartAsked
from services.worker.agents.operations import Known, known
from services.worker.agents.outputs import CONTRACTS, TAKES
from services.worker.agents.trust import too_powerful
from shared.errors import ConfigurationError

#: What no agent may be given more of.
MOST_STEPS, MOST_SECONDS = 100, 1_800
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_PERSONA_MOST = 8_000


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run stops with what it has. ``steps`` counts questions to a model and calls; ``tokens`` both ways."""

    steps: Annotated[int, Meta(ge=1, le=MOST_STEPS)]
    tokens: Annotated[int, Meta(ge=1_000, le=5_000_000)]
    nano_usd: Annotated[int, Meta(ge=0, le=100 * 10**9)]
    seconds: Annotated[int, Meta(ge=5, le=MOST_SECONDS)]


class Gather(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that is made where no model answers. ``{question}`` and ``{topic}`` stand for those of the run.

    Where the run has no topic, one that needs it is made for the first three that came up before, or left out.
    With ``if_nothing`` it is made only where no post came up before.
    ``chart`` draws its rows: a chart without ``call``.
    """

    operation: str
    arguments: dict[str, Any] = {}
    if_nothing: bool = False
    chart: dict[str, str] = {}

    def drawn(self, number: str) -> ChartAsked | None:
        """The chart of the call ``number``, if there is to be one. Raises msgspec.ValidationError."""
        return msgspec.convert({**self.chart, "call": number}, ChartAsked) if self.chart else None

    @property
    def by_topic(self) -> bool:
        """Whether it needs a topic."""
        return "{topic}" in self.arguments.values()

    def filled(self, question: str, topic: str) -> dict[str, Any] | None:
        """The arguments, or ``None`` where the topic is missing."""
        if not topic and self.by_topic:
            return None
        values = {"{question}": question, "{topic}": topic}
        return {
            name: values.get(value, value) if isinstance(value, str) else value
            for name, value in self.arguments.items()
        }


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``agent.toml``."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    summary: Annotated[str, Meta(min_length=1, max_length=200)]
    limits: Limits
    contract: str
    operations: Annotated[list[str], Meta(max_length=40)] = []
    gather: Annotated[list[Gather], Meta(max_length=10)] = []
    #: "tainted": what changes something needs an approval once strangers' text was read (and what cannot be undone,
    #: always). "always": from the first call on.
    approval: Literal["tainted", "always"] = "tainted"
    constraints: Annotated[list[str], Meta(max_length=20)] = []
    #: Tools of the worker's own.
    tools: Annotated[list[Literal["run_python"]], Meta(max_length=1)] = []


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, checked."""

    name: str
    title: str
    summary: str
    persona: str
    constraints: tuple[str, ...]
    operations: tuple[Known, ...]
    approval: Literal["tainted", "always"]
    limits: Limits
    contract: str
    gather: tuple[Gather, ...]
    tools: tuple[str, ...] = ()

    @property
    def scopes(self) -> list[str]:
        """What its token may do: no more than its operations need."""
        return sorted({one.scope for one in self.operations})

    @property
    def effects(self) -> bool:
        """Whether it can change anything at all."""
        return any(one.effect != "read" for one in self.operations)

    @property
    def asked(self) -> bool:
        """Whether a person can ask it a question. The others work on what a pipeline hands them."""
        return "question" in TAKES[self.contract]


def load_agents(own: str = "") -> dict[str, Agent]:
    """The agents that come with Groundswell and those in the folder ``own``, by name.

    Raises ConfigurationError that names every mistake.
    """
    homes = [Path(str(files("services.worker.agents").joinpath("library"))), *([Path(own)] if own else [])]
    agents: dict[str, Agent] = {}
    mistakes: list[str] = []
    for home in homes:
        if not home.is_dir():
            mistakes.append(f"{home}: there is no such folder")
            continue
        for folder in sorted(path for path in home.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))):
            try:
                agent = load_agent(folder)
                if agent.name in agents:
                    raise ValueError("there is an agent of this name already")
                agents[agent.name] = agent
            except ValueError as error:
                mistakes.append(f"{folder.name}: {error}")
    if mistakes:
        raise ConfigurationError("Agents have mistakes:\n  " + "\n  ".join(mistakes), do="See docs/agents.md.")
    return agents


def load_agent(folder: Path) -> Agent:
    """The agent in ``folder``. ValueError says what is wrong with it."""
    if not _NAME.fullmatch(folder.name):
        raise ValueError("its folder's name is not 2 to 31 small letters, digits and hyphens")
    try:
        file = msgspec.convert(tomllib.loads((folder / "agent.toml").read_text("utf-8")), _File)
        persona = (folder / "persona.md").read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"{Path(str(error.filename)).name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError("a file is not UTF-8") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"agent.toml: {error}") from error
    if not 1 <= len(persona) <= _PERSONA_MOST:
        raise ValueError(f"persona.md has {len(persona)} characters; it needs 1 to {_PERSONA_MOST}")
    if file.contract not in CONTRACTS:
        raise ValueError(f"there is no output contract {file.contract!r}; there are {', '.join(CONTRACTS)}")
    if "question" in TAKES[file.contract]:
        if not file.operations or not file.gather:
            raise ValueError("it answers questions, so it needs operations and a way to gather without a model")
    elif file.operations or file.gather:
        raise ValueError(f"with the contract {file.contract!r} it reads what it is given and may hold no operation")
    operations = [_operation(name) for name in file.operations]
    if wrong := misgathered(file.gather, operations):
        raise ValueError(wrong[0])
    if why := too_powerful(operations, file.approval):
        raise ValueError(why)
    return Agent(
        name=folder.name,
        title=file.title,
        summary=file.summary,
        persona=persona,
        constraints=tuple(file.constraints),
        operations=tuple(operations),
        approval=file.approval,
        limits=file.limits,
        contract=file.contract,
        gather=tuple(file.gather),
        tools=tuple(file.tools),
    )


def misgathered(gathers: Iterable[Gather], operations: Iterable[Known]) -> list[str]:
    """What is wrong with calls to be made where no model answers, for an agent with ``operations``."""
    effects, wrong = {one.name: one.effect for one in operations}, []
    for gather in gathers:
        if gather.operation not in effects:
            wrong.append(f"it gathers with {gather.operation!r}, which is not among its operations")
        elif effects[gather.operation] != "read":
            wrong.append(f"it gathers with {gather.operation!r}, which changes something")
        try:
            gather.drawn("c1")
        except msgspec.ValidationError as error:
            wrong.append(f"its chart of {gather.operation!r}: {error}")
    return wrong


def _operation(name: str) -> Known:
    found = known().get(name)
    if found is None:
        raise ValueError(f"there is no operation {name!r} that an agent may use")
    return found
