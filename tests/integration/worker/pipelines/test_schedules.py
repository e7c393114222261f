"""Schedules make one run a due time, by the database's clock, however many workers look, and miss none for good."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.cli.main import main
from services.worker.agents.definition import load_agents
from services.worker.pipelines.definition import load_pipelines
from services.worker.schedules import Schedules
from shared.config.settings import Settings
from shared.store.database import Command, Database
from tests.integration.worker.agents.test_runs import ended, report
from tests.support.agents import as_id
from tests.support.api import Served
from tests.support.pipelines import chains, store_weeks
from tests.support.runs import wait_for, wait_for_end, worker_thread

PIPELINES = load_pipelines(load_agents())
MISSED = Command("UPDATE schedule SET due_at = now() - make_interval(hours => %(hours)s)")


@pytest.fixture
def told(settings: Settings, database: Database) -> None:
    with chains(settings, database, model=False):
        pass


def create(api: Served, **more: Any) -> Any:
    asked = {"pipeline": "daily-briefing", "at": "07:00", "zone": "Europe/Berlin", **more}
    return api.http.post("/api/v1/operations/create_schedule", json=asked)


def runs(api: Served) -> Any:
    return [run for run in api.http.get("/api/v1/runs").json()["runs"] if run["kind"] == "pipeline"]


def test_a_due_time_makes_one_run_however_many_look(api: Served, database: Database, told: None) -> None:
    made = create(api)
    assert made.status_code == 201, made.text
    schedule = made.json()
    due = datetime.fromisoformat(schedule["due_at"])
    assert due > datetime.now(UTC)
    assert due.minute == 0
    look = Schedules(database, PIPELINES)
    assert look() == 0
    database.execute(MISSED, {"hours": 0})
    counts: list[int] = []
    workers = [threading.Thread(target=lambda: counts.append(Schedules(database, PIPELINES)())) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(counts) == 1
    [run] = runs(api)
    assert (run["pipeline"], run["title"], run["status"]) == ("daily-briefing", "Daily briefing", "queued")
    [shown] = api.http.get("/api/v1/schedules").json()["schedules"]
    assert (shown["last_run"], shown["last_status"]) == (run["id"], "queued")
    assert datetime.fromisoformat(shown["due_at"]) == due
    # and were the row's lock to fail, the key would hold
    database.execute(Command("UPDATE schedule SET due_at = (SELECT max(due_at) FROM run)"))
    assert look() == 0
    assert len(runs(api)) == 1


def test_many_missed_times_are_made_up_for_once(api: Served, database: Database, told: None) -> None:
    create(api, at="00:00", zone="UTC")
    create(api, at="00:00", zone="UTC", weekdays=["mon"])
    database.execute(MISSED, {"hours": 24 * 40})
    assert Schedules(database, PIPELINES)() == 2
    assert Schedules(database, PIPELINES)() == 0
    for schedule in api.http.get("/api/v1/schedules").json()["schedules"]:
        missed, due = (datetime.fromisoformat(schedule[name]) for name in ("last_due_at", "due_at"))
        assert missed <= datetime.now(UTC) < due
        assert due - missed == timedelta(days=7 if schedule["weekdays"] else 1)


def test_what_is_off_makes_none_and_nothing_of_it_is_made_up_for(api: Served, database: Database, told: None) -> None:
    schedule = create(api).json()
    change = {"schedule": schedule["id"], "enabled": False}
    off = api.http.post("/api/v1/operations/update_schedule", json=change).json()
    assert (off["enabled"], off["due_at"]) == (False, None)
    assert Schedules(database, PIPELINES)() == 0
    on = api.http.post(
        "/api/v1/operations/update_schedule",
        json={"schedule": schedule["id"], "enabled": True, "at": "23:15", "zone": "UTC", "weekdays": ["sun", "mon"]},
    ).json()
    assert (on["at"], on["zone"], on["weekdays"], on["pipeline"]) == ("23:15", "UTC", ["mon", "sun"], "daily-briefing")
    assert datetime.fromisoformat(on["due_at"]) > datetime.now(UTC)
    assert api.http.delete(f"/api/v1/schedules/{schedule['id']}").status_code == 200
    assert api.http.delete(f"/api/v1/schedules/{schedule['id']}").status_code == 404
    assert api.http.get("/api/v1/schedules").json()["schedules"] == []


def test_a_zone_that_this_machine_does_not_know_switches_it_off(api: Served, database: Database, told: None) -> None:
    create(api)
    database.execute(Command("UPDATE schedule SET zone = 'Mars/Olympus', due_at = now()"))
    assert Schedules(database, PIPELINES)() == 0
    assert [one["enabled"] for one in api.http.get("/api/v1/schedules").json()["schedules"]] == [False]


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        ({"zone": "Mars/Olympus"}, 400, "no time zone 'Mars/Olympus'"),
        ({"at": "7 am"}, 400, "at"),
        ({"at": "24:00"}, 400, "at"),
        ({"weekdays": ["someday"]}, 400, "someday"),
        ({"pipeline": "nightly"}, 404, "no such pipeline"),
        ({"topic": "harbour-bridge"}, 400, "daily-briefing takes no `topic`; it takes question"),
        ({"pipeline": "deep-dive"}, 400, "deep-dive needs `topic`."),
        ({"pipeline": "deep-dive", "topic": "gone"}, 404, "no such topic"),
        ({"pipeline": "source-audit"}, 400, "needs `feed` or `author` or `domain`"),
        ({"pipeline": "source-audit", "feed": "a", "author": "b"}, 400, "and only one of them"),
        ({"pipeline": "source-audit", "feed": "none"}, 404, "no such feed"),
        ({"pipeline": "source-audit", "domain": "a b"}, 400, "domain"),
        ({"pipeline": "source-audit", "domain": "a.org", "days": 99}, 400, "days"),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_saved_or_asked(
    api: Served, told: None, given: dict[str, Any], status: int, why: str
) -> None:
    refused = create(api, **given)
    assert (refused.status_code, why in refused.text) == (status, True), refused.text
    if not {"zone", "at", "weekdays"} & set(given):
        asked = api.http.post("/api/v1/operations/run_pipeline", json={"pipeline": "daily-briefing", **given})
        assert (asked.status_code, why in asked.text) == (status, True), asked.text


def due_times(api: Served, **rule: Any) -> Any:
    return api.http.get("/api/v1/due-times", params=rule)


def test_the_next_times_of_a_rule_are_told_before_it_is_saved(api: Served, told: None) -> None:
    made = create(api, at="06:30", weekdays=["tue", "fri"], zone="America/New_York").json()
    answer = due_times(api, at="06:30", weekdays="tue,fri", zone="America/New_York", count=4)
    times = [datetime.fromisoformat(one) for one in answer.json()["times"]]
    assert times[0] == datetime.fromisoformat(made["due_at"])
    local = [one.astimezone(ZoneInfo("America/New_York")) for one in times]
    assert {(one.hour, one.minute) for one in local} == {(6, 30)}
    assert [one.weekday() for one in local] in ([1, 4, 1, 4], [4, 1, 4, 1])
    assert times == sorted(set(times))
    assert len(due_times(api, at="00:00").json()["times"]) == 3
    for wrong in ({"at": "24:00"}, {"at": "07:00", "zone": "Mars/Olympus"}, {"at": "07:00", "weekdays": "tue;fri"}):
        assert due_times(api, **wrong).status_code == 400


def test_a_worker_makes_what_is_due_and_does_it(
    api: Served,
    database: Database,
    postgres_url: str,
    valkey_url: str,
    told: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store_weeks(database)
    create(api, pipeline="weekly-report", weekdays=["mon"])
    database.execute(MISSED, {"hours": 1})
    with worker_thread(postgres_url, valkey_url, agents_api_url=api.url):
        wait_for(lambda: runs(api))
        [run] = runs(api)
        assert wait_for_end(database, as_id(run)).status == "done"
        # and one is followed from the terminal to its report
        assert main(["pipeline", "source-audit", "--feed", "bluesky", "--days", "2", "--port", str(api.port)]) == 0
    assert report(api, run)["title"].startswith("Weekly report: ")
    said = capsys.readouterr().out
    assert "  Counting the source: " in said
    assert "Source audit: feed bluesky" in said
    assert "Written by extractive." in said


def test_the_terminal_lists_runs_and_schedules_pipelines(
    api: Served, told: None, capsys: pytest.CaptureFixture[str]
) -> None:
    port = ["--port", str(api.port)]
    assert (
        main(["op", "run_pipeline", "--pipeline", "daily-briefing", "--question", "Anything about ports?", *port]) == 0
    )
    assert (
        main(["op", "create_schedule", "--pipeline", "weekly-report", "--at", "07:00", "--weekdays", '["mon"]', *port])
        == 0
    )
    with pytest.raises(SystemExit):
        main(["pipeline", "source-audit", "--domain", "a.org", "--days", "0", *port])
    assert "no number of days" in capsys.readouterr().err
    assert main(["op", "pipelines", *port]) == 0
    assert main(["pipeline", *port]) == 0
    said = capsys.readouterr().out
    assert "Daily briefing" in said
    assert "weekly-report" in said
    assert "(needs --feed or --author or --domain)" in said
    [run] = runs(api)
    assert ended(api, run)["pipeline"] == "daily-briefing"


def test_a_run_of_a_pipeline_that_no_worker_knows_says_so(
    api: Served, settings: Settings, database: Database, told: None
) -> None:
    run = api.http.post("/api/v1/operations/run_pipeline", json={"pipeline": "weekly-report"}).json()
    few = {"daily-briefing": PIPELINES["daily-briefing"]}
    with chains(settings, database, few, model=False) as work:
        work(run["id"])
    assert "There is no pipeline 'weekly-report' here" in ended(api, run)["error"]
    assert api.http.get(f"/api/v1/runs/{run['id']}/stages").json()["stages"] == []


def test_an_api_without_workers_has_no_pipelines_yet(api: Served) -> None:
    assert api.http.get("/api/v1/pipelines").json() == {"pipelines": []}
    assert "once a worker has started" in api.http.get("/api/v1/pipelines/daily-briefing").text
