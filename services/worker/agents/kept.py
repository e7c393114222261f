"""A run's texts by reference (``llm.results``), for a worker whose jobs run in threads."""

from __future__ import annotations

import re
from uuid import UUID

from services.worker.llm.results import MOST_READ
from shared.errors import NotFound
from shared.store import run_results as store
from shared.store.database import Database

_REFERENCE = re.compile(r"r([1-9][0-9]{0,8})")


class RunResults:
    """Those of ``run``. Its methods never wait for another task: they may be driven from a thread."""

    def __init__(self, database: Database, run: UUID) -> None:
        self._database, self._run = database, run

    async def keep(self, name: str, text: str) -> str:
        """See ``Results``."""
        content = text.replace("\0", "\ufffd").encode(errors="replace").decode()
        [row] = self._database.fetch(store.KEEP, {"run": self._run, "name": name, "content": content})
        return f"r{row.number}"

    async def read(self, reference: str, start: int = 0, length: int = MOST_READ) -> str:
        """See ``Results``."""
        number = _REFERENCE.fullmatch(reference)
        part = {"start": min(max(start, 0), 2**30) + 1, "length": min(max(length, 0), MOST_READ)}
        found = {"run": self._run, "number": int(number[1]) if number else 0, **part}
        row = self._database.fetch_one(store.READ, found)
        if row is None:
            raise NotFound(f"There is no result {reference[:20]!r}.", why="This run has kept none of that name.")
        return row.content
