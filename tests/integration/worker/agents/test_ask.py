"""``groundswell ask`` against a real API, and runs that go through the queue as a worker takes them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.cli.main import main
from services.worker.actors import agent as agent_actor
from services.worker.broker import make_broker, make_worker
from services.worker.dispatcher import Dispatcher
from services.worker.reaper import Reaper
from shared.config.settings import Settings
from shared.contracts.jobs import RUN_AGENT
from shared.store.database import Command, Database
from tests.integration.worker.agents.test_runs import RULE, ask, ended
from tests.support.agents import TIMINGS, answer, store_posts, workplace
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.waiting import until


@contextmanager
def worker(settings: Settings, database: Database, *, model: bool = True) -> Iterator[None]:
    """Takes runs from the queue, and looks for lost ones, until the end."""
    broker = make_broker(settings.valkey_url, TIMINGS)
    stop = threading.Event()

    def loop() -> None:
        dispatch, reap = Dispatcher(database, broker), Reaper(database, broker, TIMINGS)
        while not stop.wait(0.1):
            dispatch()
            reap()

    with workplace(settings, database, model=model) as work:
        agent_actor.register(broker, work)
        jobs = make_worker(broker)
        jobs.start()
        looking = threading.Thread(target=loop)
        looking.start()
        try:
            yield
        finally:
            stop.set()
            looking.join()
            jobs.stop()
            broker.client.close()


def groundswell(api: Served, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["ask", *words, "--port", str(api.port)])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_question_is_followed_to_its_report(
    api: Served, settings: Settings, database: Database, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = store_posts(database, ["The bridge \x1b[31m is closed"])
    fake.control(plays=[("posts", {"limit": 5}), answer(("The bridge is closed.", [first], []))])
    with worker(settings, database):
        code, listed = groundswell(api, capsys)
        assert code == 0
        assert "fact-checker" in listed
        code, said = groundswell(api, capsys, "What about the bridge?")
        assert code == 0, said
        for line in ("Calling posts: ", "- The bridge is closed. [1]", "Written by openai/small"):
            assert line in said
        assert "\x1b" not in said  # nothing that drives a terminal
        code, said = groundswell(api, capsys, "What about it?", "--json", "--agent", "scout")
        assert json.loads(said.splitlines()[-1])["title"] == "Scout: What about it?"
        code, run = groundswell(api, capsys, "What about it?", "--no-wait")
        assert code == 0
        until(lambda: ended(api, {"id": run.split()[-1]})["status"] == "done")


def test_a_question_that_waits_for_a_person_says_for_what(
    api: Served, settings: Settings, database: Database, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.control(plays=[("create_watch", {"name": "bridge", "rule": RULE}), answer(("Saved.", [], ["c2"]))])
    with worker(settings, database):
        code, said = groundswell(api, capsys, "Tell me about bridges", "--agent", "watch-keeper")
        assert code == 3, said
        [waiting] = api.http.get("/api/v1/approvals").json()["approvals"]
        assert f"groundswell op approve_call --approval {waiting['id']}" in said
        # a yes sends it on, without anybody asking again
        [run] = api.http.get("/api/v1/runs").json()["runs"]
        assert main(["op", "approve_call", "--approval", waiting["id"], "--port", str(api.port)]) == 0
        until(lambda: ended(api, run)["status"] == "done")


def test_a_question_to_nobody_is_refused(
    api: Served, settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = groundswell(api, capsys, "What about it?", "--agent", "nobody")
    assert (code, "There is no such agent" in said) == (2, True), said
    code, said = groundswell(api, capsys, "")
    assert (code, "question" in said) == (2, True), said


def test_a_run_whose_message_was_lost_is_found_again(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    with workplace(settings, database, model=False):
        pass  # tells of the agents
    run = ask(api, "scout")
    # given that Valkey forgot the message before any worker took it
    assert database.execute(Command("DELETE FROM outbox")) == 1
    assert RUN_AGENT.queue == "agents"
    with worker(settings, database, model=False):
        until(lambda: ended(api, run)["status"] == "done")
