"""What the embedding of posts costs beside the bare model, and beside fastembed with the same model.

    python -m bench.embedding [--texts 384] [--rounds 2]

Every figure is a ratio of two things measured in turns in the same run, on two threads: a busy machine slows
both. The second ratio is of CPU-seconds of this process, which other programs disturb less; PostgreSQL's own are
not in it. The texts are posts in eight languages of which none is another's copy (``bench/texts.py``).
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from bench.texts import texts as made_texts
from services.relay.lineup import Lineup
from services.relay.pending import StoreModelRows, StorePending
from services.relay.pipeline.embed import EmbedStage
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.embedding.batching import batches, padded
from shared.embedding.chain import load_embedder
from shared.embedding.embedder import Embedder
from shared.embedding.fastembed_embedder import load_fastembed
from shared.embedding.local import LocalEmbedder
from shared.embedding.models import ENGLISH, MULTILINGUAL, Model
from shared.embedding.onnx_session import OnnxSession
from shared.embedding.openvino_session import OpenVinoSession
from shared.embedding.runtime import ov
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import Vectors
from shared.store.database import Command, Database
from shared.store.pending import PendingPost
from shared.telemetry import logs
from shared.vectors.pgvector import PgvectorIndex
from tests.support.engines import postgres_server
from tests.support.folders import disk_folder

THREADS = 2
#: One in so many posts of the stream with copies is a copy of an earlier one.
_COPIES = 4

_ADD = Command(
    """WITH added AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages)
         SELECT id, 'bench', id::text, 'someone', 1, now(), text, '{en}'
           FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS made (id, text) RETURNING id, seq
       ) INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM added"""
)
_EMPTY = Command("TRUNCATE post, embedding_pending, vector_model CASCADE")


class Took(msgspec.Struct):
    """Seconds on the clock, and of this process's processors."""

    wall: float
    cpu: float


