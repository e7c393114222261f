"""Feeds added, changed, paused and removed over REST."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from shared.config.settings import Settings
from shared.schemas.feed import Feed, FeedDrops, FeedGaps, FeedKinds
from shared.schemas.problem import Problem
from shared.store import drops
from shared.store.database import Command, Database
from tests.support import records
from tests.support.api import Served, served
from tests.support.records import BEGAN
from tests.support.waiting import eventually

URL = "wss://feed.example/subscribe"


@pytest.fixture(autouse=True)
def ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def add(api: Served, feed: str = "second", **more: Any) -> httpx.Response:
    return api.http.post("/api/v1/feeds", json={"id": feed, "kind": "jetstream", "url": URL} | more)


def feed_of(answer: httpx.Response, status: int = 200) -> Feed:
    assert answer.status_code == status, answer.text
    return msgspec.json.decode(answer.content, type=Feed)


def refused(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    said = msgspec.json.decode(answer.content, type=Problem)
    return " ".join((said.what, said.why, said.do))


def test_a_feed_is_added_read_changed_paused_and_resumed(api: Served) -> None:
    made = feed_of(add(api, backfill_minutes=5, queue_events=500), 201)
    assert (made.id, made.managed, made.status, made.enabled) == ("second", "operator", "starting", True)
    assert (made.backfill_minutes, made.queue_events, made.queue_bytes) == (5, 500, None)
    assert feed_of(api.http.get("/api/v1/feeds/second")) == made
    # pause, then change it while paused, then resume
    address = "/api/v1/feeds/second"
    assert feed_of(api.http.patch(address, json={"enabled": False})).status == "paused"
    changed = feed_of(api.http.patch(address, json={"url": "wss://Other.example/", "queue_events": None}))
    assert (changed.url, changed.queue_events, changed.enabled) == ("wss://other.example", None, False)
    assert feed_of(api.http.patch(address, json={"enabled": True})).status == "starting"
    # nothing given changes nothing
    assert feed_of(api.http.patch(address, json={})).url == "wss://other.example"


@pytest.mark.parametrize("said", ["paused", "live", "failed"])
def test_a_feed_that_is_to_be_opened_anew_is_starting_whatever_was_said_of_it(
    api: Served, database: Database, said: str
) -> None:
    records.put_feed(database, "bluesky", status=said)
    database.execute(
        Command("UPDATE feed SET managed = 'operator', enabled = %(on)s WHERE id = 'bluesky'"), {"on": said != "paused"}
    )
    database.execute(Command("UPDATE feed_report SET reported_at = now() - interval '1 hour', since = reported_at"))
    address = "/api/v1/feeds/bluesky"
    change = {"enabled": True} if said == "paused" else {"url": "wss://other.example"}
    feed = feed_of(api.http.patch(address, json=change))
    assert (feed.status, feed.reason) == ("starting", "The relay has not opened it yet.")
    assert feed.reported_at == feed.since
    # what changes nothing does not open it anew
    database.execute(Command("UPDATE feed_report SET status = 'live', reason = NULL, reported_at = now()"))
    assert feed_of(api.http.patch(address, json=change)).status == "live"
    assert feed_of(api.http.patch(address, json={"enabled": False})).status == "paused"


def test_what_cannot_be_a_feed_is_refused_by_name(api: Served) -> None:
    assert "`colour`" in refused(add(api, options={"colour": "red"}), 400)
    assert "pigeon" in refused(add(api, kind="pigeon"), 400)
    assert "password" in refused(add(api, url="wss://me:hunter2@feed.example"), 400)
    assert "hunter2" not in add(api, url="wss://me:hunter2@feed.example").text
    assert "`id`" in refused(add(api, "Has Blanks"), 400)
    assert "`backfill_minutes`" in refused(add(api, backfill_minutes=-1), 400)
    assert "`queue_events`" in refused(add(api, queue_events=5), 400)
    assert "`speed`" in refused(add(api, speed=9), 400)
    assert feed_of(add(api), 201)
    assert "already" in refused(add(api), 409)
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {}} if method == "PATCH" else {}
        assert "no such feed" in refused(api.http.request(method, "/api/v1/feeds/none", **body), 404)
    assert "wss://" in refused(api.http.patch("/api/v1/feeds/second", json={"url": "ftp://x"}), 400)
    assert "`colour`" in refused(api.http.patch("/api/v1/feeds/second", json={"options": {"colour": 1}}), 400)
    assert "`kind`" in refused(api.http.patch("/api/v1/feeds/second", json={"kind": "nostr"}), 400)


@pytest.mark.parametrize("wrong", ["file:///etc/passwd", "gopher://feed.example/1", "http://feed.example/auth"])
def test_a_sealed_feeds_desk_is_checked_when_it_is_added_and_changed(api: Served, wrong: str) -> None:
    sealed = {"kind": "sealed", "options": {"key": "wallet"}}
    for name in ("nonce_url", "verify_url"):
        said = refused(add(api, kind="sealed", options={"key": "wallet", name: wrong}), 400)
        assert f"`{name}`" in said
        assert "begin with https://" in said
    assert "begin with wss://" in refused(add(api, **sealed, url=wrong), 400)
    feed_of(add(api, **sealed), 201)
    address = "/api/v1/feeds/second"
    assert "`nonce_url`" in refused(api.http.patch(address, json={"options": {"nonce_url": wrong}}), 400)
    assert "begin with wss://" in refused(api.http.patch(address, json={"url": wrong}), 400)
    # what was right for one address may be wrong for another
    desk = {"url": "ws://127.0.0.1:9", "options": {"key": "wallet", "nonce_url": "http://127.0.0.1:10/n"}}
    feed_of(api.http.patch(address, json=desk))
    assert "`nonce_url`" in refused(api.http.patch(address, json={"url": URL}), 400)


def test_there_are_never_more_feeds_on_than_may_be(settings: Settings) -> None:
    with served(msgspec.structs.replace(settings, relay_max_feeds=2)) as api:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        feed_of(add(api, "one"), 201)
        feed_of(add(api, "two"), 201)
        assert "GROUNDSWELL_RELAY_MAX_FEEDS is 2" in refused(add(api, "three"), 409)
        # a paused one may be added, and turned on once there is room
        feed_of(add(api, "three", enabled=False), 201)
        assert "is 2" in refused(api.http.patch("/api/v1/feeds/three", json={"enabled": True}), 409)
        feed_of(api.http.patch("/api/v1/feeds/one", json={"enabled": False}))
        assert feed_of(api.http.patch("/api/v1/feeds/three", json={"enabled": True})).enabled


def test_the_settings_feed_can_be_paused_but_not_moved_or_removed(api: Served, database: Database) -> None:
    records.put_feed(database, "bluesky")
    database.execute(Command("UPDATE feed SET managed = 'settings'"))
    address = "/api/v1/feeds/bluesky"
    assert "GROUNDSWELL_FEED_URL" in refused(api.http.patch(address, json={"url": URL}), 409)
    assert "GROUNDSWELL_FEED_OPTIONS" in refused(api.http.patch(address, json={"options": {}}), 409)
    assert feed_of(api.http.patch(address, json={"queue_events": 900})).queue_events == 900
    assert "return" in refused(api.http.delete(address), 409)
    assert feed_of(api.http.patch(address, json={"enabled": False})).status == "paused"


def test_removing_a_feed_with_posts_needs_a_word_about_them(api: Served, database: Database) -> None:
    feed_of(add(api), 201)
    records.put_post(database, "p1", feed="second")
    address = "/api/v1/feeds/second"
    said = refused(api.http.delete(address), 409)
    assert "1 post, deleted ones included" in said
    assert "posts=delete" in said
    assert feed_of(api.http.get(address)).status == "starting"
    gone = feed_of(api.http.delete(address, params={"posts": "delete"}), 202)
    assert (gone.status, gone.enabled) == ("removing", False)
    # until it is gone nothing else can be done with it
    assert "being removed" in refused(api.http.patch(address, json={"enabled": True}), 409)
    assert "being removed" in refused(api.http.delete(address), 409)


def test_a_recording_is_not_changed(api: Served, database: Database) -> None:
    records.put_feed(database, "file-x", status="ended")
    database.execute(Command("UPDATE feed SET managed = 'replay', kind = 'file'"))
    assert "recording" in refused(api.http.patch("/api/v1/feeds/file-x", json={"enabled": False}), 409)
    database.execute(Command("UPDATE feed_report SET reported_at = now() - interval '1 hour'"))
    assert feed_of(api.http.get("/api/v1/feeds/file-x")).status == "ended"
    assert feed_of(api.http.delete("/api/v1/feeds/file-x"), 202).status == "removing"


def test_no_credential_is_ever_shown(api: Served, database: Database) -> None:
    records.put_feed(database, "bluesky")
    database.execute(Command("UPDATE feed SET url = 'wss://me:hunter2@feed.example/x?a=1&access_token=hunter2&b=2'"))
    assert feed_of(api.http.get("/api/v1/feeds/bluesky")).url == "wss://feed.example/x?a=1&access_token=...&b=2"
    assert "hunter2" not in api.http.get("/api/v1/feeds").text


def test_kinds_tell_how_to_describe_a_feed(api: Served) -> None:
    kinds = msgspec.json.decode(api.http.get("/api/v1/feed-kinds").content, type=FeedKinds)
    assert "jetstream" in [kind.kind for kind in kinds.kinds]
    assert kinds.most_feeds == Settings().relay_max_feeds


def test_drops_are_listed_newest_first_with_their_evidence(api: Served, database: Database) -> None:
    records.put_feed(database, "bluesky")
    began = int(BEGAN.timestamp() * 1e6)
    for n in range(3):
        database.execute(
            drops.PUT,
            {
                "id": f"00000000-0000-7000-8000-00000000000{n}",
                "feed": "bluesky",
                "cause": "kicked",
                "code": 1008,
                "detail": "too slow",
                "evidence": '{"held_seconds": 6.5, "idle_seconds": 0.0}',
                "position": began,
                "connected_us": began + n * 60_000_000,
                "ended_us": began + n * 60_000_000 + 30_000_000,
                "reconnected_us": None if n == 2 else began + n * 60_000_000 + 31_500_000,
                "attempts": n,
            },
        )
    first = msgspec.json.decode(api.http.get("/api/v1/feeds/bluesky/drops?limit=2").content, type=FeedDrops)
    assert [drop.attempts for drop in first.drops] == [2, 1]
    open_one, drop = first.drops
    assert (open_one.reconnected_at, open_one.away_seconds > 1_000) == (None, True)
    assert (drop.cause, drop.code, drop.detail, drop.held_seconds) == ("kicked", 1008, "too slow", 6.5)
    assert (drop.lasted_seconds, drop.away_seconds, drop.event_time) == (30.0, 1.5, BEGAN)
    rest = api.http.get("/api/v1/feeds/bluesky/drops", params={"limit": 2, "before": first.next})
    page = msgspec.json.decode(rest.content, type=FeedDrops)
    assert ([drop.attempts for drop in page.drops], page.next) == ([0], None)
    assert "no such feed" in refused(api.http.get("/api/v1/feeds/none/drops"), 404)


def test_gaps_are_listed_newest_first_with_their_evidence(api: Served, database: Database) -> None:
    records.put_feed(database, "bluesky")
    now = datetime.now(UTC)
    records.put_gap(database, now - timedelta(days=20), 3)
    records.put_gap(database, now - timedelta(hours=1), 1)
    found = msgspec.json.decode(api.http.get("/api/v1/feeds/bluesky/gaps").content, type=FeedGaps)
    assert [gap.seconds for gap in found.gaps] == [60.0, 180.0]
    assert found.gaps[0].cause == "outage"
    assert found.gaps[0].evidence == {}
