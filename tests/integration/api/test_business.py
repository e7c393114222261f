"""Each business figure from planted rows: what counts for the part, for the whole, and for neither."""

from __future__ import annotations

import math
from typing import Any
from uuid import uuid4

import pytest

from services.api.metrics import BUSINESS_RATIO, BUSINESS_WHOLE, INTERACTION_COST
from services.api.scheduler.business import BusinessJob
from services.api.scheduler.lease import Lease
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.business import FIGURES
from shared.store.database import Command, Database, Statement
from tests.support.api import Served
from tests.support.waiting import eventually

#: Noon of the day so many days ago, so that no test begins on one day and ends on another.
_NOON = (
    "date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '12 hours' - make_interval(days => {})"
)
CALL = """INSERT INTO llm_call (request, month, agent, priority, kind, tier, model, reason, bound_nano_usd, max_tokens,
            created_at, state, cost_nano_usd, basis, output_tokens, dispatched_at, ended_at)
          SELECT gen_random_uuid(), '2026-01', 'scout', 'pipeline', 'tools', 'small', 'm', 'r', 10, 10, {noon},
            %(state)s, CASE WHEN %(state)s = 'settled' THEN 5 END,
            CASE WHEN %(state)s = 'settled' THEN CASE WHEN %(tokens)s::int IS NULL THEN 'bound' ELSE 'usage' END END,
            %(tokens)s, CASE WHEN %(sent)s THEN {noon} END,
            CASE WHEN %(state)s IN ('settled', 'released') THEN {noon} END"""
RUN = """INSERT INTO run (kind, topic, title, agent, pipeline, status, spend_nano_usd, created_at, updated_at)
         VALUES (%(kind)s, 't', 't', %(agent)s, %(pipeline)s, %(status)s, %(spend)s, {noon}, {noon}) RETURNING id"""

REPORT = """INSERT INTO report (id, run, topic, title, body, markdown, created_at)
            VALUES (%(report)s, %(run)s, 't', 't', %(body)s::jsonb, '', {noon})"""


class Openings(Schema, frozen=True, kw_only=True):
    count: int


class Column(Schema, frozen=True, kw_only=True):
    name: str


OPENINGS = Statement("SELECT count(*) AS count FROM report_opened", Openings)
COLUMNS = Statement(
    """SELECT column_name AS name FROM information_schema.columns
        WHERE table_name IN ('report_opened', 'report_vote')""",
    Column,
)


@pytest.fixture(autouse=True)
def _ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def put_call(database: Database, state: str, *, tokens: int | None = None, sent: bool = True, ago: int = 0) -> None:
    sql = CALL.format(noon=_NOON.format(ago))
    database.execute(Command(sql), {"state": state, "tokens": tokens, "sent": sent})


def put_run(
    database: Database,
    status: str,
    *,
    kind: str = "agent",
    agent: str | None = None,
    pipeline: str | None = None,
    spend: int = 0,
    ago: int = 0,
) -> None:
    sql = RUN.format(noon=_NOON.format(ago))
    about = {"kind": kind, "agent": agent, "pipeline": pipeline, "status": status, "spend": spend}
    database.execute(Command(sql), about)


def put_report(database: Database, *, ago: int = 0) -> str:
    run, report = str(uuid4()), str(uuid4())
    about = {"run": run, "report": report}
    database.execute(Command("INSERT INTO run (id, kind, topic, title) VALUES (%(run)s, 'briefing', 't', 't')"), about)
    body = """{"summary": "s", "writer": "extractive", "sections": [], "citations": [],
               "range_start": "2026-01-01T00:00:00Z", "range_end": "2026-01-01T00:00:00Z"}"""
    database.execute(Command(REPORT.format(noon=_NOON.format(ago))), about | {"body": body})
    return report


