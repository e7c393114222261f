"""Runs of agents, asked over a real API and worked on in this process, with the fake provider's model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from services.worker.agents.definition import Agent, Gather, Limits, load_agents
from services.worker.agents.operations import known
from services.worker.agents.work import AgentWork
from services.worker.llm.open import tiers_of
from services.worker.llm.thread import LlmThread
from services.worker.pipelines.perform import Performer
from services.worker.pipelines.press import Press
from services.worker.render.document import Document
from services.worker.render.printer import Printed
from services.worker.sandbox.box import Box
from services.worker.timings import Timings
from shared.config.settings import Settings
from shared.store.database import Command, Database
from tests.support.runs import QUICK
from tests.support.topics import STORE_POST, _post, candidate

#: A claim that ends soon: a test that kills a worker waits for it.
TIMINGS = Timings(
    **{name: getattr(QUICK, name) for name in QUICK.__struct_fields__ if name != "lease_seconds"}, lease_seconds=1.0
)


class NoPrinter:
    """Prints nothing worth reading."""

    def render(self, document: Document, run: UUID) -> Printed:
        return Printed(pdf=b"%PDF-1.7 " + document.title.encode(), pages=1, renderer="built_in")


def quick_press() -> Press:
    """A press that takes no time."""
    return Press(NoPrinter(), "", lambda _: None)


def model_settings(folder: Path, fake: str, name: str = "small") -> dict[str, Any]:
    """Settings with one paid model at the fake's address: openai/small, or of another name."""
    tiers, prices = folder / "tiers.toml", folder / "prices.json"
    about = f'tier = "{name}"\ncan = ["tools", "analysis"]\nquality = 1\ncontext = 200000\noutput = 4000\n'
    tiers.write_text(f'[[model]]\nname = "openai/{name}"\n{about}')
    prices.write_text(json.dumps({name: {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6}}))
    return {
        "llm_openai_url": f"{fake}/v1",
        "llm_openai_api_key": "key",
        "llm_local_hosts": "",
        "llm_tiers_file": str(tiers),
        "llm_prices_file": str(prices),
    }


@contextmanager
def workplace(
    settings: Settings,
    database: Database,
    agents: Mapping[str, Agent] | None = None,
    *,
    model: bool = True,
    box: Box | None = None,
) -> Iterator[Performer]:
    """Calls ``work(run_id)`` until the run stands still."""
    llm = LlmThread(settings, tiers_of(settings), lambda *_: None) if model else None
    if llm:
        llm.start()
    try:
        work = AgentWork(settings, database, agents or load_agents(), quick_press(), llm, box)
        work.tell()
        yield Performer(database, work.perform, lambda _: None, threading.Event(), TIMINGS, "agent")
    finally:
        if llm:
            llm.stop()


def writer_agent() -> Agent:
    """One that saves a watch and is trusted more than the loader would allow: its effects need no approval at first."""
    return Agent(
        name="writer",
        title="Writer",
        summary="Saves watches.",
        persona="You save watches.",
        constraints=(),
        operations=(known()["create_watch"], known()["posts"], known()["remove_watch"]),
        approval="tainted",
        limits=Limits(steps=20, tokens=1_000_000, nano_usd=900_000_000, seconds=60),
        contract="findings",
        gather=(Gather("posts", {"limit": 5}),),
    )


def store_posts(database: Database, texts: list[str]) -> list[str]:
    """Posts of the feed "bluesky"; their ids."""
    database.execute(
        Command("INSERT INTO feed (id, kind, url) VALUES ('bluesky', 'jetstream', 'wss://x') ON CONFLICT DO NOTHING")
    )
    rows = [candidate(number, text) for number, text in enumerate(texts)]
    for row in rows:
        database.execute(STORE_POST, _post(row))
    return [str(row.id) for row in rows]


def answer(*claims: tuple[str, list[str], list[str]], **more: Any) -> tuple[str, dict[str, Any]]:
    """A call of the tool ``answer``."""
    made = [{"text": text, "posts": posts, "calls": calls} for text, posts, calls in claims]
    return "answer", {"claims": made, **more}


def as_id(run: dict[str, Any]) -> UUID:
    """The run's id in an answer of the API."""
    return UUID(run["id"])
