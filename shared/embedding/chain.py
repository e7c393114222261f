"""One model over several runtimes: the first that works, and the next when it stops working.

A runtime is only believed once a sentence gives the vector it should (``self_test.py``): libraries that
lack a part often raise nothing and compute something else. When none works, meaning is off until one does;
what failed is tried again with growing pauses.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from shared.config.settings import Settings
from shared.embedding.embedder import Embedder
from shared.embedding.models import Model, Opened, by_id, chosen
from shared.embedding.null import AbsentEmbedder, NullEmbedder
from shared.embedding.runtimes import RUNTIMES, Running, Runtime, Wanted
from shared.embedding.self_test import self_test
from shared.errors import EmbedderAbsent, EmbedderOutOfMemory, EmbedderUnavailable, TextsRefused
from shared.schemas.vector import Vectors
from shared.telemetry import logs

#: The first and the longest pause before what failed is tried again.
FIRST_SECONDS, LONGEST_SECONDS = 30.0, 1_800.0
#: Calls in a row that only work text by text before the runtime counts as broken.
MOST_RESCUES = 3

Outcome = Literal["chosen", "absent", "failed"]

_log = logs.get(__name__)


class Attempt(msgspec.Struct, frozen=True):
    """What became of one step. ``detail`` is one line."""

    runtime: str
    outcome: Outcome
    detail: str


class ChainEmbedder:
    """``model`` on the first of ``runtimes`` that works. Loads when made, and never raises then.

    Used from any thread, one call at a time. Texts do not wait while a better runtime is tried beside the
    one that works.
    """

    turned_off = False

    def __init__(
        self,
        wanted: Wanted,
        runtimes: Sequence[Runtime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.floor = wanted.model.id, wanted.model.floor
        self.attempts: list[Attempt] = []
        self._wanted, self._runtimes, self._clock = wanted, runtimes, clock
        self._running: Running | None = None
        self._place = len(runtimes)
        self._pause, self._due = FIRST_SECONDS, float("inf")
        self._again_at: datetime | None = None
        self._chosen, self._rescues = "", 0
        self._turn, self._loading = threading.Lock(), threading.Lock()
        with self._loading:
            self._load_from(0)

    @property
    def available(self) -> bool:
        """Whether a runtime works."""
        return self._running is not None

    @property
    def reason(self) -> str:
        """What runs the model and why nothing better does, or why nothing does and when it is tried again."""
        failed = [f"{attempt.runtime}: {attempt.detail}" for attempt in self.attempts if attempt.outcome == "failed"]
        if self._running is not None:
            return self._chosen + (f" (after {'; '.join(failed)})" if failed else "")
        tried = failed or [f"{attempt.runtime}: {attempt.detail}" for attempt in self.attempts]
        again = f"tried again at {self._again_at:%H:%M:%S} UTC" if self._again_at else "not tried again"
        return f"no runtime works ({again}). {'; '.join(tried)}"

    def refresh(self) -> None:
        """Try again the runtimes before the one in use, if some failed and their pause is over."""
        if self._clock() < self._due or not self._loading.acquire(blocking=False):
            return
        try:
            if self._clock() >= self._due:
                self._load_from(0, before=self._place)
        finally:
            self._loading.release()

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """As ``Embedder.embed``. A runtime that fails is given up for the next, which does the same texts."""
        with self._turn:
            while (running := self._running) is not None:
                try:
                    vectors = running.embed(list(texts), kind)
                    self._rescues = 0
                    return vectors
                except Exception as error:  # whatever a library throws; the next may work
                    found = self._apart(running, texts, kind, error)
                    if found is not None:
                        return found
                    self._give_up(running, error)
            raise EmbedderUnavailable("There is no embedding model.", why=self.reason)

    def _apart(
        self, running: Running, texts: Sequence[str], kind: Literal["passage", "query"], error: Exception
    ) -> Vectors | None:
        """The vectors one text at a time, if only some texts are at fault; ``None`` if the runtime is.

        Raises TextsRefused that names those texts.
        """
        short = isinstance(error, MemoryError | EmbedderOutOfMemory)
        if short or self._rescues >= MOST_RESCUES or not _passes(running, self._wanted.model):
            return None
        self._rescues += 1
        found, refused, why = [], [], ""
        for place, text in enumerate(texts):
            try:
                found.append(running.embed([text], kind))
            except Exception as alone:
                refused.append(place)
                why = _line(alone)
        if len(refused) > 1 and not found:
            return None
        if refused:
            raise TextsRefused(refused, why)
        return np.concatenate(found)

    def _give_up(self, running: Running, error: Exception) -> None:
        with self._loading:
            if self._running is not running:  # a better one has taken over meanwhile
                return
            place, self._running, self._place = self._place, None, len(self._runtimes)
            self._note(Attempt(self._runtimes[place].name, "failed", f"stopped working: {_line(error)}"))
            self._load_from(place + 1)

    def _load_from(self, start: int, before: int | None = None) -> None:
        """The first that works of the runtimes from ``start`` on takes over; what runs goes on otherwise."""
        importlib.invalidate_caches()  # what was missing may have been installed meanwhile
        read = cache(self._wanted.model.open)
        for place in range(start, len(self._runtimes) if before is None else before):
            if self._load(place, read):
                break
        failed = any(attempt.outcome == "failed" for attempt in self.attempts)
        if failed or self._running is None:
            self._due = self._clock() + self._pause
            self._again_at = datetime.now(UTC) + timedelta(seconds=self._pause)
            if self._running is None:
                _log.warning("embeddings_off", model=self.model, again_in_seconds=round(self._pause), why=self.reason)
            self._pause = min(2 * self._pause, LONGEST_SECONDS)
        else:
            self._due, self._again_at = float("inf"), None

    def _load(self, place: int, read: Callable[[], Opened]) -> bool:
        runtime = self._runtimes[place]
        try:
            loaded = runtime.load(self._wanted, read)
            cosine = self_test(loaded.running.embed, self._wanted.model)
        except EmbedderAbsent as error:
            self._note(Attempt(runtime.name, "absent", _line(error)))
            return False
        except Exception as error:  # whatever a library throws while it loads, the rest must start
            self._note(Attempt(runtime.name, "failed", _line(error)))
            return False
        threads = "" if runtime.name == "cuda" else f", {self._wanted.threads} thread{'s' * (self._wanted.threads > 1)}"
        self._chosen = f"{self.model} on {runtime.name}, {loaded.precision}{threads}"
        self._running, self._place = loaded.running, place
        self._note(Attempt(runtime.name, "chosen", f"{self._chosen}, self-test {cosine:.4f}"))
        return True

    def _note(self, attempt: Attempt) -> None:
        """Each step's outcome is one line in the log; the latest of each runtime is kept."""
        say = _log.warning if attempt.outcome == "failed" else _log.info
        say(f"embedding_runtime_{attempt.outcome}", runtime=attempt.runtime, model=self.model, why=attempt.detail)
        names = [runtime.name for runtime in self._runtimes]
        kept = [known for known in self.attempts if known.runtime != attempt.runtime]
        self.attempts = sorted([*kept, attempt], key=lambda known: names.index(known.runtime))


