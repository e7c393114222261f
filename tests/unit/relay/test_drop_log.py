"""Interruptions wait in bounded memory until they can be written."""

from __future__ import annotations

from services.relay.drop_log import MOST_WAITING, DropLog
from services.relay.drops import Drop, Ending, classify


def lost(detail: str = "reset") -> Drop:
    return classify(Ending(detail=detail))


def test_an_outage_is_one_record_however_often_the_feed_refuses() -> None:
    times = iter(range(1_000, 2_000))
    log = DropLog("a", lambda: next(times))
    log.connected()
    log.ended(lost(), 77)
    for number in range(3):
        log.ended(classify(Ending(refused=True, detail=f"no route {number}")), 77)
    log.connected()
    [record] = log._waiting.values()
    assert (record.cause, record.code, record.position, record.attempts) == ("network", 1006, 77, 3)
    assert (record.connected_us, record.ended_us, record.reconnected_us) == (1_000, 1_001, 1_002)
    assert record.evidence["last_attempt"] == "no route 2"
    # the next end is another record
    log.ended(lost(), 78)
    assert len(log) == 2


def test_a_feed_that_was_never_reached_has_a_record_without_a_connection() -> None:
    log = DropLog("a", lambda: 5)
    log.ended(classify(Ending(refused=True, detail="no route")), None)
    log.ended(classify(Ending(refused=True, detail="no route")), None)
    [record] = log._waiting.values()
    assert (record.cause, record.connected_us, record.attempts, record.position) == ("refused", None, 1, None)


def test_what_cannot_be_written_is_bounded_and_the_newest_are_kept() -> None:
    log = DropLog("a", lambda: 5)
    for number in range(MOST_WAITING + 50):
        log.connected()
        log.ended(lost(f"n{number}"), number)
    assert len(log) == MOST_WAITING
    assert [record.position for record in log._waiting.values()][-1] == MOST_WAITING + 49
