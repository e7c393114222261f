"""The ring and the hub: who gets what, who is told that something is missing, who is sent away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest

from services.api.broadcast.hub import FULL, GOING_AWAY, RESTARTED, TOO_SLOW, Client, Closed, Hub
from services.api.broadcast.ring import Live, Ring


def entries(numbers: Iterable[int]) -> list[Live]:
    return [Live(f"{number}-0", f"text {number}") for number in numbers]


def texts(numbers: Iterable[int]) -> list[str]:
    return [f"text {number}" for number in numbers]


def take(hub: Hub, client: Client) -> list[str]:
    """All that waits for ``client``."""

    async def everything() -> list[str]:
        found: list[str] = []
        while True:
            got = await hub.next(client, 0.001)
            if got and got[0].startswith("{"):
                return found
            found += got

    return asyncio.run(everything())


def full_hub(size: int = 10, **options: int) -> Hub:
    hub = Hub(ring=Ring(size), **options)
    hub.restart(entries(range(1, size + 1)))
    return hub


def test_the_ring_keeps_the_newest_and_knows_what_it_lost() -> None:
    ring = Ring(3)
    ring.reset(entries([1, 2]))
    place = ring.place_after("1-0")
    assert place is not None
    assert ring.since(place, 9) == entries([2])
    for entry in entries([3, 4, 5]):
        ring.append(entry)
    assert ring.since(place, 9) is None
    assert ring.place_after("2-0") is None
    kept = ring.place_after("3-0")
    assert kept is not None
    assert ring.since(kept, 1) == entries([4])
    assert ring.newest == "5-0"


def test_two_empty_rings_are_not_the_same_place() -> None:
    ring = Ring(3)
    mark = ring.newest
    assert ring.place_after(mark) == ring.next
    ring.reset([])
    assert ring.place_after(mark) is None


def test_a_new_client_gets_what_comes_after_it() -> None:
    hub = full_hub()
    client, hello = hub.join(None)
    assert (hello.resumed, hello.missed, hello.id) == (False, False, "10-0")
    hub.publish(entries([11]))
    assert take(hub, client) == texts([11])
    assert client.position == "11-0"


@pytest.mark.parametrize("after", ["1-0", "5-0", "10-0"])
def test_a_client_inside_the_ring_resumes(after: str) -> None:
    hub = full_hub()
    client, hello = hub.join(after)
    assert (hello.resumed, hello.missed, hello.id) == (True, False, after)
    assert take(hub, client) == texts(range(int(after[:-2]) + 1, 11))


@pytest.mark.parametrize("after", ["0-1", "11-0", "x"])
def test_a_client_outside_the_ring_is_told(after: str) -> None:
    hub = full_hub()
    client, hello = hub.join(after)
    assert (hello.resumed, hello.missed, hello.id) == (False, True, "10-0")
    assert take(hub, client) == []


def test_a_client_that_lags_is_sent_away_and_resumes_without_loss() -> None:
    hub = full_hub(size=10, lag_most=4)
    client, _ = hub.join(None)
    hub.publish(entries(range(11, 16)))
    with pytest.raises(Closed) as closed:
        take(hub, client)
    assert closed.value.code == TOO_SLOW
    again, hello = hub.join(client.position)
    assert hello.resumed
    assert take(hub, again) == texts(range(11, 16))


def test_a_client_that_replays_may_lag_until_it_has_caught_up() -> None:
    hub = full_hub(size=10, lag_most=4)
    client, _ = hub.join("1-0")
    assert take(hub, client) == texts(range(2, 11))
    hub.publish(entries(range(11, 16)))
    with pytest.raises(Closed):
        take(hub, client)


def test_a_stream_that_began_anew_sends_everyone_away() -> None:
    hub = full_hub()
    client, _ = hub.join(None)
    hub.restart(entries([50]))
    with pytest.raises(Closed) as closed:
        take(hub, client)
    assert closed.value.code == RESTARTED
    assert hub.join(client.position)[1].missed


def test_there_is_room_for_so_many_and_leaving_makes_room() -> None:
    hub = full_hub(clients_most=1)
    client, _ = hub.join(None)
    with pytest.raises(Closed) as closed:
        hub.join(None)
    assert closed.value.code == FULL
    hub.leave(client)
    hub.join(None)


def test_closing_ends_clients_and_admits_none() -> None:
    hub = full_hub()
    client, _ = hub.join(None)
    hub.close()
    with pytest.raises(Closed) as closed:
        take(hub, client)
    assert closed.value.code == GOING_AWAY
    with pytest.raises(Closed):
        hub.join(None)


def test_a_beat_says_how_the_stream_is_and_keeps_the_clients_place() -> None:
    hub = full_hub()
    client, _ = hub.join("4-0")
    beat = json.loads(hub.beat(client))
    assert (beat["type"], beat["id"], beat["live"]) == ("beat", "4-0", "degraded")
    hub.state(None)
    assert json.loads(hub.beat(client))["live"] == "ok"


def test_waiting_clients_are_woken_by_news() -> None:
    async def wait_then_publish() -> list[str]:
        hub = full_hub()
        client, _ = hub.join(None)
        waiting = asyncio.create_task(hub.next(client, 30))
        await asyncio.sleep(0)
        hub.publish(entries([11]))
        return await waiting

    assert asyncio.run(wait_then_publish()) == texts([11])
