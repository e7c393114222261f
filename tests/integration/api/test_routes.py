"""Every route, as the dashboard calls it: what it answers, and what it says when it cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from shared.schemas.feed import FeedList, FeedSeries
from shared.schemas.health import Health
from shared.schemas.post import Post, PostPage
from shared.schemas.problem import Problem
from shared.schemas.run import Report, ReportPage, Run, RunList
from shared.schemas.topic import MomentumSeries, TopicDetail, TopicList
from shared.store import units
from shared.store.database import Command, Database, Statement
from tests.support import records
from tests.support.api import Served
from tests.support.records import BEGAN
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def read(api: Served, address: str, form: Any, **params: Any) -> Any:
    answer = api.http.get(address, params=params)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=form)


def problem(answer: httpx.Response, status: int) -> Problem:
    assert answer.status_code == status, answer.text
    said = msgspec.json.decode(answer.content, type=Problem)
    assert said.status == status
    assert said.what
    assert said.request == answer.headers["x-request-id"]
    return said


def test_feeds_show_their_state_and_recent_gaps(api: Served, database: Database) -> None:
    records.put_feed(database, "bluesky")
    records.put_feed(database, "quiet", status=None)
    records.put_cursor(database, "bluesky", datetime.now(UTC), posts=12)
    records.put_gap(database, datetime.now(UTC) - timedelta(minutes=5), 1)
    records.put_gap(database, datetime.now(UTC) - timedelta(days=2), 1)
    found = read(api, "/api/v1/feeds", FeedList)
    assert [(feed.id, feed.status) for feed in found.feeds] == [("bluesky", "live"), ("quiet", "starting")]
    assert found.feeds[0].rate == 7.5
    assert found.feeds[0].posts == 12
    assert len(found.gaps) == 1


def test_a_feed_whose_relay_fell_silent_is_unreachable(api: Served, database: Database) -> None:
    records.put_feed(database)
    database.execute(Command("UPDATE feed_report SET reported_at = now() - interval '31 seconds'"))
    (feed,) = read(api, "/api/v1/feeds", FeedList).feeds
    assert (feed.status, feed.reason, feed.rate) == ("unreachable", "The relay is not running.", 0.0)


def test_a_feeds_series_leaves_out_minutes_that_touch_a_gap(api: Served, database: Database) -> None:
    records.put_feed(database)
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=9, seconds=30))
    database.execute(
        Command(
            """INSERT INTO feed_minute (feed, minute, posts)
               SELECT 'bluesky', %(began)s + make_interval(mins => n), n FROM generate_series(0, 9) AS n"""
        ),
        {"began": BEGAN},
    )
    records.put_gap(database, BEGAN + timedelta(minutes=3, seconds=30), 2)
    found = read(api, "/api/v1/feeds/bluesky/series", FeedSeries, minutes=60)
    # the first minute began before the feed was read, the last one is not over
    assert [minute.posts for minute in found.minutes] == [1, 2, 6, 7, 8]
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=10))
    found = read(api, "/api/v1/feeds/bluesky/series", FeedSeries, minutes=60)
    assert [minute.posts for minute in found.minutes] == [1, 2, 6, 7, 8, 9]
    assert [gap.feed for gap in found.gaps] == ["bluesky"]
    problem(api.http.get("/api/v1/feeds/nothing/series"), 404)


def test_posts_page_backwards_without_loss_while_new_ones_arrive(api: Served, database: Database) -> None:
    records.put_feed(database)
    records.put_feed(database, "other")
    names = [f"p{number}" for number in range(25)]
    for number, name in enumerate(names):  # several share a time, so that the id decides
        records.put_post(database, name, time=BEGAN + timedelta(seconds=number // 4))
    records.put_post(database, "gone", deleted=True)
    records.put_post(database, "elsewhere", feed="other")
    seen: list[str] = []
    before: dict[str, str] = {}
    for turn in range(20):
        page = read(api, "/api/v1/posts", PostPage, limit=4, feed="bluesky", **before)
        seen += [post.id for post in page.posts]
        records.put_post(database, f"new{turn}", time=BEGAN + timedelta(hours=1 + turn))
        if page.next is None:
            break
        before = {"before": page.next}
    assert sorted(seen) == sorted(map(records.id_of, names))
    assert len(seen) == len(set(seen))
    first = read(api, "/api/v1/posts", PostPage)
    assert [post.time for post in first.posts] == sorted((post.time for post in first.posts), reverse=True)


def test_a_post_carries_the_address_we_built_for_it(api: Served, database: Database) -> None:
    records.put_feed(database)
    stored = records.put_post(database, "3kabc", text="<script>alert(1)</script>")
    found = read(api, f"/api/v1/posts/{stored}", Post)
    assert found.url == f"https://bsky.app/profile/{records.DID}/post/3kabc"
    assert found.text == "<script>alert(1)</script>"
    records.delete_post(database, "3kabc")
    problem(api.http.get(f"/api/v1/posts/{stored}"), 404)


def test_topics_come_by_score_with_their_last_hour(api: Served, database: Database) -> None:
    records.put_feed(database)
    records.put_topic(database, "low", score=1)
    records.put_topic(database, "high", score=9)
    records.put_topic(database, "old", status="ended")
    records.put_minutes(database, "high", BEGAN - timedelta(minutes=3), [1, 2, 3])
    records.put_gap(database, BEGAN - timedelta(minutes=2), 1)
    records.put_clock(database, BEGAN)
    found = read(api, "/api/v1/topics", TopicList)
    assert [topic.id for topic in found.topics] == ["high", "low"]
    assert found.topics[0].spark == [None] * 57 + [1, None, 3]
    assert (found.as_of, found.baseline_minutes, found.warmup_minutes) == (BEGAN, 120, 1440)


def test_before_any_tick_there_are_no_topics_and_no_error(api: Served) -> None:
    assert read(api, "/api/v1/topics", TopicList).as_of is None
    assert read(api, "/api/v1/momentum", MomentumSeries).topics == []


def test_a_topic_shows_series_gaps_posts_and_relatives(api: Served, database: Database) -> None:
    records.put_feed(database)
    later = records.put_post(database, "later", time=BEGAN)
    earlier = records.put_post(database, "earlier", time=BEGAN - timedelta(minutes=2))
    deleted = records.put_post(database, "deleted", deleted=True)
    records.put_topic(database, "t1", representatives=[later, earlier, deleted])
    records.put_topic(database, "t2")
    records.put_topic(database, "far")
    for topic, post in (("t1", later), ("t1", earlier), ("t2", later)):
        database.execute(
            Command("INSERT INTO topic_post VALUES (%(t)s, %(p)s, %(at)s)"), {"t": topic, "p": post, "at": BEGAN}
        )
    records.put_minutes(database, "t1", BEGAN - timedelta(minutes=4), [1, 2, 3, 4])
    records.put_gap(database, BEGAN - timedelta(minutes=3), 1)
    records.put_clock(database, BEGAN)
    found = read(api, "/api/v1/topics/t1", TopicDetail)
    assert [point.posts for point in found.series] == [1, None, 3, 4]
    assert [post.id for post in found.posts] == [earlier, later]
    assert [topic.id for topic in found.related] == ["t2"]
    assert len(found.gaps) == 1
    problem(api.http.get("/api/v1/topics/none"), 404)


def test_the_momentum_chart_has_one_axis_for_all_topics(api: Served, database: Database) -> None:
    records.put_topic(database, "a", score=2)
    records.put_topic(database, "b", score=3)
    records.put_topic(database, "c", score=1)
    records.put_minutes(database, "a", BEGAN - timedelta(minutes=2), [5, 6])
    records.put_minutes(database, "b", BEGAN - timedelta(minutes=4), [1, 2, 3, 4])
    records.put_clock(database, BEGAN)
    found = read(api, "/api/v1/momentum", MomentumSeries, minutes=5, limit=2)
    assert [topic.id for topic in found.topics] == ["b", "a"]
    assert found.minutes == [BEGAN - timedelta(minutes=back) for back in (5, 4, 3, 2, 1)]
    assert found.values == [[None, 1, 2, 3, 4], [None, None, None, 5, 6]]


def test_the_minute_in_which_reading_began_is_no_steep_rise(api: Served, database: Database) -> None:
    records.put_topic(database, "a")
    records.put_minutes(database, "a", BEGAN - timedelta(minutes=4), [1, 20, 21, 22])
    records.put_clock(database, BEGAN, BEGAN - timedelta(minutes=4))
    found = read(api, "/api/v1/momentum", MomentumSeries, minutes=5)
    assert found.values == [[None, None, 20, 21, 22]]
    assert found.topics[0].spark[-5:] == [None, None, 20, 21, 22]
    detail = read(api, "/api/v1/topics/a", TopicDetail)
    assert [point.posts for point in detail.series] == [None, 20, 21, 22]


def test_search_is_handed_over_with_all_its_filters(api: Served) -> None:
    answer = api.http.get(
        "/api/v1/search",
        params={"q": "café'; DROP TABLE post;--", "language": "pt", "since": "2026-01-01T00:00:00Z", "feed": ""},
    )
    assert answer.status_code == 200
    (query,) = api.searched
    assert (query.q, query.language, query.feed) == ("café'; DROP TABLE post;--", "pt", None)
    assert query.since == datetime(2026, 1, 1, tzinfo=UTC)


class Job(msgspec.Struct):
    actor: str
    queue: str
    args: dict[str, str]


JOBS = Statement("SELECT actor, queue, args FROM outbox", Job)


def test_asking_twice_for_a_briefing_makes_one_run_and_one_job(api: Served, database: Database) -> None:
    records.put_topic(database, "t1")
    first = api.http.post("/api/v1/runs", json={"topic": "t1"})
    assert first.status_code == 201
    run = msgspec.json.decode(first.content, type=Run)
    assert (run.status, run.title, run.steps) == ("queued", "Briefing: lisbon · power", [])
    again = msgspec.json.decode(api.http.post("/api/v1/runs", json={"topic": "t1"}).content, type=Run)
    assert again.id == run.id
    (job,) = database.fetch(JOBS)
    assert (job.actor, job.queue, job.args) == ("run_briefing", "interactive", {"run_id": run.id})
    assert read(api, f"/api/v1/runs/{run.id}", Run) == run
    database.execute(Command("UPDATE run SET status = 'done'"))
    third = msgspec.json.decode(api.http.post("/api/v1/runs", json={"topic": "t1"}).content, type=Run)
    assert third.id != run.id
    assert [found.id for found in read(api, "/api/v1/runs", RunList).runs] == [third.id, run.id]


def test_runs_are_found_by_what_did_them_and_how_they_stand_page_by_page(api: Served, database: Database) -> None:
    made = """INSERT INTO run (id, kind, topic, title, agent, pipeline, status, created_at)
              SELECT uuidv7(make_interval(mins => n - 200)), %(kind)s, %(topic)s, %(kind)s || n, %(agent)s,
                     %(pipeline)s, (%(statuses)s::text[])[1 + n %% 4], now() + make_interval(mins => n - 200)
                FROM generate_series(%(from)s::int, %(to)s::int) n"""
    statuses = ["done", "failed", "running", "needs_approval"]
    many = {"kind": "agent", "topic": "", "agent": "scout", "pipeline": None, "statuses": statuses, "from": 1, "to": 70}
    database.execute(Command(made), many)
    database.execute(Command(made), many | {"kind": "pipeline", "agent": None, "pipeline": "deep-dive", "topic": "t1"})
    steps = """INSERT INTO run_step (run, seq, name, title, kind, key)
               SELECT id, n, 'step' || n, 't', (ARRAY['work', 'ask'])[1 + n], id::text || n
                 FROM run, generate_series(0, 1) n"""
    database.execute(Command(steps))

    def found(**wanted: object) -> RunList:
        answer = api.http.get("/api/v1/runs", params=wanted)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=RunList)

    # all of them, past the first fifty, each once and in one order
    pages, before = [], None
    while True:
        page = found(agent="scout", limit=30, **({"before": before} if before else {}))
        pages.append([run.title for run in page.runs])
        if not (before := page.next):
            break
    assert [len(page) for page in pages] == [30, 30, 10]
    assert [title for page in pages for title in page] == [f"agent{n}" for n in range(70, 0, -1)]
    assert {run.status for run in found(agent="scout", status="open").runs} == {"running", "needs_approval"}
    assert len(found(status="failed", limit=100).runs) == 36
    old = found(pipeline="deep-dive", status="done").runs[-1]
    assert (old.title, old.topic, [step.name for step in old.steps]) == ("pipeline4", "t1", ["step0"])
    assert found(topic="t1", kind="agent").runs == []
    assert len(found(topic="t1").runs) == 50
    # a page goes on behind a run that was removed meanwhile
    first = found(agent="scout", limit=1)
    assert first.next == first.runs[0].id
    database.execute(Command("DELETE FROM run WHERE id = %(id)s"), {"id": first.next})
    assert found(agent="scout", limit=1, before=first.next).runs[0].title == "agent69"
    assert found(before=str(uuid4())).runs == []
    assert len(found(before="ffffffff-ffff-7fff-bfff-ffffffffffff").runs) == 50
    for wrong in ({"status": "over"}, {"limit": 0}, {"before": "x"}, {"kind": "x"}, {"steps": "all"}):
        problem(api.http.get("/api/v1/runs", params=wrong), 400)


def test_a_run_about_nothing_is_refused_and_leaves_no_job(api: Served, database: Database) -> None:
    problem(api.http.post("/api/v1/runs", json={"topic": "none"}), 404)
    problem(api.http.get(f"/api/v1/runs/{uuid4()}"), 404)
    assert database.fetch(JOBS) == []


def test_a_report_comes_as_data_pdf_html_and_markdown(api: Served, database: Database) -> None:
    run, report = records.put_report(database, title='Lisbon "grid"\r\n/../é')
    found = read(api, f"/api/v1/reports/{report}", Report)
    assert (found.run, found.pdf, found.citations[0].number) == (run, "ready", 1)
    (listed,) = read(api, "/api/v1/reports", ReportPage).reports
    assert (listed.id, listed.sections, listed.citations) == (report, [], [])
    pdf = api.http.get(f"/api/v1/reports/{report}/pdf")
    assert (pdf.status_code, pdf.content, pdf.headers["content-type"]) == (200, b"%PDF-1.7 x", "application/pdf")
    assert pdf.headers["content-disposition"] == 'attachment; filename="lisbon-grid-e-00000002.pdf"'
    markdown = api.http.get(f"/api/v1/reports/{report}/markdown")
    assert (markdown.text, markdown.headers["content-type"]) == ("# Lisbon", "text/markdown; charset=utf-8")
    page = api.http.get(f"/api/v1/reports/{report}/html")
    assert (page.text, page.headers["content-type"]) == ("<!doctype html>x", "text/html; charset=utf-8")
    assert page.headers["content-disposition"] == 'attachment; filename="lisbon-grid-e-00000002.html"'
    assert [step.name for step in read(api, f"/api/v1/runs/{run}", Run).steps] == ["gather", "write"]


def test_a_report_without_pdf_says_so(api: Served, database: Database) -> None:
    _, report = records.put_report(database, pdf=None)
    assert problem(api.http.get(f"/api/v1/reports/{report}/pdf"), 409).why == "The renderer is away."
    database.execute(Command("UPDATE report SET html = NULL"))
    assert "before reports had one" in (problem(api.http.get(f"/api/v1/reports/{report}/html"), 409).why or "")
    for form in ("", "/pdf", "/markdown", "/html"):
        problem(api.http.get(f"/api/v1/reports/{uuid4()}{form}"), 404)


def test_health_names_units_that_are_silent_or_never_spoke(api: Served, database: Database) -> None:
    for unit, component, state in (
        ("api", "api", "ok"),
        ("worker", "worker", "ok"),
        ("relay", "embedder", "off"),
        ("api", "momentum", "degraded"),
    ):
        database.execute(
            units.SAY, {"unit": unit, "instance": "i", "component": component, "state": state, "reason": "r"}
        )
    database.execute(Command("UPDATE unit_report SET reported_at = now() - interval '1 minute' WHERE unit = 'worker'"))
    records.put_feed(database, status="stalled")
    records.put_cursor(database, "bluesky", BEGAN, posts=5)
    found = read(api, "/api/v1/health", Health)
    states = {component.name: component for component in found.components}
    assert states["relay"].reason == "It has not been heard of."
    assert states["worker"].reason == "No word for 20 s."
    assert [states[name].state for name in ("relay", "worker", "api", "relay.embedder", "api.momentum")] == [
        "down",
        "down",
        "ok",
        "off",
        "degraded",
    ]
    assert (states["feed.bluesky"].state, found.state) == ("degraded", "down")
    assert all(component.do for component in found.components if component.state in ("down", "degraded"))
    assert "GROUNDSWELL_EMBEDDING_MODEL" in (states["relay.embedder"].do or "")
    assert found.figures.posts_stored == 5
    assert found.figures.vectors_stored is None
    assert found.figures.clock_drift_seconds is not None
    assert abs(found.figures.clock_drift_seconds) < 5


HOSTILE_ADDRESSES = (
    "/api/v1/posts?limit=0",
    "/api/v1/posts?limit=201",
    "/api/v1/posts?limit=many",
    "/api/v1/posts?limit=1&limit=2",
    "/api/v1/posts?limt=1",
    "/api/v1/posts?before=AAAA",
    "/api/v1/posts?before=%27%20OR%201=1--",
    "/api/v1/posts?before=f________________________________w==",
    "/api/v1/posts?feed=%00",
    "/api/v1/posts?feed=%ff%fe",
    "/api/v1/posts?feed=" + "x" * 300,
    "/api/v1/posts?" + "&".join(f"f{number}=1" for number in range(50)),
    "/api/v1/posts/not-an-id",
    "/api/v1/topics/a%00b",
    "/api/v1/momentum?minutes=1e9",
    "/api/v1/search",
    "/api/v1/search?q=%20",
    "/api/v1/search?q=a&since=yesterday",
    "/api/v1/search?q=a&since=2026-01-01T00:00:00",
    "/api/v1/search?q=a&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
    "/api/v1/search?q=a&language=%27;--",
    "/api/v1/runs/1",
    "/api/v1/live-message",
)


def test_input_that_cannot_be_right_is_a_400_that_says_why(api: Served) -> None:
    for address in HOSTILE_ADDRESSES:
        assert problem(api.http.get(address), 400).why, address


HOSTILE_BODIES = (
    b"",
    b"[]",
    b"{",
    b"null",
    b'{"topic": 5}',
    b'{"topic": ""}',
    b'{"topic": "t", "kind": "poem"}',
    b'{"topic": "t", "admin": true}',
    b'{"topic": "a\\u0000b"}',
    b'{"topic": "\\ud800"}',
    b'{"topic": "\xff"}',
    b'{"topic": ' + b"[" * 30_000,
)


def test_a_body_that_cannot_be_right_is_a_400(api: Served) -> None:
    for body in HOSTILE_BODIES:
        assert problem(api.http.post("/api/v1/runs", content=body), 400).why, body


def test_a_huge_body_is_refused_unread(api: Served) -> None:
    problem(api.http.post("/api/v1/runs", content=b'{"topic": "' + b"x" * 200_000 + b'"}'), 413)


def test_sql_in_a_value_is_only_a_value(api: Served, database: Database) -> None:
    records.put_feed(database)
    records.put_post(database, "a")
    hostile = "bluesky'; DELETE FROM post; --"
    assert read(api, "/api/v1/posts", PostPage, feed=hostile).posts == []
    problem(api.http.get(f"/api/v1/topics/{hostile}"), 404)
    assert len(read(api, "/api/v1/posts", PostPage).posts) == 1


def test_unknown_addresses_and_methods_are_problems_too(api: Served) -> None:
    problem(api.http.get("/api/v1/nothing"), 404)
    assert "GET" in api.http.put("/api/v1/posts").headers["allow"]
    problem(api.http.put("/api/v1/posts"), 405)
