"""A run's stream over the wire: going on after a cut, a restart, a takeover and an outage; ends, bounds, refusals."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import msgspec
import pytest

from services.api.broadcast import run_streams
from services.api.doors import run_stream as door
from services.api.metrics import RUN_STREAMS
from shared.config.settings import Settings
from shared.store.database import Command, Database
from tests.support.api import Served, served
from tests.support.run_stream import Listener, Worked, listening, steps
from tests.support.severable import severable
from tests.support.waiting import eventually


@pytest.fixture
def run(database: Database) -> Worked:
    made = Worked(database)
    made.claim()
    return made


@pytest.fixture(autouse=True)
def _ready(api: Served) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)


def open_streams() -> float:
    return float(RUN_STREAMS._value.get())  # type: ignore[attr-defined]


def test_each_change_of_a_step_is_told_under_a_number_that_grows_and_the_end_ends_the_stream(
    api: Served, run: Worked
) -> None:
    with listening(api.url, run.id) as page:
        [state] = page.until("run")
        assert (state.data["status"], state.id) == ("running", None)
        run.begin(1)
        [begun] = page.until("step")
        assert (begun.data["status"], begun.data["request"], begun.id) == ("running", {"text": "x"}, "1")
        run.end(1, cost=7)
        [done] = page.until("step")
        assert (done.data["status"], done.data["cost_nano_usd"], done.id) == ("done", 7, "2")
        run.finish()
        assert page.until("end")[-1].data == {"status": "done", "error": None, "report": None}
        assert list(page) == []  # the server closed it
    eventually(lambda: open_streams() == 0)


def test_after_a_cut_in_the_middle_exactly_what_was_missed_is_told(api: Served, run: Worked) -> None:
    with listening(api.url, run.id) as page:
        for seq in (1, 2):
            run.begin(seq)
            run.end(seq)
            page.until("step", n=seq, status="done")
        run.begin(3)
        page.until("step", n=3)
        last = page.last
    # while the client is away, the step that ran ends, and two more come
    run.end(3)
    run.begin(4)
    run.end(4)
    run.begin(5)
    with listening(api.url, run.id, last) as page:
        assert steps(page.until("step", n=5)) == [(3, "done"), (4, "done"), (5, "running")]


def test_wherever_a_client_is_cut_it_ends_with_the_same_steps(api: Served, run: Worked) -> None:
    for seq in range(1, 8):
        run.begin(seq)
    for seq in (5, 1, 7, 3, 2, 6, 4):
        run.end(seq)
    run.finish()
    with listening(api.url, run.id) as page:
        whole = page.until("end")
    for cut in range(len(whole)):
        with listening(api.url, run.id) as page:
            seen = [event for _, event in zip(range(cut), (e for e in page if e.name), strict=False)]
            last = page.last
        with listening(api.url, run.id, last) as page:
            known = {n: status for n, status in steps(seen) + steps(page.until("end"))}  # noqa: C416 - the later holds
        assert known == dict.fromkeys(range(1, 8), "done"), f"cut after {cut}"


def test_over_a_restart_of_the_api_nothing_is_lost_or_told_twice(settings: Settings, api: Served, run: Worked) -> None:
    with contextlib.ExitStack() as first:
        other = first.enter_context(served(settings))
        eventually(lambda: other.http.get("/health/ready").status_code == 200)
        page = first.enter_context(listening(other.url, run.id))
        run.begin(1)
        page.until("step", n=1)
        other.stop()
        assert [event for event in page if event.name] == []  # it ends, and does not say that the run has
        last = page.last
    run.end(1)
    with listening(api.url, run.id, last) as page:
        assert steps(page.until("step", n=1)) == [(1, "done")]


def test_it_goes_on_when_the_worker_dies_and_another_takes_the_run_over(api: Served, run: Worked) -> None:
    with listening(api.url, run.id) as page:
        run.begin(1)
        page.until("step", n=1)
        run.claim()
        assert page.until("run", attempts=2)[-1].data["status"] == "running"
        run.end(1)
        assert steps(page.until("step", n=1)) == [(1, "done")]


def test_steps_that_a_retry_forgets_are_told_as_gone(api: Served, run: Worked) -> None:
    for seq in (1, 2, 3):
        run.begin(seq)
        run.end(seq)
    run.finish()
    with listening(api.url, run.id) as page:
        page.until("end")
        last = page.last
    assert api.http.post(f"/api/v1/runs/{run.id}/retry", json={"from_step": "2-posts"}).status_code == 202
    with listening(api.url, run.id, last) as page:
        heard = page.until("gone", n=3)
        assert [(event.name, event.data.get("n")) for event in heard if event.name != "run"] == [
            ("gone", 2),
            ("gone", 3),
        ]
        run.claim()
        run.begin(2, "again")
        assert page.until("step", n=2)[-1].data["request"] == {"text": "again"}


def test_a_cancel_and_a_removal_end_the_stream(api: Served, run: Worked, database: Database) -> None:
    run.begin(1)
    with listening(api.url, run.id) as page:
        page.until("step", n=1)
        api.http.post(f"/api/v1/runs/{run.id}/cancel")
        heard = page.until("end")
        assert steps(heard) == [(1, "skipped")]
        assert heard[-1].data["status"] == "cancelled"
    other = Worked(database)
    with listening(api.url, other.id) as page:
        page.until("run")
        database.execute(Command("DELETE FROM run WHERE id = %(id)s"), {"id": other.id})
        assert page.until("end")[-1].data["status"] == "removed"


def test_a_run_that_is_over_is_told_whole_and_ended(api: Served, run: Worked) -> None:
    for seq in range(1, run_streams.PAGE + 21):  # more than is read at once
        run.begin(seq)
    run.finish()
    with listening(api.url, run.id) as page:
        heard = page.until("end")
        assert [n for n, _ in steps(heard)] == list(range(1, run_streams.PAGE + 21))
        last = page.last
    with listening(api.url, run.id, last) as page:
        assert [event.name for event in page.until("end")] == ["run", "end"]


@pytest.mark.parametrize("last", ["999999", "-1", "nonsense", "1" * 400, "²"])
def test_a_number_that_this_run_never_had_is_told_everything(api: Served, run: Worked, last: str) -> None:
    run.begin(1)
    run.finish()
    with contextlib.suppress(UnicodeEncodeError), listening(api.url, run.id, last) as page:
        assert steps(page.until("end")) == [(1, "running")]


def test_unknown_and_malformed_runs_are_refused_in_words(api: Served) -> None:
    unknown = api.http.get(f"/api/v1/runs/{uuid4()}/stream")
    assert (unknown.status_code, unknown.json()["what"]) == (404, "There is no such run.")
    assert api.http.get("/api/v1/runs/nonsense/stream").status_code == 400


def test_text_of_strangers_stays_within_its_event(api: Served, run: Worked) -> None:
    hostile = "x\n\nevent: end\ndata: {}\n\r\n\u2028id: 9999\0".replace("\0", "")
    run.begin(1, hostile)
    run.finish()
    with listening(api.url, run.id) as page:
        heard = page.until("end")
    assert [event.name for event in heard] == ["run", "step", "end"]
    assert heard[1].data["request"] == {"text": hostile}
    assert heard[1].id == "1"


def test_while_postgresql_is_away_the_stream_says_so_and_goes_on_after(
    settings: Settings, run: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_streams, "BEAT_SECONDS", 0.2)
    with contextlib.ExitStack() as running:
        line, url = running.enter_context(severable(settings.postgres_url))
        api = running.enter_context(served(msgspec.structs.replace(settings, postgres_url=url)))
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        page = running.enter_context(listening(api.url, run.id))
        page.until("run")
        line.cut()
        comments = (event.data for event in page if not event.name)
        assert any("PostgreSQL is away" in text for text in comments)
        run.begin(1)  # the worker's own line holds
        run.end(1)
        line.mend()
        assert steps(page.until("step", n=1)) == [(1, "done")]


def test_a_client_that_does_not_read_is_left_and_holds_up_nobody(
    api: Served, run: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "SEND_SECONDS", 0.5)
    for seq in range(1, 41):
        run.begin(seq, "x" * 200_000)
    with contextlib.closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", api.port))
        slow.sendall(f"GET /api/v1/runs/{run.id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        eventually(lambda: open_streams() == 1)
        eventually(lambda: open_streams() == 0)
    with listening(api.url, run.id) as page:
        assert len(steps(page.until("step", n=40))) == 40


def test_streams_are_bounded_and_a_client_that_goes_gives_its_place_back(
    api: Served, run: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_streams, "STREAMS_MOST", 2)
    with contextlib.ExitStack() as pages:
        held: list[Listener] = [pages.enter_context(listening(api.url, run.id)) for _ in range(2)]
        for page in held:
            page.until("run")
        refused = api.http.get(f"/api/v1/runs/{run.id}/stream")
        assert (refused.status_code, refused.json()["what"]) == (429, "Too many runs are followed at this moment.")
    eventually(lambda: open_streams() == 0)
    with listening(api.url, run.id) as page:
        page.until("run")


def test_of_many_streams_that_come_at_once_the_last_ones_are_refused_and_none_is_empty(
    api: Served, run: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_streams, "STREAMS_MOST", 5)

    def status(_: int) -> int:
        with httpx.stream("GET", f"{api.url}/api/v1/runs/{run.id}/stream", timeout=20) as response:
            chunks = response.iter_bytes()
            next(chunks)  # raises if it is empty
            together.wait(timeout=20)
            return response.status_code

    together = threading.Barrier(20)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(status, range(20)))
    assert (found.count(200), found.count(429)) == (5, 15)
    eventually(lambda: open_streams() == 0)


def test_an_old_stream_ends_without_an_end_so_that_its_client_shows_its_token_again(
    api: Served, run: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_streams, "LIFE_SECONDS", 0.0)
    with listening(api.url, run.id) as page:
        assert [event.name for event in page if event.name] == ["run"]


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Served]:
    with served(msgspec.structs.replace(settings, api_token="correct horse battery staple")) as api:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        yield api


def test_who_may_read_runs_may_follow_one_and_nobody_else(guarded: Served, run: Worked) -> None:
    operator = {"Authorization": "Bearer correct horse battery staple"}

    def token(name: str, kind: str, *scopes: str) -> dict[str, str]:
        about = {"name": name, "kind": kind, "scopes": list(scopes)}
        made = guarded.http.post("/api/v1/operations/create_access_token", json=about, headers=operator)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['secret']}"}

    def status(headers: dict[str, str]) -> int:
        with httpx.stream("GET", f"{guarded.url}/api/v1/runs/{run.id}/stream", headers=headers) as response:
            return response.status_code

    assert status({}) == 401
    for wrong in ("Bearer no", "Bearer", "Basic eA==", "Bearer gsw_", "Bearer \x7f"):
        assert status({"Authorization": wrong}) == 401, wrong
    assert status(operator) == 200
    assert status(token("reader", "script", "runs:read")) == 200
    assert status(token("other", "script", "posts:read")) == 403
    assert status(token("model", "agent", "runs:read")) == 403  # nothing would write down what it reads
    eventually(lambda: open_streams() == 0, 60)
