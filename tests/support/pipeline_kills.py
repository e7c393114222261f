"""Runs of a pipeline whose worker is killed at one point each, and then done by another one.

``python -m tests.support.pipeline_kills POSTGRES_URL VALKEY_URL API_URL FAKE_URL FOLDER RUN,RUN,...``: see
``agent_kills``, whose points within an agent these are as well.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.config.settings import Settings
from shared.store.database import Database
from shared.telemetry import logs
from tests.support.agent_kills import kill_each
from tests.support.agents import model_settings
from tests.support.pipelines import chains

STAGES = ("scout", "day", "write", "review", "compose", "render")
#: Of each stage: begun, its work done but not written down, written down. Within agents: asked and not answered,
#: answered and not written down. Steps of the first stage are 1, 2, 3; the writer's first is 401, the reviewer's 601.
POINTS = (
    *(f"{stage} {at}" for stage in STAGES for at in ("begun", "worked", "done")),
    "intended 1",
    "dispatched",
    "answered 1",
    "called 2",
    "intended 401",
    "answered 401",
    "done 401",
    "answered 601",
)
#: Where an answer that is paid for is gone with its worker.
LOSING = ("dispatched",)


def main() -> None:
    postgres, valkey, api, fake, folder, runs = sys.argv[1:]
    logs.configure("worker", level="error", form="json")
    settings = Settings(postgres_url=postgres, valkey_url=valkey, agents_api_url=api)
    settings = msgspec.structs.replace(settings, **model_settings(Path(folder), fake))

    def do(runs: Sequence[str]) -> None:
        database = Database(settings, name="killed", size=4)
        database.open()
        with chains(settings, database) as work:
            for run in runs:
                work(run)
        database.close()

    kill_each(POINTS, runs.split(","), do)


if __name__ == "__main__":
    main()
