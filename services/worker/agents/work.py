"""A run of an agent from its claim to its report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.agents import prompt, report
from services.worker.agents.definition import Agent
from services.worker.agents.hands import Hands, address_of
from services.worker.agents.loop import AgentLoop
from services.worker.agents.means import Asking, asking, issue_token
from services.worker.agents.steps import Steps
from services.worker.pipelines.compose import report_id
from services.worker.pipelines.contracts import Composed, Rendered
from services.worker.pipelines.durable import DurableRun, Produced
from services.worker.pipelines.press import Press
from services.worker.sandbox.box import Box
from shared.config.settings import Settings
from shared.errors import InputError
from shared.store import agent_steps as store
from shared.store.database import Database, Transaction

NO_PYTHON = "There is no sandbox here, so it could not calculate in Python; health says why."


class AgentWork:
    """Does runs of ``agents``. Without ``llm`` no model answers, and what is gathered is listed.

    ``box`` is the sandbox for those that calculate.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        agents: Mapping[str, Agent],
        press: Press,
        llm: Asking | None,
        box: Box | None = None,
    ) -> None:
        self._settings, self._database, self._agents = settings, database, agents
        self._press, self._llm, self._box = press, llm, box

    def tell(self) -> None:
        """Write down which agents there are, for those who ask for them. Raises StoreUnavailable."""
        with self._database.transaction() as transaction:
            for _, agent in sorted(self._agents.items()):
                about = _about(agent, sandbox=self._box is not None)
                row = {"name": agent.name, "about": msgspec.json.encode(about).decode()}
                transaction.execute(store.TELL, row)
            transaction.execute(store.FORGET_OTHERS, {"names": list(self._agents)})

    def perform(self, run: DurableRun) -> None:
        """Do what is left of ``run`` and finish it."""
        id_ = run.claimed.run
        asked = self._database.fetch(store.ASKED, {"run": id_})[0]
        agent = self._agents.get(asked.agent)
        if agent is None:
            raise InputError(f"There is no agent {asked.agent!r} here.", why="This worker was started without it.")
        if not agent.asked:
            raise InputError(f"The agent {agent.name!r} answers no questions.", why="It works in pipelines.")
        hands = Hands(address_of(self._settings), self._token(run, agent, asked))
        complete = asking(self._settings, self._database, self._llm, agent.name, id_, agent.limits.nano_usd)
        run.plan(())  # learns whether the report is written already
        try:
            steps = Steps(self._database, run, hands, complete)
            loop = AgentLoop(self._database, agent, id_, asked, steps, box=self._box)
            outcome = asyncio.run(loop.work())
            if outcome.accepted is None:
                loop.gather()
        finally:
            hands.close()
        posts = self._database.fetch(store.POSTS, {"ids": _ids(report.cited(outcome, loop.evidence))})
        there = {post.id: post for post in posts}
        missing = NO_PYTHON if agent.tools and self._box is None else ""
        composed = report.write(agent, asked, id_, outcome, loop.evidence, there, loop.drawn, missing)
        run.step("report", Rendered, lambda: self._print(composed, id_))
        run.finish(report_id(id_))
        metrics.AGENT_RUNS.labels(agent.name, "answered" if outcome.accepted else "listed").inc()

    def _token(self, run: DurableRun, agent: Agent, asked: store.AskedRow) -> str:
        with run.held() as transaction:
            transaction.execute(store.PLAN_REPORT, {"run": run.claimed.run})
            return issue_token(transaction, agent, run.claimed.run, f"agent {agent.name}", tainted=asked.tainted)

    def _print(self, composed: Composed, run: UUID) -> Produced[Rendered]:
        printed = self._press.print(composed, None, run)
        store_report = printed.effect

        def effect(transaction: Transaction) -> None:
            if store_report:
                store_report(transaction)
            transaction.execute(store.END_TOKEN, {"run": run})

        return msgspec.structs.replace(printed, effect=effect)


def _about(agent: Agent, *, sandbox: bool) -> dict[str, object]:
    return {
        "title": agent.title,
        "summary": agent.summary,
        "operations": [one.name for one in agent.operations] + (list(agent.tools) if sandbox else []),
        "scopes": agent.scopes,
        "approval": agent.approval if agent.effects else "never",
        "contract": agent.contract,
        "asked": agent.asked,
        "limits": msgspec.to_builtins(agent.limits),
        "prompt": prompt.plan(agent),
    }


def _ids(cited: list[str]) -> list[str]:
    kept = []
    for text in cited:
        try:
            kept.append(str(UUID(text)))
        except ValueError:
            continue
    return kept
