"""Picks an embedder: the first that loads and passes its self-test, else none, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from shared.config.settings import Settings
from shared.embedding.embedder import Embedder
from shared.embedding.null import NullEmbedder
from shared.embedding.self_test import self_test
from shared.telemetry import logs

_log = logs.get(__name__)


class Step(msgspec.Struct, frozen=True):
    """One embedder to try."""

    name: str
    load: Callable[[Settings, Path], Embedder]


def load_embedder(settings: Settings, cache_dir: Path, *, compact: bool = False) -> Embedder:
    """The best embedder that works here; ``cache_dir`` keeps built models. Never raises.

    ``compact`` is for who embeds one text at a time, such as searches: less memory, the same vectors.
    Each step says in one log line what became of it.
    """
    if settings.embedding_model == "none":
        return NullEmbedder("turned off")
    local = Step("local", _load_compact if compact else _load_fast)
    return first_working((local,), settings, cache_dir)


def first_working(steps: Sequence[Step], settings: Settings, cache_dir: Path) -> Embedder:
    """The first of ``steps`` that loads and passes its self-test, else the null embedder."""
    reason = "no embedder is known"
    for step in steps:
        try:
            embedder = step.load(settings, cache_dir)
            cosine = self_test(embedder)
        except Exception as error:
            # Whatever a model does while it loads (a missing library, no memory), the rest must start.
            reason = f"{step.name}: {str(error) or type(error).__name__}"
            _log.warning("embedder_rejected", embedder=step.name, reason=reason)
        else:
            _log.info("embedder_chosen", embedder=step.name, reason=embedder.reason, self_test=round(cosine, 4))
            return embedder
    _log.warning("embedder_absent", reason=reason)
    return NullEmbedder(reason)


def _load_fast(settings: Settings, cache_dir: Path) -> Embedder:
    return _load_local(settings, cache_dir, compact=False)


def _load_compact(settings: Settings, cache_dir: Path) -> Embedder:
    return _load_local(settings, cache_dir, compact=True)


def _load_local(settings: Settings, cache_dir: Path, *, compact: bool) -> Embedder:
    # Imported when wanted: without these libraries the platform still runs.
    from shared.embedding.local import load_local

    return load_local(cache_dir, threads=settings.embedding_threads, compact=compact)
