"""Kill -9 at each boundary of each stage, and within agents: no effect twice, no charge twice, one report each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.integration.worker.agents.test_runs import ended, events, report
from tests.integration.worker.pipelines.test_shipped import start
from tests.support.agents import as_id
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.pipeline_kills import LOSING, POINTS
from tests.support.pipelines import casts, chains, post_ids, store_weeks
from tests.support.runs import reports, run_row


class Asked(Schema, frozen=True, kw_only=True):
    run: str
    sent: int


SENT = Statement(
    "SELECT run::text, count(dispatched_at)::int AS sent FROM llm_call WHERE run IS NOT NULL GROUP BY 1", Asked
)


def test_a_kill_at_every_boundary_repeats_no_effect_and_no_charge(
    api: Served, settings: Settings, database: Database, fake: Fake, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    store_weeks(database)
    [post] = post_ids(database, "Engineers on the harbour bridge")
    with chains(settings, database, model=False):
        pass  # tells of the pipelines
    # each with words of its own: what was answered before is not asked again
    runs = [start(api, database, "daily-briefing", question=f"Number {n}?") for n in range(len(POINTS))]
    fake.control(casts=casts(post))
    told = [settings.postgres_url, settings.valkey_url, api.url, fake.url, str(tmp_path)]
    command = [sys.executable, "-m", "tests.support.pipeline_kills", *told, ",".join(run["id"] for run in runs)]
    subprocess.run(command, check=True, timeout=600)

    statuses = {point: ended(api, run)["status"] for point, run in zip(POINTS, runs, strict=True)}
    assert set(statuses.values()) == {"done"}, statuses
    sent = {row.run: row.sent for row in database.fetch(SENT)}
    for point, run in zip(POINTS, runs, strict=True):
        # the scout asks twice, the writer and the editor once; a lost answer ends the scout's work
        assert sent[run["id"]] == (3 if point in LOSING else 4), point
        assert len(reports(database, as_id(run))) == 1, point
        assert report(api, run)["writer"] == "openai/small", point
        assert {step["status"] for step in events(api, run)} == {"done"}, point
        spent = run_row(database, as_id(run)).spend_nano_usd
        booked = sum(step["cost_nano_usd"] for step in events(api, run))
        # the budget's ledger has it either way; a step that found its answer kept says that it cost nothing
        assert spent > booked if point.startswith("answered") else spent == booked, point
    assert len(fake.attempts) == sum(sent.values()) - len(LOSING)  # killed before anything went out
    # what was killed on its way stays reserved at its bound; what was billed is booked, once
    assert sum(run_row(database, as_id(run)).spend_nano_usd for run in runs) == fake.bill
    tell(
        f"pipeline: killed at {len(POINTS)} points ({', '.join(POINTS)}); {list(statuses.values()).count('done')} runs "
        f"done, {sum(len(reports(database, as_id(run))) for run in runs)} reports; {sum(sent.values())} questions "
        f"booked, {len(fake.attempts)} sent; bill ${fake.bill / 1e9:.6f}, booked the same"
    )
