"""Runs of a pipeline whose stage waits for a yes, and whose worker is killed before the answer, or after it.

``python -m tests.support.approval_kills before|after POSTGRES_URL VALKEY_URL API_URL FAKE_URL FOLDER RUN,RUN,...``: see
``agent_kills``. The call that waits is step 2 of the first stage.
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
from tests.support.pipelines import chains, keeper

#: In "before", "called 2" is asked for a yes and does not know it; in "after" it has happened and is not written down.
#: Where the answer was no there is no call any more.
BEFORE = ("intended 2", "called 2", "parked")
AFTER = {
    "yes": ("token", "called 2", "done 2", "answered 3", "keep worked"),
    "no": ("token", "done 2", "answered 3"),
    "late": ("token", "done 2", "keep worked"),
}


def main() -> None:
    phase, postgres, valkey, api, fake, folder, runs = sys.argv[1:]
    logs.configure("worker", level="error", form="json")
    settings = Settings(postgres_url=postgres, valkey_url=valkey, agents_api_url=api)
    settings = msgspec.structs.replace(settings, **model_settings(Path(folder), fake))
    after = [point for points in AFTER.values() for point in points]
    points = [BEFORE[number % len(BEFORE)] for number in range(len(after))] if phase == "before" else after

    def do(runs: Sequence[str]) -> None:
        database = Database(settings, name="killed", size=4)
        database.open()
        with chains(settings, database, keeper()) as work:
            for run in runs:
                work(run)
        database.close()

    kill_each(points, runs.split(","), do)


if __name__ == "__main__":
    main()
