"""``groundswell embed``: which runtime runs the embedding model here, and why not another."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import structlog

from services.solo.folder import DataFolder
from shared.config.load import load
from shared.config.settings import EMBEDDING_RUNTIMES
from shared.embedding.chain import ChainEmbedder, ordered
from shared.embedding.models import MODELS, chosen
from shared.embedding.runtimes import Wanted
from shared.errors import EmbedderUnavailable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--model", choices=[model.name for model in MODELS], help="GROUNDSWELL_EMBEDDING_MODEL")
    parser.add_argument("--runtimes", help="in the order to try them, GROUNDSWELL_EMBEDDING_RUNTIMES")
    parser.add_argument("--every", action="store_true", help="try each of them, also after one that works")
    parser.add_argument("--data", help="folder for all data (GROUNDSWELL_DATA_DIR)")


def run(options: argparse.Namespace) -> int:
    """A line a runtime; exit code 69 when none works. Downloads nothing."""
    # What the chain logs is what is printed here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    given = {"embedding_model": options.model, "embedding_runtimes": options.runtimes, "data_dir": options.data}
    settings = load("solo", given=given)
    model = chosen(settings.embedding_model)
    if model is None:
        print("Embeddings are turned off: GROUNDSWELL_EMBEDDING_MODEL is none.")
        return 0
    runtimes = ordered(settings.embedding_runtimes)
    wanted = Wanted(model, DataFolder(Path(settings.data_dir)).path / "cache", settings.embedding_threads)
    works = False
    for together in [[runtime] for runtime in runtimes] if options.every else [runtimes]:
        began = time.monotonic()
        chain = ChainEmbedder(wanted, together)
        took = time.monotonic() - began
        for attempt in chain.attempts:
            outcome = "works" if attempt.outcome == "chosen" else attempt.outcome
            seconds = f" ({took:.1f} s)" if attempt.outcome == "chosen" else ""
            print(f"{outcome:<8}{attempt.runtime:<12} {attempt.detail}{seconds}", flush=True)
        works = works or chain.available
    if not works:
        tried = ", ".join(runtime.name for runtime in runtimes)
        left = [name for name in EMBEDDING_RUNTIMES if name not in tried]
        raise EmbedderUnavailable(
            "Nothing runs the embedding model here.",
            why=f"Tried: {tried}.",
            do=f"Not tried: {', '.join(left)}." if left else "See docs/embedding.md for each reason.",
        )
    return 0
