"""What a relay makes of account notices, the same in both versions of Jetstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.relay.events import AccountNotice, Event, Passing
from services.relay.frames import Frame
from services.relay.pipeline.decode import decode, decode_frame
from services.relay.wires import jetstream, jetstream2
from shared.contracts.ids import author_hash
from shared.errors import MalformedFrame
from tests.support import wire, wire2
from tests.support.wire import T0

Read = Callable[[dict[str, Any]], Event]


@pytest.fixture(params=["jetstream/1", "jetstream/2"])
def read(request: pytest.FixtureRequest) -> Read:
    def first(event: dict[str, Any]) -> Event:
        return decode_frame(Frame(wire.encode(event), 1), T0, jetstream.read_event)

    def second(event: dict[str, Any]) -> Event:
        return decode_frame(Frame(wire2.message(event, 7), 1), T0, jetstream2.read_event)

    return first if request.param == jetstream.WIRE else second


@pytest.mark.parametrize(("status", "gone"), [("deleted", True), ("takendown", True), (None, False)])
def test_who_is_gone_for_good_and_who_is_there_is_told(read: Read, status: str | None, gone: bool) -> None:
    wanted = AccountNotice(T0, wire.did(1), author_hash(wire.did(1)), gone)
    assert read(wire.account(1, T0, status)) == wanted


@pytest.mark.parametrize("status", ["deactivated", "suspended", "desynchronized", "throttled", "something new"])
def test_who_may_come_back_only_moves_the_cursor(read: Read, status: str) -> None:
    assert read(wire.account(1, T0, status)) == Passing(T0)


def test_the_flag_decides_not_the_status(read: Read) -> None:
    event = wire.account(1, T0)
    event["account"]["status"] = "deleted"
    found = read(event)
    assert isinstance(found, AccountNotice)
    assert not found.gone


@pytest.mark.parametrize("account", [{"active": "no"}, {"active": None}, {"status": "deleted"}, [], "deleted", None])
def test_a_notice_that_tells_nothing_is_refused(read: Read, account: Any) -> None:
    event = wire.account(1, T0) | {"account": account}
    with pytest.raises(MalformedFrame) as caught:
        read(event)
    assert caught.value.reason == "wrong_type"


def test_a_batch_knows_its_notices() -> None:
    events = [wire.identity(1, T0), wire.account(2, T0 + 1, "deleted"), wire.account(3, T0 + 2, "suspended")]
    frames = [Frame(data, len(data)) for data in map(wire.encode, events)]
    batch = decode(frames, T0, jetstream.read_event)
    assert batch.events == 3
    assert [notice.author for notice in batch.notices] == [wire.did(2)]
