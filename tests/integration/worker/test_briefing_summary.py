"""A briefing with a language model set up: the paragraph, what it costs, and going without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.schemas.run import Report
from shared.store import ledger
from shared.store.database import Command, Database
from shared.store.figures import READ
from tests.support.fake_llm import Fake, fake_llm
from tests.support.llm import CALLS
from tests.support.runs import ask, reports, run_row, wait_for_end, worker_thread
from tests.support.topics import gathered, store_topic

SAID = "The harbour bridge is closed after the tide took two pontoons [1]. People walk round [2]."
KEY = "sk-very-secret-key"


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_llm() as provider:
        yield provider


@pytest.fixture
def model(tmp_path: Path, fake: Fake) -> dict[str, Any]:
    """Settings with one paid model at the fake."""
    tiers, prices = tmp_path / "tiers.toml", tmp_path / "prices.json"
    about = 'tier = "small"\ncan = ["analysis"]\nquality = 1\ncontext = 100000\noutput = 4000\n'
    tiers.write_text(f'[[model]]\nname = "openai/small"\n{about}')
    prices.write_text(json.dumps({"small": {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6}}))
    return {
        "llm_openai_url": f"{fake.url}/v1",
        "llm_openai_api_key": KEY,
        "llm_local_hosts": "",
        "llm_tiers_file": str(tiers),
        "llm_prices_file": str(prices),
    }


def brief(database: Database, postgres_url: str, valkey_url: str, model: dict[str, Any]) -> tuple[UUID, Report]:
    topic = store_topic(database, gathered())
    with worker_thread(postgres_url, valkey_url, **model):
        run = ask(database, topic)
        assert wait_for_end(database, run).status == "done"
    [report] = reports(database, run)
    return run, msgspec.convert(report.body, Report)


def detail(database: Database, run: UUID) -> str:
    """What the step says in which the briefing is written."""
    [said] = [step.detail for step in database.fetch(ledger.STEPS, {"run": run}) if step.name == "compose"]
    return said or ""


def test_a_briefing_gets_a_paragraph_that_cites_its_posts_and_the_run_says_what_it_cost(
    database: Database,
    postgres_url: str,
    valkey_url: str,
    fake: Fake,
    model: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    fake.control(say=SAID)
    run, report = brief(database, postgres_url, valkey_url, model)
    assert (report.sections[0].heading, report.sections[0].paragraphs) == ("In short", [SAID])
    assert report.writer == "extraction, with a summary by openai/small"
    assert run_row(database, run).spend_nano_usd == fake.bill > 0
    figures = database.fetch(READ)[0]
    assert (figures.spent, figures.budget) == (fake.bill, 100 * 10**9)
    [call] = database.fetch(CALLS)
    assert (call.agent, call.kind, call.state, call.error) == ("briefing", "analysis", "settled", None)
    assert detail(database, run).endswith(", with a summary by a language model")
    # and the key is nowhere in what was logged
    said = capfd.readouterr()
    assert KEY not in said.out + said.err


@pytest.mark.parametrize(
    ("control", "why"),
    [
        (
            {"say": "It is open again, says everyone there [99]."},
            "openai/small broke its contract: it cites [99], which",
        ),
        ({"mix": {"400": 1}}, "openai/small did not answer: openai refused the question"),
        ({"mix": {"garbage": 1}}, "openai/small did not answer: openai failed, or gave an answer that cannot be read"),
    ],
)
def test_without_a_usable_paragraph_the_briefing_stays_extractive(
    database: Database,
    postgres_url: str,
    valkey_url: str,
    fake: Fake,
    model: dict[str, Any],
    control: dict[str, Any],
    why: str,
) -> None:
    fake.control(**control)
    run, report = brief(database, postgres_url, valkey_url, model)
    assert report.writer == "extractive"
    assert report.sections[0].heading != "In short"
    # and whoever looks at the run reads why
    assert f"quoted. No summary: {why}" in detail(database, run)
    assert run_row(database, run).spend_nano_usd >= fake.bill


def test_with_the_budget_spent_a_briefing_still_comes_out_and_nothing_is_sent(
    database: Database, postgres_url: str, valkey_url: str, fake: Fake, model: dict[str, Any]
) -> None:
    run, report = brief(database, postgres_url, valkey_url, model | {"llm_budget_usd": 0.0})
    assert report.writer == "extractive"
    assert fake.attempts == []
    assert run_row(database, run).spend_nano_usd == 0
    assert "of the month's budget is left" in detail(database, run)


def test_a_run_whose_worker_died_after_asking_does_not_ask_again(
    database: Database, postgres_url: str, valkey_url: str, fake: Fake, model: dict[str, Any]
) -> None:
    topic = store_topic(database, gathered())
    run = ask(database, topic)
    database.execute(SENT_BEFORE, {"run": run})
    with worker_thread(postgres_url, valkey_url, **model):
        assert wait_for_end(database, run).status == "done"
    assert fake.attempts == []
    assert "its answer is lost" in detail(database, run)
    assert msgspec.convert(reports(database, run)[0].body, Report).writer == "extractive"


SENT_BEFORE = Command(
    """INSERT INTO llm_call (request, month, agent, run, priority, kind, tier, model, reason, state, bound_nano_usd,
                             max_tokens, dispatched_at)
       VALUES (uuidv7(), budget_month(), 'briefing', %(run)s, 'interactive', 'analysis', 'small', 'openai/small',
               'test', 'dispatched', 0, 10, now())"""
)
