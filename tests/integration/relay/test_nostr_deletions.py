"""Who may take a Nostr post back: its author, in whatever order things arrive, and nobody else."""

from __future__ import annotations

import itertools

import pytest

from services.relay.departures import Departures
from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from services.relay.wires.nostr import WIRE, read_event
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.support import nostr
from tests.support.nostr import event, message

SPEC = FeedSpec("nostr", "nostr", "wss://relay.example", 0)


class Row(Schema, frozen=True, kw_only=True):
    text: str
    likes: int


SHOWN = Statement("SELECT text, likes FROM post WHERE deleted_at IS NULL", Row)


def stored(database: Database, *orders: bytes) -> list[Row]:
    cursor = ensure_feed(database, SPEC, Origin("nostr", WIRE, "relay.example"), start_us=0)
    pipeline = Pipeline(database, Origin("nostr", WIRE, "relay.example"), DatabaseClock(), cursor.position, read_event)
    for data in orders:
        pipeline.process([Frame(data, len(data))])
    return database.fetch(SHOWN)


POST = event(1, nostr.T0, content="mine")
BY_AUTHOR = message(event(1, nostr.T0 + 5, 5, "", [["e", POST.id]]))
BY_OTHER = message(event(2, nostr.T0 + 4, 5, "", [["e", POST.id], ["k", "1"]]))


@pytest.mark.parametrize("order", list(itertools.permutations([message(POST), BY_AUTHOR, BY_OTHER])))
def test_the_authors_deletion_holds_in_any_order_with_replays(database: Database, order: tuple[bytes, ...]) -> None:
    assert stored(database, *order, *order) == []


@pytest.mark.parametrize("order", list(itertools.permutations([message(POST), BY_OTHER])))
def test_nobody_deletes_or_forbids_anothers_post(database: Database, order: tuple[bytes, ...]) -> None:
    assert [row.text for row in stored(database, *order, *order)] == ["mine"]


def test_a_like_is_taken_back_by_its_author_only(database: Database) -> None:
    likes = [event(author, nostr.T0 + author, 7, "+", [["e", POST.id]]) for author in (3, 4)]
    takes_back = event(3, nostr.T0 + 9, 5, "", [["e", likes[0].id], ["k", "7"]])
    pretends = event(5, nostr.T0 + 9, 5, "", [["e", likes[1].id], ["k", "7"]])
    rows = stored(database, *map(message, (POST, *likes, takes_back, pretends)))
    assert [row.likes for row in rows] == [1]


VANISH = message(event(1, nostr.T0 + 7, 62, "", [["relay", "ALL_RELAYS"]]))
OTHERS = message(event(2, nostr.T0, content="another's"))


@pytest.mark.parametrize("order", list(itertools.permutations([message(POST), OTHERS, VANISH])))
def test_who_wishes_to_vanish_vanishes_in_any_order_with_replays(database: Database, order: tuple[bytes, ...]) -> None:
    after = message(event(1, nostr.T0 + 9, content="I am back"))
    stored(database, *order, after)
    Departures(database, lambda _: None, "test").turn()
    assert sorted(row.text for row in stored(database, *order, after)) == ["I am back", "another's"]
