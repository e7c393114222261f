"""Kill -9 at every point of an agent's run: no effect twice, no charge twice, and a report comes out."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.config.settings import Settings
from shared.errors import ModelUnavailable
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.integration.worker.agents.test_runs import ask, ended, events, report
from tests.support.agent_kills import LOSING, POINTS
from tests.support.agents import TIMINGS, answer, quick_press, store_posts, workplace, writer_agent
from tests.support.api import Served
from tests.support.fake_llm import Fake

RULE = {"words": {"any": ["bridge"]}}


class Named(Schema, frozen=True, kw_only=True):
    run: str
    effects: int


#: Effects by the actor's run, as the API wrote them down.
EFFECTS = Statement(
    """SELECT split_part(actor, 'run ', 2) AS run, count(*)::int AS effects FROM audit
        WHERE operation = 'create_watch' AND outcome = 'done' GROUP BY 1""",
    Named,
)


def test_a_kill_at_every_point_repeats_no_effect_and_no_charge(
    api: Served, settings: Settings, database: Database, fake: Fake, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    store_posts(database, ["The harbour bridge is closed"])
    with workplace(settings, database, {"writer": writer_agent()}, model=False):
        pass  # tells of the agent
    runs = [ask(api, "writer", f"Save a watch, number {number}") for number in range(len(POINTS))]
    fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE}), answer(("Saved.", [], ["c2"]))])
    told = [settings.postgres_url, settings.valkey_url, api.url, fake.url, str(tmp_path)]
    command = [sys.executable, "-m", "tests.support.agent_kills", *told, ",".join(run["id"] for run in runs)]
    subprocess.run(command, check=True, timeout=120)

    statuses = {point: ended(api, run)["status"] for point, run in zip(POINTS, runs, strict=True)}
    assert set(statuses.values()) == {"done"}, statuses
    effects = {row.run: row.effects for row in database.fetch(EFFECTS)}
    asked = Counter(
        (attempt["body"]["messages"][1]["content"].rpartition("number ")[2], len(attempt["body"]["messages"]))
        for attempt in fake.attempts
    )
    assert max(asked.values()) == 1, asked  # nothing was asked of the provider twice
    for point, run in zip(POINTS, runs, strict=True):
        if point in LOSING:
            assert "paid for was lost" in report(api, run)["summary"], point
            assert effects.get(run["id"], 0) == 0, point
        else:
            assert report(api, run)["writer"] == "openai/small", point
            assert effects[run["id"]] == 1, point
        steps = events(api, run)
        assert [step["status"] for step in steps] == ["done"] * len(steps), point
    saved = len(api.http.get("/api/v1/watches").json()["watches"])
    assert saved == len(POINTS) - len(LOSING)
    tell(
        f"agent: killed at {len(POINTS)} points ({', '.join(POINTS)}); {Counter(statuses.values())['done']} runs done, "
        f"{saved} watches saved, at most {max(effects.values())} a run; {len(fake.attempts)} questions sent, each "
        f"{max(asked.values())} time; {len(LOSING)} reports say that a paid answer was lost"
    )


def test_a_worker_that_was_taken_over_writes_nothing_any_more(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    class Sleepy:
        """A gateway during whose answer another worker takes the run."""

        def complete(self, *_: Any, **__: Any) -> Any:
            database.execute(Command("UPDATE run SET epoch = epoch + 1"))
            raise ModelUnavailable("Too late.")

    from threading import Event

    from services.worker.agents.work import AgentWork
    from services.worker.metrics import RUNS
    from services.worker.pipelines.perform import Performer

    work = AgentWork(settings, database, {"writer": writer_agent()}, quick_press(), Sleepy())
    work.tell()
    before = RUNS.labels("agent", "fenced")._value.get()
    run = ask(api, "writer")
    Performer(database, work.perform, lambda _: None, Event(), TIMINGS, "agent")(run["id"])
    assert RUNS.labels("agent", "fenced")._value.get() == before + 1
    assert [(step["name"], step["status"]) for step in events(api, run)] == [
        ("1-ask", "running"),
        ("report", "pending"),
    ]