def metrics(api: Served, days: int = 30) -> Any:
    answer = api.http.get(f"/api/v1/business-metrics?days={days}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def figure(part: int, whole: int) -> dict[str, Any]:
    return {"part": part, "whole": whole, "value": part / whole if whole else None}


def test_without_rows_every_figure_says_that_there_are_no_data(api: Served) -> None:
    told = metrics(api, 3)
    assert len(told["days"]) == 3
    assert told["kinds"] == []
    nothing = {"part": 0, "whole": 0, "value": None}
    for figures in (told["whole"], *told["days"]):
        assert [figures[name] for name in told["whole"]] == [nothing] * 7


def test_of_the_attempts_that_were_sent_and_ended_those_answered_count(api: Served, database: Database) -> None:
    for _ in range(3):
        put_call(database, "settled", tokens=9)
    put_call(database, "settled")  # charged in full, because nobody knows what came
    put_call(database, "released")  # refused by the provider
    # counted for neither: never sent, about to be, under way
    put_call(database, "released", sent=False)
    put_call(database, "reserved", sent=False)
    put_call(database, "dispatched")
    put_call(database, "settled", tokens=9, ago=1)
    told = metrics(api)
    assert [day["llm_success"] for day in told["days"][:3]] == [figure(3, 5), figure(1, 1), figure(0, 0)]
    assert told["whole"]["llm_success"] == figure(4, 6)


def test_runs_by_what_did_them_and_how_they_ended(api: Served, database: Database) -> None:
    put_run(database, "done", agent="scout", spend=100)
    put_run(database, "done", agent="scout", spend=50)
    put_run(database, "failed", agent="researcher", spend=7)
    put_run(database, "cancelled", agent="scout", spend=3)
    put_run(database, "done", kind="briefing")
    put_run(database, "failed", kind="pipeline", pipeline="weekly-report")
    put_run(database, "failed", kind="pipeline", pipeline="weekly-report")
    for status in ("queued", "running", "needs_approval", "needs_human"):
        put_run(database, status, agent="scout", spend=1_000)  # counts for neither
    put_run(database, "done", agent="scout", spend=1_000, ago=40)
    told = metrics(api)
    whole = told["whole"]
    assert whole["agent_completion"] == figure(2, 3)
    assert whole["pipeline_success"] == figure(1, 3)
    # a cancelled run has cost something and was asked for
    assert whole["interaction_cost"] == figure(160, 7)
    kinds = {kind["name"]: kind for kind in told["kinds"]}
    assert list(kinds) == ["scout", "weekly-report", "briefing", "researcher"]
    assert kinds["scout"] == {
        "name": "scout", "agent": True, "done": 2, "failed": 0, "cancelled": 1, "spend_nano_usd": 153, "success": 1.0
    }  # fmt: skip
    assert (kinds["weekly-report"]["agent"], kinds["weekly-report"]["success"]) == (False, 0.0)


def test_a_kind_whose_runs_were_all_cancelled_has_no_success_rate(api: Served, database: Database) -> None:
    put_run(database, "cancelled", agent="scout")
    told = metrics(api)
    assert told["kinds"][0]["success"] is None
    assert told["whole"]["agent_completion"] == figure(0, 0)


def test_questions_that_needed_no_model(api: Served, database: Database) -> None:
    database.execute(
        Command(
            """INSERT INTO llm_cache_day (day, kind, hits, misses)
               SELECT (now() AT TIME ZONE 'UTC')::date - back, kind, h, m
                 FROM (VALUES (0, 'exact', 3, 1), (0, 'template', 1, 0), (1, 'exact', 0, 2), (30, 'exact', 9, 9))
                      AS v (back, kind, h, m)"""
        )
    )
    told = metrics(api, 30)
    assert [day["cache_hits"] for day in told["days"][:2]] == [figure(4, 5), figure(0, 2)]
    assert told["whole"]["cache_hits"] == figure(4, 7)


def test_reports_are_opened_once_a_day_and_door_and_the_last_vote_counts(api: Served, database: Database) -> None:
    read, voted, unread = (put_report(database) for _ in range(3))
    for _ in range(3):
        opened = api.http.post(f"/api/v1/reports/{read}/opened")
        assert (opened.status_code, opened.json()) == (200, {"report": read, "helpful": None})
    api.http.post(f"/api/v1/reports/{read}/opened", headers={"X-Groundswell-Door": "cli"})
    assert api.http.post(f"/api/v1/reports/{voted}/rate", json={"helpful": True}).json()["helpful"] is True
    assert api.http.post(f"/api/v1/reports/{voted}/rate", json={"helpful": False}).json()["helpful"] is False
    assert api.http.get(f"/api/v1/reports/{voted}").json()["helpful"] is False
    assert api.http.get(f"/api/v1/reports/{unread}").json()["helpful"] is None
    whole = metrics(api)["whole"]
    assert whole["reports_opened"] == figure(2, 3)
    assert whole["reports_helpful"] == figure(0, 1)
    assert database.fetch_one(OPENINGS) == Openings(count=3)
    # nothing says who
    assert {column.name for column in database.fetch(COLUMNS)} == {"report", "day", "door", "helpful", "voted_at"}


def test_unknown_reports_and_words_that_are_no_vote_are_refused(api: Served, database: Database) -> None:
    report = put_report(database)
    assert api.http.post(f"/api/v1/reports/{uuid4()}/opened").status_code == 404
    assert api.http.post(f"/api/v1/reports/{uuid4()}/rate", json={"helpful": True}).status_code == 404
    for body in ({}, {"helpful": "yes"}, {"helpful": None}, {"helpful": True, "who": "me"}):
        assert api.http.post(f"/api/v1/reports/{report}/rate", json=body).status_code == 400, body
    assert metrics(api)["whole"]["reports_opened"] == figure(0, 1)
    for days in (0, 367, "x"):
        assert api.http.get(f"/api/v1/business-metrics?days={days}").status_code == 400


def test_prometheus_is_told_the_last_seven_days_and_nan_where_there_are_no_data(database: Database) -> None:
    put_call(database, "settled", tokens=9)
    put_call(database, "released")
    put_call(database, "released", ago=7)
    put_run(database, "done", agent="scout", spend=80)
    job = BusinessJob(database)
    job.run(Lease(database, "scheduler", "test"))

    def shown(gauge: Any) -> float:
        return float(gauge._value.get())

    told = {(one.name, one.labels["figure"]) for one in BUSINESS_RATIO.collect()[0].samples}
    assert {figure for _, figure in told} == set(FIGURES) - {"interaction_cost"}  # that one has a gauge of its own
    assert shown(BUSINESS_RATIO.labels("llm_success")) == 0.5
    assert shown(BUSINESS_WHOLE.labels("llm_success")) == 2
    assert shown(INTERACTION_COST) == 80
    assert math.isnan(shown(BUSINESS_RATIO.labels("reports_helpful")))
    assert shown(BUSINESS_WHOLE.labels("reports_helpful")) == 0
    job.forget()
    assert math.isnan(shown(INTERACTION_COST))
    assert BUSINESS_RATIO.collect()[0].samples == []


def test_figures_that_cannot_be_read_disturb_no_job_beside_them() -> None:
    absent = Database(Settings(postgres_url="postgresql://nobody@127.0.0.1:1/none"), name="absent", size=1)
    absent.open()
    assert BusinessJob(absent).run(Lease(absent, "scheduler", "test")) is False
    absent.close()
