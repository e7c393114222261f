"""Texts that left an agent's context, kept by reference: what it once saw it can always read again."""

from __future__ import annotations

import re
from typing import Protocol
from uuid import UUID

from shared.errors import NotFound
from shared.store import run_results as store
from shared.store.database import AsyncDatabase

_REFERENCE = re.compile(r"r([1-9][0-9]{0,8})")
#: Characters that are read at once at most.
MOST_READ = 8_000


class Results(Protocol):
    """Texts of one run. ``name`` says what a text is; a reference is short, such as r12."""

    async def keep(self, name: str, text: str) -> str:
        """The reference of ``text``; the same text of the same name has one. Raises StoreUnavailable."""
        ...

    async def read(self, reference: str, start: int = 0, length: int = MOST_READ) -> str:
        """A part of a text, in characters. Raises NotFound for an unknown reference, StoreUnavailable."""
        ...


class StoredResults:
    """Those of ``run``, in PostgreSQL. They go with the run."""

    def __init__(self, database: AsyncDatabase, run: UUID) -> None:
        self._database, self._run = database, run

    async def keep(self, name: str, text: str) -> str:
        """See ``Results``. What PostgreSQL cannot hold (NUL, lone surrogates) is replaced."""
        content = text.replace("\0", "\ufffd").encode(errors="replace").decode()
        params = {"run": self._run, "name": name, "content": content}
        [row] = await self._database.fetch(store.KEEP, params)
        return f"r{row.number}"

    async def read(self, reference: str, start: int = 0, length: int = MOST_READ) -> str:
        """See ``Results``."""
        number = _REFERENCE.fullmatch(reference)
        params = {"run": self._run, "number": int(number[1]) if number else 0}
        params |= {"start": max(start, 0) + 1, "length": min(max(length, 0), MOST_READ)}
        row = await self._database.fetch_one(store.READ, params)
        if row is None:
            raise NotFound(f"There is no result {reference[:20]!r}.", why="This run has kept none of that name.")
        return row.content
