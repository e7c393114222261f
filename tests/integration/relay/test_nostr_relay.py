"""The Nostr source against a relay that is not ours (nostr-sdk's LocalRelay)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from services.relay.crypto.nostr_event import NostrEvent
from services.relay.crypto.secret import Secret
from services.relay.drops import classify
from services.relay.frames import Frame
from services.relay.sources.nostr import Nostr
from services.relay.sources.nostr_messages import told
from shared.store.cursors import Cursor
from tests.support.local_relay import Relay, local_relay
from tests.support.nostr import event, secret

PATIENCE_SECONDS = 30.0


def now() -> int:
    return int(time.time())


def cursor(position_s: int, events: int = 0) -> Cursor:
    now_us = time.time_ns() // 1_000
    return Cursor(wire="", host="", position=position_s * 1_000_000, token=None, events=events, now_us=now_us)


class Reading:
    """Reads a source until told enough, in this thread, with a deadline."""

    def __init__(self, source: Nostr, position_s: int) -> None:
        self.source, self.frames = source, list[Frame]()
        self.source.open(cursor(position_s))
        self._stop = threading.Event()
        self._coming = self.source.frames(self._stop)

    def until(self, enough: Callable[[list[Frame]], bool]) -> list[Frame]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not enough(self.frames):
            assert time.monotonic() < deadline, (len(self.frames), self.source.ending(0))
            frame = next(self._coming, "over")
            if frame == "over":
                break
            if isinstance(frame, Frame):
                self.frames.append(frame)
        return self.frames

    def end(self) -> None:
        self.until(lambda _frames: False)


@contextlib.contextmanager
def reading(relay: Relay, position_s: int, key: Secret | None = None) -> Iterator[Reading]:
    source = Nostr(relay.url, max_frame_bytes=1 << 20, stall_seconds=10, key=key)
    try:
        yield Reading(source, position_s)
    finally:
        source.close()


def ids(frames: list[Frame]) -> list[str]:
    """Ids in the order in which they came first; an overlap gives some twice."""
    return list(dict.fromkeys(answer.event.id for frame in frames if (answer := told(frame.data)).event is not None))


def live(frames: list[Frame]) -> bool:
    """Whether a mark near now has been given."""
    return any(frame.mark_us is not None and frame.mark_us > (now() - 60) * 1_000_000 for frame in frames)


def history(number: int, begin: int, step: int = 1) -> list[NostrEvent]:
    return [event(n % 7, begin + n * step, content=f"number {n}") for n in range(number)]


def test_the_past_comes_whole_and_in_order_through_a_small_cap_and_runs_into_live() -> None:
    begin = now() - 3_000
    events = history(700, begin, 4)
    with local_relay(change=lambda builder: builder.max_filter_limit(100)) as relay:
        relay.publish(events)
        with reading(relay, begin - 10) as client:
            frames = client.until(live)
            assert ids(frames) == [each.id for each in events]
            assert [each.created_at for each in events] == sorted(each.created_at for each in events)
            fresh = event(3, now(), content="just now")
            relay.publish([fresh])
            assert ids(client.until(lambda found: len(ids(found)) > 700))[-1] == fresh.id


def test_the_cursor_moves_by_marks_only_and_never_past_what_was_given() -> None:
    begin = now() - 5_000
    events = history(400, begin, 10)
    with local_relay(change=lambda builder: builder.max_filter_limit(30)) as relay:
        relay.publish(events)
        with reading(relay, begin) as client:
            frames = client.until(live)
    assert not any(frame.moves for frame in frames if frame.mark_us is None)
    given: set[str] = set()
    for frame in frames:
        if frame.mark_us is None:
            given.update(ids([frame]))
        else:
            assert {each.id for each in events if each.created_at * 1_000_000 < frame.mark_us} <= given
    assert sum(frame.mark_us is not None for frame in frames) > 3


def test_a_second_too_full_for_one_answer_is_a_stretch_that_is_missing() -> None:
    begin = now() - 2_000
    crowd = [event(n, begin + 100, content=f"all at once {n}") for n in range(60)]
    around = [*history(20, begin, 4), *history(20, begin + 200, 4)]
    with local_relay(change=lambda builder: builder.max_filter_limit(25)) as relay:
        relay.publish([*crowd, *around])
        with reading(relay, begin - 5) as client:
            frames = client.until(live)
    assert {each.id for each in around} <= set(ids(frames))
    (missing,) = [frame.missing for frame in frames if frame.missing]
    assert (missing.start_us, missing.end_us) == ((begin + 100) * 1_000_000, (begin + 101) * 1_000_000)
    assert missing.cause == "full_second"


def test_a_relay_that_asks_who_we_are_is_answered_with_the_key() -> None:
    events = history(5, now() - 500)
    with local_relay(auth=True) as relay:
        relay.publish(events)
        with reading(relay, now() - 1_000, secret(9)) as client:
            assert ids(client.until(live)) == [each.id for each in events]


def test_without_a_key_the_refusal_says_what_is_wanted() -> None:
    with local_relay(auth=True) as relay, reading(relay, now() - 1_000) as client:
        client.end()
        drop = classify(client.source.ending(0))
    assert drop.cause == "refused"
    assert "auth-required" in drop.reason
    assert "no key is set" in drop.reason


def test_what_was_handed_on_twice_is_the_same_event_twice() -> None:
    with local_relay() as relay, reading(relay, now() - 10) as client:
        client.until(live)
        fresh = event(1, now(), content="twice")
        relay.notify(fresh)
        relay.notify(fresh)
        client.until(lambda found: sum(fresh.id.encode() in frame.data for frame in found) == 2)
        assert ids(client.frames) == [fresh.id]


def test_a_relay_that_is_away_is_refused_and_one_that_goes_is_lost() -> None:
    with local_relay() as relay, reading(relay, now() - 10) as client:
        client.until(live)
    client.end()
    assert classify(client.source.ending(0)).cause in ("network", "restart")


@pytest.mark.parametrize("ago", [-500, 30, 86_400 * 365 * 3])
def test_an_event_published_now_arrives_whatever_time_its_author_gave(ago: int) -> None:
    with local_relay() as relay, reading(relay, now() - 10) as client:
        client.until(live)
        fresh = event(1, now() - ago)
        relay.publish([fresh])
        assert fresh.id in ids(client.until(lambda found: fresh.id in ids(found)))
