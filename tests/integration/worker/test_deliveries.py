"""Alerts reach their destinations through servers that misbehave, and no secret is ever told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import uuid4

import httpx
import msgspec
import pytest
import structlog

from services.worker.delivery import retry, webhook
from services.worker.delivery.deliver import Courier
from shared.errors import BrokerUnavailable
from shared.outbound.reach import read_reach
from shared.schemas.destination import Delivery
from shared.schemas.live import AlertRaised
from shared.schemas.watch import Threshold, WatchRule
from shared.schemas.watch import Words as RuleWords
from shared.store import destinations as store
from shared.store import notices
from shared.store.database import Command, Database
from shared.telemetry import logs
from tests.support import records
from tests.support.runs import wait_for, worker_thread
from tests.support.watches import BEGAN, MINUTE, Judging, Words, put, save
from tests.support.webhook import Webhook, webhook_server

HOSTILE = "tea <!channel> <@U024BE7LH> <https://evil.example|bank> @everyone https://evil.example/x &amp; *bold* `code`"


class Screens:
    def __init__(self) -> None:
        self.away = False
        self.messages: list[AlertRaised] = []

    def publish(self, message: AlertRaised) -> None:
        if self.away:
            raise BrokerUnavailable("Valkey is away.")
        self.messages.append(message)


@pytest.fixture
def server() -> Iterator[Webhook]:
    with webhook_server() as running:
        yield running


@pytest.fixture
def screens() -> Screens:
    return Screens()


@pytest.fixture
def courier(database: Database, screens: Screens) -> Courier:
    return Courier(database, screens, "https://g.example", read_reach("127.0.0.1"))  # type: ignore[arg-type]


def destination(database: Database, url: str, kind: str = "slack", *, notices: bool = False) -> str:
    row = {"name": "ops", "kind": kind, "url": url, "notices": notices}
    return database.fetch(store.CREATE, row)[0].id


def raised(database: Database, url: str, kind: str = "slack", text: str = HOSTILE) -> str:
    """An alert on its way to ``url``; its delivery's id."""
    rule = WatchRule(words=RuleWords(any=["tea"]), threshold=Threshold(posts=3))
    records.put_feed(database)
    save(database, rule, name="<!here> tea", destinations=[destination(database, url, kind)])
    put(database, [Words(100 + n / 10, f"{text} {n}", f"did:plc:<@U{n}>") for n in range(5)])
    records.put_cursor(database, "bluesky", BEGAN + 110 * MINUTE)
    Judging(database).catch_up()
    return database.fetch(store.LAST)[0].id


def state(database: Database, delivery: str) -> Delivery:
    return database.fetch(store.DELIVERY, {"delivery": delivery})[0].delivery()


def make_due(database: Database) -> None:
    database.execute(Command("UPDATE delivery SET next_at = now(), claimed_to = now()"))


def test_an_alert_arrives_with_its_context_and_its_posts_are_harmless(
    database: Database, server: Webhook, courier: Courier, screens: Screens
) -> None:
    delivery = raised(database, server.url)
    courier.deliver(delivery)
    assert state(database, delivery).state == "sent"
    (body,) = server.got
    said = json.dumps(body, ensure_ascii=False)
    for fires in ("<!", "<@", "@everyone", "https://evil", "evil.example", "<https://evil", "*bold*", "`code`"):
        assert fires not in said, fires
    links = [part.partition("|")[0] for part in said.split("<")[1:]]
    assert all(link.startswith(("https://bsky.app/", "https://g.example/")) for link in links), links
    assert body["unfurl_links"] is False
    assert "5 posts by 5 accounts" in body["text"] or "3 posts" in body["text"]
    assert screens.messages[-1].alert.deliveries[0].state == "sent"
    courier.deliver(delivery)
    assert len(server.got) == 1


def test_deleted_posts_are_not_sent(database: Database, server: Webhook, courier: Courier) -> None:
    delivery = raised(database, server.url)
    database.execute(Command("UPDATE post SET deleted_at = now(), text = ''"))
    courier.deliver(delivery)
    assert "bold" not in json.dumps(server.got)


