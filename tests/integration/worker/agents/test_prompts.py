"""What the operator tells an agent besides its prompt: where it stands, from when on, and who may say it."""

from __future__ import annotations

from typing import Any

import pytest

from services.worker.agents.definition import load_agents
from services.worker.agents.prompt import system
from shared.config.settings import Settings
from shared.contracts.prompts import INSTRUCTIONS_MOST, PLACE
from shared.store.database import Command, Database
from tests.support.agents import answer, store_posts, workplace
from tests.support.api import Served
from tests.support.fake_llm import Fake


def change(api: Served, text: str, agent: str = "researcher") -> Any:
    made = api.http.patch(f"/api/v1/prompts/{agent}", json={"instructions": text})
    assert made.status_code == 200, made.text
    return made.json()


def told(fake: Fake, number: int) -> str:
    """The system prompt of the request ``number``."""
    [first, *_] = fake.attempts[number]["body"]["messages"]
    assert first["role"] == "system"
    return str(first["content"])


def ask(api: Served) -> Any:
    made = api.http.post("/api/v1/agents/researcher/runs", json={"question": "What about the bridge?"})
    assert made.status_code == 201, made.text
    return made.json()


def test_instructions_hold_for_runs_that_are_asked_after_them_and_stand_before_the_rules(
    api: Served, settings: Settings, database: Database, fake: Fake
) -> None:
    ids = store_posts(database, ["The bridge is closed"])
    with workplace(settings, database) as work:
        before = ask(api)
        shown = change(api, "  Write in German.\nThe harbour matters most. ")
        after = ask(api)
        for run in (before, after):
            fake.control(plays=[("posts", {"limit": 10}), answer(("The bridge is closed.", [ids[0]], []))])
            work(run["id"])
            said = told(fake, 0)
            assert said == told(fake, 1)
            if run is before:
                assert said == system(load_agents()["researcher"])
            else:
                assert said == shown["prompt"]
                assert said.index("Write in German.\nThe harbour matters most.\n") < said.index("How you work:")
            assert PLACE not in said


def test_they_are_listed_with_their_history_and_taken_back(api: Served, settings: Settings, database: Database) -> None:
    with workplace(settings, database):
        change(api, "Write in German.")
        assert change(api, "Write in German.")["history"] == change(api, "Write in German. ")["history"]
        [line] = [one for one in api.http.get("/api/v1/prompts").json()["prompts"] if one["agent"] == "researcher"]
        bare = len(system(load_agents()["researcher"]))
        assert line["instructions"] == "Write in German."
        assert line["characters"] > bare
        gone = change(api, "")
        assert [said["text"] for said in gone["history"]] == ["", "Write in German."]
        assert (gone["instructions"], len(gone["prompt"])) == ("", bare)
        database.execute(
            Command(
                "INSERT INTO agent_instructions (agent, text) SELECT 'researcher', n::text FROM generate_series(1, 300) n"
            )
        )
        assert len(change(api, "The last.")["history"]) == 100
        assert len(api.http.get("/api/v1/prompts/researcher").json()["history"]) == 100


@pytest.mark.parametrize(
    ("agent", "text", "status"), [("nobody", "x", 404), ("researcher", "x" * (INSTRUCTIONS_MOST + 1), 400)]
)
def test_what_does_not_fit_is_refused(
    api: Served, settings: Settings, database: Database, agent: str, text: str, status: int
) -> None:
    with workplace(settings, database):
        refused = api.http.patch(f"/api/v1/prompts/{agent}", json={"instructions": text})
        assert refused.status_code == status, refused.text