class Speeds(msgspec.Struct):
    """The least that each contestant took over the rounds."""

    best: dict[str, Took] = {}

    def measure(
        self, contestants: dict[str, Callable[[], object]], rounds: int, before: dict[str, Callable[[], object]]
    ) -> None:
        """Each in turn, ``rounds`` times; what stands in ``before`` is run first and not measured."""
        for _ in range(rounds):
            for name, run in contestants.items():
                before.get(name, lambda: None)()
                took = _took(run)
                known = self.best.get(name, took)
                self.best[name] = Took(min(took.wall, known.wall), min(took.cpu, known.cpu))

    def ratio(self, fast: str, slow: str) -> str:
        """How many times as fast ``fast`` is: by the clock, and in CPU-seconds."""
        a, b = self.best[fast], self.best[slow]
        return f"{b.wall / a.wall:.2f} ({b.cpu / a.cpu:.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table for each model that is installed."""
    parser = argparse.ArgumentParser(prog="python -m bench.embedding")
    parser.add_argument("--texts", type=int, default=1_024)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args([] if arguments is None else arguments)
    logs.configure("bench", level="error", form="text")
    texts = [text for text, _language in itertools.islice(made_texts(), options.texts)]
    able = ", ".join(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    print(f"{len(texts)} posts, {THREADS} threads; OpenVINO on this processor: {able}.\n")
    print("| model | measure | ratio (of CPU-seconds) | goal |\n| --- | --- | --- | --- |")
    bare: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, postgres_server(disk_folder) as server, server.fresh() as url:
        database = Database(Settings(postgres_url=url), name="bench", size=4)
        database.open()
        database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', '')"))
        for model in (MULTILINGUAL, ENGLISH):
            try:
                bare[model.name] = _measure(model, texts, Path(folder), database, options.rounds)
            except EmbedderUnavailable as error:
                print(f"| {model.name} | {error} | | |")
        database.close()
    if len(bare) == 2:
        ratio = bare["multilingual"] / bare["english"]
        print(f"| both | English model's speed against the multilingual one's, bare, in CPU-seconds | {ratio:.2f} | |")


def _measure(model: Model, texts: list[str], cache_dir: Path, database: Database, rounds: int) -> float:
    """Prints the model's rows; its CPU-seconds without anything around it."""
    opened = model.open()
    session = OpenVinoSession(model, opened.weights, cache_dir, threads=THREADS, compact=False)
    local = LocalEmbedder(model, opened.tokenizer, session)
    settings = Settings(embedding_model=model.name, embedding_threads=THREADS, embedding_runtimes="openvino")  # type: ignore[arg-type]
    chain = load_embedder(settings, cache_dir)
    peer = load_fastembed(model, opened, cache_dir, threads=THREADS)
    rows = [local.tokens(text, "passage") for text in texts]
    inputs = [padded([rows[place] for place in batch], opened.tokenizer.pad) for batch in batches(list(map(len, rows)))]
    kept = sum(map(len, rows)) / sum(ids.size for ids, _mask in inputs)
    prefixed = [model.prefixes["passage"] + text for text in texts]
    shared: list[int] = []
    speeds = Speeds()
    speeds.measure(
        {
            "bare": lambda: [session.run(ids, mask) for ids, mask in inputs],
            "embed": lambda: local.embed(texts, "passage"),
            "pipeline": lambda: _pipeline(database, chain, len(texts)),
            "copies": lambda: shared.append(_pipeline(database, chain, len(texts))),
            "peer": lambda: list(peer.embed(prefixed)),
        },
        rounds,
        {"pipeline": lambda: _fill(database, texts), "copies": lambda: _fill(database, _with_copies(texts))},
    )
    fidelity = _fidelity(model, texts, cache_dir, local)
    wait = _live_tail(database, chain, texts)
    per_second = len(texts) / speeds.best["bare"].wall
    tokens = sum(map(len, rows)) / len(rows)
    for measure, ratio, goal in (
        (f"bare model: {per_second:.0f} texts/s of {tokens:.0f} tokens, {session.precision}", "1", ""),
        ("tokens of a batch that are no padding", f"{kept:.3f}", ""),
        ("embed() against the bare model", speeds.ratio("embed", "bare"), "0.9"),
        ("pipeline (PostgreSQL, pgvector) against the bare model", speeds.ratio("pipeline", "bare"), "0.9"),
        ("pipeline against fastembed's default loop", speeds.ratio("pipeline", "peer"), "3"),
        (
            f"the same where {shared[-1]} of {len(texts)} posts are copies with other capitals and a link",
            speeds.ratio("copies", "peer"),
            "",
        ),
        *fidelity,
        ("a new post's wait behind a backlog, in its longest batches", f"{wait:.2f}", "2"),
    ):
        print(f"| {model.name} | {measure} | {ratio} | {goal} |", flush=True)
    return speeds.best["bare"].cpu


def _took(run: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


class _Watched(StorePending):
    """Says when nothing is pending any more, and when posts are done."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.empty = threading.Event()
        self.batches: list[tuple[float, list[UUID]]] = []

    def take(self, limit: int) -> list[PendingPost]:
        taken = super().take(limit)
        if not taken:
            self.empty.set()
        return taken

    def done(self, posts: Sequence[PendingPost], models: Sequence[str]) -> None:
        super().done(posts, models)
        self.batches.append((time.perf_counter(), [post.id for post in posts]))


def _stage(database: Database, chain: Embedder) -> tuple[EmbedStage, _Watched, Lineup]:
    index, pending = PgvectorIndex(database), _Watched(database)
    lineup = Lineup(StoreModelRows(database), index, lambda _model: chain)
    batch = Settings().embedding_batch_posts
    return EmbedStage(lineup, index, pending, batch, lambda *_: None), pending, lineup


def _pipeline(database: Database, chain: Embedder, posts: int) -> int:
    """The vector of each of the ``posts`` that are pending, from the first batch taken until all are kept; how
    many texts were shared."""
    stage, pending, lineup = _stage(database, chain)
    stage.start()
    pending.empty.wait(900)
    stage.stop()
    [work] = lineup.working()
    assert PgvectorIndex(database).count(chain.model) == posts
    return work.sharing.shared


def _fill(database: Database, texts: Iterable[str], *, empty: bool = True, name: str = "post") -> list[UUID]:
    texts = list(texts)
    ids = [post_id(f"{name}/{number}") for number in range(len(texts))]
    if empty:
        index = PgvectorIndex(database)
        for model in index.models():
            index.drop(model)
        database.execute(_EMPTY)
        database.execute(
            Command("INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', '') ON CONFLICT DO NOTHING")
        )
    database.execute(_ADD, {"ids": ids, "texts": texts})
    return ids


def _with_copies(texts: list[str]) -> list[str]:
    return [
        f"{texts[number - 1].upper()} https://t.example/{number}" if number % _COPIES == _COPIES - 1 else text
        for number, text in enumerate(texts)
    ]


def _live_tail(database: Database, chain: Embedder, texts: list[str]) -> float:
    """A new post's seconds until its vector, while a backlog is embedded, in those of one batch of it."""
    _fill(database, texts)
    stage, pending, _lineup = _stage(database, chain)
    stage.start()
    while len(pending.batches) < 2:
        time.sleep(0.005)
    time.sleep(0.3 * (pending.batches[1][0] - pending.batches[0][0]))  # into the batch that has begun
    came = time.perf_counter()
    [fresh] = _fill(database, ["a post that has just come in, and that nobody sent before"], empty=False, name="fresh")
    stage.wake()
    pending.empty.wait(600)
    stage.stop()
    times = [at for at, _ids in pending.batches]
    longest = max(np.diff(times))
    kept = next(at for at, ids in pending.batches if fresh in ids)
    assert kept < times[-1], "it waited for the whole backlog"
    return float((kept - came) / longest)


def _fidelity(model: Model, texts: list[str], cache_dir: Path, local: LocalEmbedder) -> list[tuple[str, str, str]]:
    """How near the vectors are to those of the same weights in float32 on onnxruntime."""
    opened = model.open()

    def of(session: Any) -> Vectors:
        return LocalEmbedder(model, opened.tokenizer, session).embed(texts, "passage")

    exact = of(OnnxSession(model, opened.weights, cache_dir, threads=THREADS, cuda=False))
    forms = {"what is used": local.embed(texts, "passage")}
    half = OnnxSession(model, opened.weights, cache_dir, threads=THREADS, cuda=False, half=True)
    forms["the half-precision form for CUDA, computed on the CPU"] = of(half)
    return [
        (
            f"{name} against float32: mean cosine; top-10 overlap",
            f"{float((vectors * exact).sum(axis=1).mean()):.5f}; {_overlap(vectors, exact):.3f}",
            "0.999",
        )
        for name, vectors in forms.items()
    ]


def _overlap(ours: Vectors, exact: Vectors) -> float:
    """Share of each text's ten nearest others that are the same."""
    nearest = []
    for vectors in (ours, exact):
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -1)
        nearest.append(np.argsort(-cosines, axis=1)[:, :10])
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*nearest, strict=True)]))


if __name__ == "__main__":
    import sys

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    main(sys.argv[1:])