@pytest.mark.parametrize("act", ["500", "429 7", "reset", "hang"])
def test_what_passes_is_tried_again_with_its_reason_shown(
    act: str, database: Database, server: Webhook, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", httpx.Timeout(0.5))
    delivery = raised(database, server.url)
    server.script = [act]
    courier.deliver(delivery)
    after = state(database, delivery)
    assert (after.state, after.attempts) == ("pending", 1)
    assert after.reason
    assert "SECRET" not in after.reason
    courier.deliver(delivery)  # a second message for it comes too early
    assert state(database, delivery).attempts == 1
    make_due(database)
    courier.deliver(delivery)
    assert state(database, delivery).state == "sent"
    assert state(database, delivery).reason is None


def test_retry_after_is_obeyed(database: Database, server: Webhook, courier: Courier) -> None:
    delivery = raised(database, server.url)
    server.script = ["429 3600"]
    courier.deliver(delivery)
    after = state(database, delivery)
    assert after.next_attempt_at is not None
    assert (after.next_attempt_at - after.created_at).total_seconds() >= 3600


@pytest.mark.parametrize(
    ("act", "word"), [("no_service", "no_service"), ("redirect", "not followed")], ids=["gone", "redirect"]
)
def test_what_will_not_pass_fails_at_once(
    act: str, word: str, database: Database, server: Webhook, courier: Courier
) -> None:
    delivery = raised(database, server.url)
    server.script = [act]
    courier.deliver(delivery)
    after = state(database, delivery)
    assert (after.state, after.attempts) == ("failed", 1)
    assert after.reason
    assert word in after.reason
    assert len(server.paths) == 1


def test_a_payload_that_is_refused_fails_with_the_servers_word(
    database: Database, server: Webhook, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.worker.delivery import message

    monkeypatch.setattr(message, "slack", lambda _: {"text": "refuse"})
    delivery = raised(database, server.url)
    courier.deliver(delivery)
    assert state(database, delivery).reason == "It answered 400: invalid_payload."
    assert state(database, delivery).state == "failed"


def test_it_goes_on_for_a_day_and_then_gives_up(database: Database, server: Webhook, courier: Courier) -> None:
    delivery = raised(database, server.url)
    server.script = ["500"] * 99
    for _ in range(20):
        make_due(database)
        courier.deliver(delivery)
    assert (state(database, delivery).state, state(database, delivery).attempts) == ("pending", 20)
    database.execute(Command("UPDATE delivery SET created_at = created_at - interval '25 hours'"))
    make_due(database)
    courier.deliver(delivery)
    after = state(database, delivery)
    assert (after.state, after.attempts) == ("failed", 21)
    assert after.reason
    assert "Given up after 21 attempts" in after.reason


def test_no_secret_in_logs_answers_or_errors(
    database: Database, server: Webhook, courier: Courier, capsys: pytest.CaptureFixture[str]
) -> None:
    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("worker", level="debug", form="json")
    try:
        delivery = raised(database, server.url)
        server.script = ["500", "reset"]
        for _ in range(3):
            make_due(database)
            courier.deliver(delivery)
        secret = f"json://user:PASSSECRET@127.0.0.1:{server.port}/PATHSECRET"
        other = database.fetch(store.CREATE, {"name": "b", "kind": "apprise", "url": secret, "notices": False})[0].id
        database.execute(Command("INSERT INTO delivery (destination) VALUES (%(d)s)"), {"d": other})
        server.script = ["500"]
        for row in database.fetch(store.LAST):
            courier.deliver(row.id)
    finally:
        logging.getLogger().handlers[:] = root
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    said = capsys.readouterr()
    shown = msgspec.json.encode([row.destination(None) for row in database.fetch(store.ALL)]).decode()
    shown += msgspec.json.encode(database.fetch(store.LAST)).decode()
    assert "alert_delivered" in said.err
    assert "SECRET" not in said.err + said.out + shown


def test_an_apprise_address_is_served_and_its_failures_told(
    database: Database, server: Webhook, courier: Courier
) -> None:
    delivery = raised(database, f"json://127.0.0.1:{server.port}/hook", "apprise")
    server.script = ["500"]
    courier.deliver(delivery)
    assert (state(database, delivery).state, state(database, delivery).reason) == (
        "pending",
        "The service answered 500.",
    )
    make_due(database)
    server.script = ["redirect"]
    courier.deliver(delivery)
    assert state(database, delivery).state == "failed"
    assert [path for path in server.paths if "elsewhere" in path] == []
    database.execute(Command("UPDATE delivery SET state = 'pending'"))
    make_due(database)
    courier.deliver(delivery)
    (body,) = server.got
    assert "<!here>" not in body["title"]
    assert "https://g.example/alerts/" in body["message"]
    assert "https://evil" not in body["message"]


def test_an_apprise_address_of_no_known_service_fails(database: Database, courier: Courier) -> None:
    delivery = raised(database, "nonsense://x", "apprise")
    courier.deliver(delivery)
    assert state(database, delivery).state == "failed"


def test_screens_that_cannot_be_told_hold_nothing_up(
    database: Database, server: Webhook, courier: Courier, screens: Screens
) -> None:
    screens.away = True
    delivery = raised(database, server.url)
    courier.deliver(delivery)
    assert state(database, delivery).state == "sent"


def test_the_worker_sends_what_the_outbox_holds_and_tries_again(
    database: Database, postgres_url: str, valkey_url: str, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.05)
    server.script = ["500", "500"]
    delivery = raised(database, server.url)
    with worker_thread(postgres_url, valkey_url, outbound_allow="127.0.0.1"):
        wait_for(lambda: state(database, delivery).state == "sent")
    assert state(database, delivery).attempts == 3
    assert len(server.got) == 1


def test_a_delivery_whose_message_was_lost_is_put_out_again(database: Database, courier: Courier) -> None:
    raised(database, "http://127.0.0.1:1/x")
    database.execute(Command("DELETE FROM outbox"))
    assert courier.put_out() == 0  # its job may still be on its way
    make_due(database)
    assert (courier.put_out(), courier.put_out()) == (1, 0)


def test_nonsense_is_no_delivery(courier: Courier) -> None:
    courier.deliver("nonsense")
    courier.deliver(str(uuid4()))


NOTICE = {"id": "x", "title": "A call waits for your yes", "said": "<!channel> asks for `x`", "page": "/models"}


@pytest.mark.parametrize("kind", ["slack", "apprise"])
def test_a_notice_arrives_once_where_it_is_wanted(
    database: Database, server: Webhook, courier: Courier, screens: Screens, kind: str
) -> None:
    url = server.url if kind == "slack" else server.url.replace("http://", "json://")
    wanted = destination(database, url, kind, notices=True)
    destination(database, url, kind)
    assert database.execute(notices.RAISE, NOTICE) == 1
    assert database.execute(notices.RAISE, NOTICE) == 0
    assert courier.put_out() == 1
    [delivery] = database.fetch(store.LAST)
    assert (delivery.destination, delivery.notice, delivery.alert) == (wanted, "x", None)
    courier.deliver(delivery.id)
    assert state(database, delivery.id).state == "sent"
    (body,) = server.got
    said = json.dumps(body, ensure_ascii=False)
    assert "Groundswell: A call waits for your yes" in said
    assert "https://g.example/models" in said
    assert "<!channel>" not in said
    assert screens.messages == []
