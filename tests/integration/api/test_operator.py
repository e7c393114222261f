"""Operations for who runs the platform: what the relay keeps, what waits, what is stored, and what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.api.operations import checkup
from shared.schemas.platform import ArchiveState, Connections, Pool, Storage, Table
from shared.store import departures, units, vector_repair
from shared.store.database import Command, Database
from shared.store.migrate import migrations
from tests.support import records
from tests.support.api import Served
from tests.support.records import BEGAN
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def ready(api: Served, database: Database) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)
    records.put_feed(database)


def ask(api: Served, name: str, status: int = 200, /, **given: Any) -> Any:
    answer = api.http.post(f"/api/v1/operations/{name}", json=given)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_gaps_of_all_feeds_are_paged_and_acknowledged_once(api: Served, database: Database) -> None:
    records.put_feed(database, "other")
    for number in range(5):
        records.put_gap(database, BEGAN + timedelta(minutes=10 * number), 1, feed="other" if number % 2 else "bluesky")
    first = ask(api, "gaps", limit=3)
    rest = ask(api, "gaps", limit=3, before=first["next"])
    ends = [gap["end"] for gap in first["gaps"] + rest["gaps"]]
    assert (len(ends), ends, rest["next"], first["open"]) == (5, sorted(ends, reverse=True), None, 5)
    assert first["gaps"][0]["seconds"] == 60
    assert ask(api, "acknowledge_gaps", gaps=[first["gaps"][0]["id"]])["open"] == 4
    assert len(ask(api, "gaps", open=True)["gaps"]) == 4
    assert ask(api, "acknowledge_gaps") == {"gaps": [], "open": 0, "next": None}
    assert all(gap["acknowledged_at"] for gap in ask(api, "gaps")["gaps"])


def test_what_the_relay_keeps_of_a_feed(api: Served, database: Database) -> None:
    ask(api, "feed_cursor", 409, feed="bluesky")
    ask(api, "feed_cursor", 404, feed="nothing")
    records.put_cursor(database, "bluesky", datetime.now(UTC) - timedelta(minutes=1), posts=7)
    cursor = ask(api, "feed_cursor", feed="bluesky")
    assert (cursor["posts"], cursor["host"], round(cursor["behind_seconds"] / 10)) == (7, "x", 6)
    database.execute(
        Command(
            """INSERT INTO feed_recheck (feed, cause, host, start_us, end_us, opened_us, events, found, done_at)
               VALUES ('bluesky', 'cutover', 'x', 1000000, 2000000, 1, 10, 3, now()),
                      ('bluesky', 'gap', 'x', 5000000, NULL, 1, 0, 0, NULL)"""
        )
    )
    waiting, done = ask(api, "feed_rechecks", feed="bluesky")["rechecks"]
    assert (waiting["cause"], waiting["done_at"], waiting["end"]) == ("gap", None, None)
    assert (done["found"], done["end"]) == (3, "1970-01-01T00:00:02Z")
    database.execute(
        Command(
            """INSERT INTO account_departure (author, author_hash, gone, event_time, swept_at)
               VALUES ('a', 1, true, now(), now()), ('b', 2, true, now(), NULL), ('c', 3, false, now(), NULL)"""
        )
    )
    gone = ask(api, "departures")
    assert [gone[name] for name in ("gone", "waiting", "swept", "came_back")] == [2, 1, 1, 1]


def test_frames_that_could_not_be_read_are_shown_bounded_and_harmless(api: Served, database: Database) -> None:
    frames = {"text": b'{"did": 5}', "base64": b"\xff\xfe\x00", "long": b"x" * 20_000}
    ids = {}
    for name, raw in frames.items():
        ids[name] = uuid4()
        database.execute(
            Command(
                """INSERT INTO quarantine (id, feed, reason, detail, size, raw, times)
                   VALUES (%(id)s, 'bluesky', 'shape', 'd', %(size)s, %(raw)s, 2)"""
            ),
            {"id": ids[name], "size": len(raw), "raw": raw},
        )
    listed = ask(api, "quarantine", feed="bluesky")
    assert (len(listed["frames"]), listed["frames"][0]["raw"]) == (3, None)
    assert listed["reasons"] == [{"reason": "shape", "frames": 3, "times": 6}]
    assert ask(api, "quarantined_frame", frame=str(ids["text"]))["raw"] == '{"did": 5}'
    assert ask(api, "quarantined_frame", frame=str(ids["base64"]))["encoding"] == "base64"
    long = ask(api, "quarantined_frame", frame=str(ids["long"]))
    assert (long["size"], len(long["raw"])) == (20_000, 8_192)
    ask(api, "quarantined_frame", 404, frame=str(uuid4()))


def test_settings_are_told_with_their_source_and_without_any_secret(api: Served) -> None:
    answer = api.http.get("/api/v1/settings")
    found = {one["variable"]: one for one in answer.json()["settings"]}
    postgres = found["GROUNDSWELL_POSTGRES_URL"]
    assert (postgres["value"], postgres["set"], postgres["secret"], postgres["source"]) == (None, True, True, "set")
    assert found["GROUNDSWELL_API_TOKEN"]["set"] is False
    retention = found["GROUNDSWELL_RETENTION_DAYS"]
    assert (retention["value"], retention["source"], retention["secret"]) == (30, "default", False)
    assert "postgresql://" not in answer.text
    assert "redis://" not in answer.text


def test_schema_storage_and_connections_are_the_servers_own_word(api: Served, database: Database) -> None:
    schema = ask(api, "schema")
    assert (schema["revision"], schema["needed"]) == (len(migrations()), len(migrations()))
    assert schema["server"].startswith("PostgreSQL ")
    storage = ask(api, "storage")
    tables = [table["name"] for table in storage["tables"]]
    assert {"post", "post_archive", "post_vector", "audit"} <= set(tables)
    assert not [name for name in tables if name.startswith("post_archive_2")]  # days are in their table
    assert storage["database_bytes"] > sum(table["bytes"] for table in storage["tables"]) / 2
    connections = ask(api, "connections")
    assert connections["used"] >= 1
    assert any("api" in pool["application"] for pool in connections["pools"])


def test_what_waits_and_who_works(api: Served, database: Database) -> None:
    before = ask(api, "queues")
    assert (before["outbox"], before["outbox_oldest_seconds"], before["runs_queued"]) == (0, None, 0)
    records.put_topic(database, "t1")
    ask(api, "create_run", 201, topic="t1")
    database.execute(Command("UPDATE outbox SET created_at = now() - interval '5 minutes'"))
    after = ask(api, "queues")
    assert (after["outbox"], after["runs_queued"], round(after["outbox_oldest_seconds"])) == (1, 1, 300)
    database.execute(
        units.SAY, {"unit": "worker", "instance": "i", "component": "worker", "state": "ok", "reason": None}
    )
    database.execute(Command("INSERT INTO lease (name, holder, expires_at) VALUES ('mover', 'h', now())"))
    found = ask(api, "processes")
    assert [(unit["unit"], unit["silent"]) for unit in found["units"]] == [("worker", False)]
    assert [(lease["name"], lease["held"]) for lease in found["leases"]] == [("mover", False)]
    outbox = next(one for one in ask(api, "checkup")["findings"] if one["about"] == "outbox")
    assert (outbox["state"], "worker" in outbox["do"]) == ("degraded", True)


def test_vectors_are_compared_soon_when_asked(api: Served, database: Database) -> None:
    database.execute(
        Command(
            """INSERT INTO vector_model (model, state, complete, done, total, activated_at)
               VALUES ('m', 'active', true, 0, 0, now())"""
        )
    )
    database.execute(Command("INSERT INTO vector_repair (model, missing, extra, ended_at) VALUES ('m', 2, 1, now())"))
    (model,) = ask(api, "vectors")["models"]
    assert (model["missing"], model["extra"], model["comparing"]) == (2, 1, False)
    ask(api, "compare_vectors", 202)
    (due,) = database.fetch(vector_repair.BEGIN, {"model": "m", "seconds": 86_400})
    assert due.due
    ask(api, "compare_vectors", 202)


def test_archive_and_retention_are_counted_before_anything_goes(api: Served, database: Database) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((1, 5, 20, 40)):
        records.put_post(database, f"p{number}", time=now - timedelta(days=days))
    archive = ask(api, "archive")
    assert (archive["hot_days"], archive["cold_posts"]) == (3, 0)
    # 40 days is the retention's to remove, 20 the oldest that the mover should have moved
    assert archive["lag_seconds"] == pytest.approx(17 * 86_400, abs=60)
    posts = {days: ask(api, "retention", days=days)["tables"][0]["old"] for days in (30, 10, 3)}
    assert posts == {30: 1, 10: 2, 3: 3}
    assert ask(api, "retention", days=0)["tables"] == []
    assert ask(api, "retention")["days"] == 30


def test_a_delivery_that_failed_is_sent_again_and_no_other(api: Served, database: Database) -> None:
    made = ask(api, "create_destination", 201, name="d", kind="slack", url="https://hooks.example/SECRET")
    ask(api, "check_destination", 202, destination=made["id"])
    (pending,) = ask(api, "deliveries")["deliveries"]
    ask(api, "retry_delivery", 409, delivery=pending["id"])
    database.execute(
        Command("UPDATE delivery SET state = 'failed', attempts = 9, created_at = now() - interval '2 days'")
    )
    assert ask(api, "deliveries", state="failed")["deliveries"][0]["attempts"] == 9
    again = ask(api, "retry_delivery", 202, delivery=pending["id"])
    assert (again["state"], again["attempts"]) == ("pending", 0)
    assert ask(api, "deliveries", state="failed")["deliveries"] == []
    ask(api, "retry_delivery", 404, delivery=str(uuid4()))
    assert "SECRET" not in api.http.get("/api/v1/audit").text


def test_a_watchs_counts_end_where_it_was_judged(api: Served, database: Database) -> None:
    watch = ask(api, "create_watch", 201, name="w", rule={"words": {"any": ["x"]}})["id"]
    assert ask(api, "watch_series", watch=watch)["minutes"] == []
    database.execute(
        Command(
            """INSERT INTO watch_minute SELECT %(w)s::uuid, %(at)s - make_interval(mins => n), n
                 FROM generate_series(0, 3) AS n"""
        ),
        {"w": watch, "at": BEGAN},
    )
    database.execute(Command("UPDATE watch SET evaluated_to = %(at)s"), {"at": BEGAN})
    found = ask(api, "watch_series", watch=watch, minutes=3)
    assert [minute["posts"] for minute in found["minutes"]] == [2, 1, 0]


def test_a_checkup_names_the_worst_first_and_what_helps(api: Served) -> None:
    found = ask(api, "checkup")
    assert found["state"] == "down"  # no relay runs in this test
    assert found["findings"][0]["state"] == "down"
    assert all(one["do"] for one in found["findings"] if one["state"] != "ok")


def test_each_part_of_a_checkup_finds_what_it_should() -> None:
    pool = Pool(application="psql", connections=1, active=0, idle_in_transaction=1, waiting=0, longest_seconds=900.0)
    full = Connections(most=10, used=9, pools=[pool])
    assert [one.about for one in checkup.of_connections(full)] == ["connections", "connections"]
    assert "psql" in checkup.of_connections(full)[1].text
    table = Table(name="post", rows=100_000, dead=200_000, bytes=1, index_bytes=1, vacuumed_at=None, analyzed_at=None)
    assert "VACUUM post" in checkup.of_storage(Storage(database_bytes=1, tables=[table]))[0].do
    late = ArchiveState(
        hot_days=3, hot_from=None, hot_posts=0, hot_bytes=0, cold_posts=0, cold_bytes=0, cold_days=0, lag_seconds=7200.0
    )
    assert "2.0 hours" in checkup.of_archive(late)[0].text


def test_a_failed_run_goes_on_where_it_failed_and_a_finished_one_may_go(api: Served, database: Database) -> None:
    records.put_topic(database, "t1")
    run = ask(api, "create_run", 201, topic="t1")["id"]
    ask(api, "retry_run", 409, run=run)
    ask(api, "remove_run", 409, run=run)
    database.execute(
        Command(
            """INSERT INTO run_step (run, seq, name, title, status, result)
               SELECT %(run)s::uuid, n, 's' || n, 't', (ARRAY['done', 'failed', 'skipped'])[n], '1'
                 FROM generate_series(1, 3) AS n"""
        ),
        {"run": run},
    )
    database.execute(Command("UPDATE run SET status = 'failed', error = 'e', attempts = 5"))
    again = ask(api, "retry_run", 202, run=run)
    assert (again["status"], again["error"], again["attempts"]) == ("queued", None, 0)
    assert [step["status"] for step in ask(api, "run", run=run)["steps"]] == ["done", "pending", "pending"]
    assert ask(api, "queues")["outbox"] == 2
    database.execute(Command("UPDATE run SET status = 'done'"))
    assert ask(api, "remove_run", run=run) == {"id": run}
    for name in ("run", "retry_run", "remove_run"):
        ask(api, name, 404, run=run)


def test_an_account_that_asks_to_be_forgotten_waits_for_the_relays_sweep(api: Served, database: Database) -> None:
    records.put_post(database, "p1", time=datetime.now(UTC) - timedelta(minutes=1))
    forgotten = ask(api, "forget_account", 202, author=records.DID)
    assert ask(api, "departures")["waiting"] == 1
    (waiting,) = database.fetch(departures.WAITING, {"limit": 10})
    assert (waiting.author, forgotten["author"]) == (records.DID, records.DID)
    (post,) = database.fetch(departures.PAGE, {"time": waiting.event_time, "id": uuid4(), "limit": 10})
    assert [str(found) for found in post.posts] == [records.id_of("p1")]
    ask(api, "forget_account", 202, author=records.DID)
    assert ask(api, "departures")["gone"] == 1


def test_all_reports_are_there_page_by_page(api: Served, database: Database) -> None:
    records.put_report(database)
    database.execute(
        Command(
            """WITH runs AS (
                 INSERT INTO run (id, kind, topic, title, status)
                 SELECT ('00000000-0000-0000-0001-00000000000' || n)::uuid, 'briefing', 't1', 'x', 'done'
                   FROM generate_series(1, 4) AS n RETURNING id)
               INSERT INTO report (id, run, topic, title, body, markdown, created_at)
               SELECT runs.id, runs.id, report.topic, report.title,
                      report.body || jsonb_build_object('id', runs.id, 'run', runs.id), report.markdown,
                      report.created_at - interval '1 hour'
                 FROM runs, report"""
        )
    )
    all_of_them = [one["id"] for one in ask(api, "reports")["reports"]]
    assert len(set(all_of_them)) == 5
    first = ask(api, "reports", limit=2)
    rest = ask(api, "reports", limit=5, before=first["next"])
    assert [one["id"] for one in first["reports"] + rest["reports"]] == all_of_them
    assert rest["next"] is None
    ask(api, "reports", 400, limit=101)


def test_reports_and_topics_are_found_by_a_word(api: Served, database: Database) -> None:
    records.put_report(database, title="Lisbon 100% dark")
    assert len(ask(api, "find_reports", text="100%")["reports"]) == 1
    assert ask(api, "find_reports", text="200%")["reports"] == []
    assert ask(api, "find_reports", topic="t1", limit=1)["reports"][0]["sections"] == []
    records.put_topic(database, "ended", status="ended", label="Porto · flood")
    records.put_topic(database, "live", label="flood_warning")
    assert [topic["id"] for topic in ask(api, "find_topics", text="FLOOD")["topics"]] == ["live", "ended"]
    assert [topic["id"] for topic in ask(api, "find_topics", text="d_w")["topics"]] == ["live"]


def test_momentums_state_and_alerts_by_day(api: Served, database: Database) -> None:
    empty = ask(api, "momentum_state")
    assert (empty["as_of"], empty["bytes"], empty["topics_live"]) == (None, 0, 0)
    records.put_clock(database, BEGAN)
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=2))
    database.execute(Command("UPDATE feed_cursor SET events = 1"))
    assert ask(api, "momentum_state")["behind_seconds"] == 120
    watch = ask(api, "create_watch", 201, name="w", rule={"words": {"any": ["x"]}})["id"]
    database.execute(
        Command(
            """INSERT INTO alert (id, watch, kind, level, began_at, at, minutes, posts, authors, provisional, matched,
                                  languages, samples, topics, reason, raised_at, acknowledged_at)
               SELECT gen_random_uuid(), %(w)s::uuid, 'threshold', 1, now(), now(), 1, 1, 1, false, '[]', '{}', '{}',
                      '{}', 'r', now() - (n / 2) * interval '1 day', CASE WHEN n = 0 THEN now() END
                 FROM generate_series(0, 5) AS n"""
        ),
        {"w": watch},
    )
    days = ask(api, "alert_days", days=2)["days"]
    assert [(day["name"], day["alerts"], day["unread"]) for day in days] == [("w", 2, 1), ("w", 2, 2)]