def load_embedder(
    settings: Settings, cache_dir: Path, *, compact: bool = False, model: Model | None = None
) -> Embedder:
    """The model that the settings name, or ``model``, on the best runtime that works here. Never raises.

    ``cache_dir`` keeps built graphs; ``compact`` is for who embeds one text at a time, such as searches.
    """
    wanted = chosen(settings.embedding_model)
    if wanted is None:
        return NullEmbedder("turned off")
    return ChainEmbedder(
        Wanted(model or wanted, cache_dir, settings.embedding_threads, compact), ordered(settings.embedding_runtimes)
    )


def load_by_id(settings: Settings, cache_dir: Path, identity: str, *, compact: bool = False) -> Embedder:
    """The model whose vectors carry ``identity``, whatever the settings name. Never raises."""
    model = by_id(identity)
    if model is None:
        return AbsentEmbedder(identity, "this version does not know the model")
    return load_embedder(settings, cache_dir, compact=compact, model=model)


def ordered(names: str) -> list[Runtime]:
    """The runtimes that ``names``, with commas between, lists, in that order."""
    known = {runtime.name: runtime for runtime in RUNTIMES}
    return [known[name] for name in (part.strip() for part in names.split(",")) if name in known]


def _passes(running: Running, model: Model) -> bool:
    try:
        self_test(running.embed, model)
    except Exception:
        return False
    return True


def _line(error: Exception) -> str:
    """What went wrong, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
