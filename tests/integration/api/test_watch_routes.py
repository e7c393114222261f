"""Watches, destinations and alerts over REST: saved, checked, changed, listed, and never telling a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from services.api.operations.watch_queries import BacktestInput
from services.api.watches.backtest import Backtester
from shared.config.settings import Settings
from shared.schemas.alert import AlertPage
from shared.schemas.backtest import Backtest
from shared.schemas.destination import Destination, DestinationList
from shared.schemas.watch import DESTINATIONS_MOST, WATCHES_MOST, Watch, WatchList
from shared.store.database import Command, Database
from tests.support import records
from tests.support.api import Served
from tests.support.waiting import eventually
from tests.support.watches import BEGAN, MINUTE, Judging, Words, put

RULE: dict[str, Any] = {"words": {"any": ["tea", "茶", "#tea", "$TEA"]}, "threshold": {"posts": 3, "authors": 2}}


class Past(Served):
    """An API that answers backtests."""

    past: Backtester

    async def _backtest(self, query: BacktestInput) -> Backtest:
        return await self.past(query)


@pytest.fixture
def api(settings: Settings, database: Database) -> Iterator[Past]:
    running = Past(settings)
    running.past = Backtester(database, Judging(database).meanings)
    running.start()
    eventually(lambda: running.http.get("/health/ready").status_code == 200)
    yield running
    running.stop()


def send(api: Served, method: str, address: str, body: Any, status: int = 200) -> Any:
    answer = api.http.request(method, address, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def saved(api: Served, **fields: Any) -> Watch:
    return msgspec.convert(send(api, "POST", "/api/v1/watches", {"name": "tea", "rule": RULE} | fields, 201), Watch)


def test_a_watch_is_saved_read_changed_and_removed(api: Past) -> None:
    watch = saved(api, name="<script>alert('x')</script>")
    assert watch.rule.words.any == ["tea", "茶", "#tea", "$TEA"]
    assert (watch.status, watch.rule.threshold.minutes) == ("learning", 10)
    address = f"/api/v1/watches/{watch.id}"
    assert api.http.get(address).json()["name"] == "<script>alert('x')</script>"
    changed = send(api, "PATCH", address, {"name": "chai", "paused": True})
    assert (changed["name"], changed["status"]) == ("chai", "paused")
    assert send(api, "PATCH", address, {"paused": False})["status"] == "learning"
    rule = {"words": {"all": ["coffee"]}}
    assert send(api, "PATCH", address, {"rule": rule})["rule"]["words"]["all"] == ["coffee"]
    assert send(api, "POST", f"{address}/snooze", {"minutes": 30})["status"] == "snoozed"
    assert send(api, "POST", f"{address}/wake", {})["status"] == "learning"
    assert len(msgspec.convert(api.http.get("/api/v1/watches").json(), WatchList).watches) == 1
    assert send(api, "DELETE", address, None)["id"] == watch.id
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/wake"), ("POST", "/backtest")):
        assert (
            api.http.request(method, f"{address}{path}", json={} if method in ("PATCH", "POST") else None).status_code
            == 404
        )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"words": {"any": ["ok", "  "]}}, "rule.words.any[1]"),
        ({"words": {"any": ["\x1f"]}}, "rule.words.any[0]"),
        ({"words": {"none": ["#\u200b"]}}, "rule.words.none[0]"),
        ({"words": {"none": ["#"]}}, "rule.words.none[0]"),
        ({"words": {"any": []}}, "words.any"),
        ({"words": {"any": ["x" * 101]}}, "rule.words.any"),
        ({"words": {"any": ["w"] * 51}}, "rule.words.any"),
        ({"words": {"some": ["w"]}}, "some"),
        ({"threshold": {"posts": 1, "authors": 2}}, "rule.threshold.authors"),
        ({"threshold": {"minutes": 0}}, "rule.threshold.minutes"),
        ({"threshold": {"times_usual": 1.0}}, "rule.threshold.times_usual"),
        ({"meaning": {"text": "  "}}, "rule.meaning.text"),
        ({"meaning": {"text": "x", "similarity": 2}}, "rule.meaning.similarity"),
        ({"languages": ["nonsense!"]}, "rule.languages"),
    ],
)
def test_a_mistake_is_told_with_its_field(api: Past, change: dict[str, Any], field: str) -> None:
    said = send(api, "POST", "/api/v1/watches", {"name": "tea", "rule": RULE | change}, 400)
    assert field in said["why"]


def test_names_and_destinations_are_checked(api: Past) -> None:
    for name in (" ", "\u200b", "\u202e\u2066"):
        assert "name" in send(api, "POST", "/api/v1/watches", {"name": name, "rule": RULE}, 400)["why"]
    absent = {"name": "x", "rule": RULE | {"feeds": ["nope"]}}
    assert "nope" in send(api, "POST", "/api/v1/watches", absent, 400)["why"]
    body = {"name": "x", "rule": RULE, "destinations": [str(uuid4())]}
    assert "destinations" in send(api, "POST", "/api/v1/watches", body, 400)["why"]
    watch = saved(api)
    for body in ({}, {"minutes": 1, "until": "2030-01-01T00:00:00Z"}, {"until": "2030-01-01T00:00:00"}):
        send(api, "POST", f"/api/v1/watches/{watch.id}/snooze", body, 400)


def test_there_is_room_for_so_many_and_no_more(api: Past, database: Database) -> None:
    saved(api)
    copy = "INSERT INTO watch (name, rule, armed_at) SELECT name, rule, armed_at FROM watch, generate_series(2, %(n)s)"
    database.execute(Command(copy), {"n": WATCHES_MOST})
    send(api, "POST", "/api/v1/watches", {"name": "one more", "rule": RULE}, 409)
    new = {"name": "d", "kind": "slack", "url": "https://hooks.example/x"}
    for _ in range(DESTINATIONS_MOST):
        send(api, "POST", "/api/v1/destinations", new, 201)
    send(api, "POST", "/api/v1/destinations", new, 409)


def test_a_destinations_address_is_never_given_out(api: Past, database: Database) -> None:
    secret = "https://hooks.slack.com/services/T0/B0/SECRET"
    new = {"name": "ops", "kind": "slack", "url": secret}
    made = msgspec.convert(send(api, "POST", "/api/v1/destinations", new, 201), Destination)
    assert made.address == "https://…"
    watch = saved(api, destinations=[made.id])
    test = send(api, "POST", f"/api/v1/destinations/{made.id}/test", {}, 202)
    assert (test["state"], test["alert"]) == ("pending", None)
    assert api.http.get(f"/api/v1/deliveries/{test['id']}").json()["id"] == test["id"]
    listed = api.http.get("/api/v1/destinations")
    assert "SECRET" not in listed.text
    (found,) = msgspec.convert(listed.json(), DestinationList).destinations
    assert (found.watches, found.last and found.last.state) == (1, "pending")
    address = f"/api/v1/destinations/{made.id}"
    assert send(api, "PATCH", address, {"name": "team", "url": "https://x.example/OTHERSECRET"})["name"] == "team"
    wrong = api.http.patch(address, json={"url": "file:///etc/passwd?SECRET"})
    assert wrong.status_code == 400
    assert "SECRET" not in wrong.text
    send(api, "DELETE", address, None)
    assert api.http.get(f"/api/v1/watches/{watch.id}").json()["destinations"] == []
    outbox = Command("SELECT 1 FROM outbox WHERE args::text LIKE '%%SECRET%%'")
    assert database.execute(outbox) == 0


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("slack", "ftp://x"),
        ("slack", "https://"),
        ("slack", "https://x:0/SECRET"),
        ("slack", "https://x/a b"),
        ("apprise", "SECRET"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_being_repeated(api: Past, kind: str, url: str) -> None:
    answer = api.http.post("/api/v1/destinations", json={"name": "x", "kind": kind, "url": url})
    assert answer.status_code == 400
    assert "`url`" in answer.json()["why"]
    assert "SECRET" not in answer.text


def test_alerts_page_newest_first_and_are_acknowledged(api: Past, database: Database) -> None:
    records.put_feed(database)
    records.put_cursor(database, "bluesky", BEGAN)
    rule = RULE | {"cooldown_minutes": 0}
    watch = saved(api, rule=rule)
    for number in range(5):
        start = 100 * number + 50
        put(database, [Words(start + n / 10, f"tea {n}", f"did:plc:{n}") for n in range(4)], first=10 * number)
    records.put_cursor(database, "bluesky", BEGAN + 600 * MINUTE)
    Judging(database).catch_up()
    seen: list[str] = []
    before: dict[str, str] = {}
    for _ in range(3):
        page = msgspec.convert(api.http.get("/api/v1/alerts", params={"limit": 2, **before}).json(), AlertPage)
        assert page.unread == 5
        seen += [alert.id for alert in page.alerts]
        before = {"before": page.next or ""}
    assert len(set(seen)) == len(seen) == 5
    first = api.http.get(f"/api/v1/alerts/{seen[0]}").json()
    assert first["link"] == f"/alerts/{seen[0]}"
    assert first["deliveries"] == []
    done = send(api, "POST", "/api/v1/alerts/acknowledge", {"alerts": [seen[0]]})
    assert done == {"acknowledged": 1, "unread": 4}
    left = api.http.get("/api/v1/alerts", params={"unread": "true", "watch": watch.id}).json()
    assert [alert["id"] for alert in left["alerts"]] == seen[1:]
    assert send(api, "POST", "/api/v1/alerts/acknowledge", {"watch": watch.id}) == {"acknowledged": 4, "unread": 0}
    assert api.http.get(f"/api/v1/alerts/{uuid4()}").status_code == 404
    assert api.http.get("/api/v1/alerts", params={"before": "x"}).status_code == 400
    records.delete_post(database, "none")
    database.execute(Command("UPDATE post SET deleted_at = now(), text = ''"))
    assert api.http.get(f"/api/v1/alerts/{seen[0]}").json()["samples"] == []


def test_a_backtest_over_rest_says_how_often_when_and_what_is_missing(api: Past, database: Database) -> None:
    records.put_feed(database)
    put(database, [Words(100 + n / 10, f"tea {n}", f"did:plc:{n}") for n in range(4)])
    records.put_cursor(database, "bluesky", BEGAN + 200 * MINUTE)
    period = {"start": (BEGAN - 60 * MINUTE).isoformat(), "end": (BEGAN + 240 * MINUTE).isoformat()}
    found = msgspec.convert(send(api, "POST", "/api/v1/watches/backtest", {"rule": RULE, **period}), Backtest)
    (episode,) = found.episodes
    assert (found.fired, found.matched, episode.peak_posts) == (1, 4, 4)
    assert len(episode.samples) == 4
    # the first post came at minute 100; the feed has reached minute 200
    assert found.missing_minutes == 160 + 40
    assert len(found.series) == 300
    assert "once" in found.summary
    watch = saved(api)
    again = msgspec.convert(send(api, "POST", f"/api/v1/watches/{watch.id}/backtest", period), Backtest)
    assert again.episodes == found.episodes
    wrong = {"rule": RULE, "start": period["end"], "end": period["start"]}
    assert "start" in send(api, "POST", "/api/v1/watches/backtest", wrong, 400)["why"]


def test_an_empty_record_answers_a_backtest_too(api: Past) -> None:
    found = msgspec.convert(send(api, "POST", "/api/v1/watches/backtest", {"rule": RULE}), Backtest)
    assert (found.fired, found.episodes, found.data_from) == (0, [], None)
    assert found.missing_minutes == 7 * 1440


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_a_time_far_beyond_any_calendar_is_refused_with_its_field(api: Past, time: str) -> None:
    watch = saved(api)
    for path, body in (
        (f"/{watch.id}/snooze", {"until": time}),
        (f"/{watch.id}/backtest", {"end": time}),
        ("/backtest", {"rule": RULE, "start": time}),
    ):
        said = send(api, "POST", f"/api/v1/watches{path}", body, 400)
        assert f"`{list(body)[-1]}`" in said["why"]
