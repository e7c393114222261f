"""Looks after the chunks of pgvector: builds the indexes of sealed and of grown ones, drops those that are empty.

One process at a time, for as long as its connection lives (``Hold``). Whatever ends it, the next look goes on:
a finished index is kept, an unfinished one is built anew. Ingestion and searches go on meanwhile.
"""

from __future__ import annotations

import math
import threading

import msgspec

from shared.config.settings import Settings
from shared.errors import StoreUnavailable
from shared.store import vector_chunks as chunks
from shared.store.database import Database
from shared.store.hold import Hold
from shared.store.vector_chunks import Chunk
from shared.telemetry import logs
from shared.vectors.pgvector import drop_chunk

#: A language or feed with so many rows in a chunk gets an index of its own there: under its filter, lists made
#: over everything would hold mostly what does not pass. With this share of the rows it needs none.
LEAST_PART, WHOLE = 0.04, 0.9
#: An open chunk of so many rows has early indexes: to compare them all takes longer than the rest of a search.
EARLY_ROWS = 12_500
#: How many times as many rows an early index is made for.
EARLY_GROWTH = 4
#: Indexes of a chunk at most.
MOST_PARTS = 16


class Tended(msgspec.Struct, frozen=True):
    """What a look did: indexes built and chunks dropped."""

    built: int = 0
    dropped: int = 0


class Keeper:
    """Used by one thread."""

    def __init__(self, settings: Settings, database: Database, *, early_rows: int = EARLY_ROWS) -> None:
        self._database, self._hold, self._early_rows = database, Hold(settings, "vector-keeper"), early_rows

    def __call__(self, stop: threading.Event) -> Tended:
        """One look; nothing where another process does it. Raises StoreUnavailable."""
        try:
            return self._tend(stop) if self._hold.held() else Tended()
        finally:
            self._hold.release()

    def _tend(self, stop: threading.Event) -> Tended:
        built = dropped = 0
        for chunk in self._database.fetch(chunks.ALL):
            if stop.is_set() or not self._hold.held():
                break
            if chunk.state != "open" and chunk.rows == 0:
                dropped += self._drop(chunk)
            elif chunk.state == "sealed" or (chunk.state == "open" and self._is_large(chunk)):
                built += self._build(chunk, stop)
        return Tended(built, dropped)

    def _is_large(self, chunk: Chunk) -> bool:
        return not chunk.near and chunk.rows >= self._early_rows

    def _drop(self, chunk: Chunk) -> int:
        try:
            drop_chunk(self._database, chunk.id)
        except StoreUnavailable as error:  # somebody reads; another time
            logs.get(__name__).info("vector_chunk_not_dropped_yet", chunk=chunk.id, error=str(error))
            return 0
        return 1

    def _build(self, chunk: Chunk, stop: threading.Event) -> int:
        """The indexes ``chunk`` lacks."""
        early = chunk.state == "open"
        self._database.execute_alone(chunks.analyze(chunk.id))
        wanted = self._wanted(chunk)
        built = 0
        for part, lists in wanted.items():
            if stop.is_set():
                return built
            name = chunks.near_name(chunk.id, part, early=early)
            found = self._database.fetch_one(chunks.NEAR, {"name": name})
            if found is not None and not found.valid:
                self._database.execute_alone(chunks.unbuild(name))
            if lists and (found is None or not found.valid):
                self._database.execute_alone(chunks.build(chunk.id, part, lists, early=early))
                built += 1
        if not early:
            for part in chunk.near:
                self._database.execute_alone(chunks.unbuild(chunks.near_name(chunk.id, part, early=True)))
        near = msgspec.json.encode(wanted).decode()
        self._database.execute(chunks.BEGUN if early else chunks.INDEXED, {"chunk": chunk.id, "near": near})
        logs.get(__name__).info("vector_chunk_indexed", chunk=chunk.id, rows=chunk.rows, indexes=built, early=early)
        return built

    def _wanted(self, chunk: Chunk) -> dict[str, int]:
        """Lists by part: the square root of its rows, as pgvector advises for large tables."""
        least = max(math.ceil(chunk.rows * LEAST_PART), 1)
        found = self._database.fetch(chunks.parts(chunk.id), {"least": least})
        plain = sorted((part for part in found if chunks.PLAIN.fullmatch(part.value)), key=lambda part: -part.rows)
        grown = EARLY_GROWTH if chunk.state == "open" else 1
        wanted = {"": _lists(chunk.rows * grown)}
        for part in plain[: MOST_PARTS - 1]:
            wanted[f"{part.kind}:{part.value}"] = 0 if part.rows >= WHOLE * chunk.rows else _lists(part.rows * grown)
        return wanted


def _lists(rows: int) -> int:
    return max(1, round(math.sqrt(rows)))
