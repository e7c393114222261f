"""How much of the bare model's speed is left of ``embed()``: tokenizing, sorting, padding, checking.

Run with ``python -m bench.embedding``. Prints one JSON line; ``ratio`` is the figure to watch, since the
absolute ones belong to the machine. Both sides take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from shared.embedding.batching import Ids, batches, padded
from shared.embedding.local import LocalEmbedder, load_local
from shared.embedding.session import OpenVinoSession
from shared.embedding.weights import Weights, find_weights

_SENTENCES = (
    "The lights went out across the harbour district a few minutes ago and nobody knows why.",
    "Apagão no centro inteiro!",
    "停電した。マンション全体が真っ暗で、エレベーターも止まっている。",
    "So proud of my sister, she finished her first marathon today in the pouring rain.",
    "Wer hat noch Karten für das Konzert am Freitag? Ich suche zwei nebeneinander.",
    "lol",
    "Le marché de Noël ouvre demain, je vous y retrouve pour un vin chaud après le travail ?",
    "El tren de las siete otra vez con retraso.",
)
_TEXTS = 256
_ROUNDS = 3


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder))))


def measure(cache_dir: Path) -> dict[str, float]:
    """Texts a second of the bare model and of ``embed()``, best of a few rounds, and their ratio."""
    embedder = load_local(cache_dir, threads=1)
    session = OpenVinoSession(Weights(find_weights()), cache_dir, threads=1, compact=False)
    texts = [f"{_SENTENCES[number % len(_SENTENCES)]} {number}" for number in range(_TEXTS)]
    inputs = _tokenized(embedder, texts)
    bare = whole = float("inf")
    for _ in range(_ROUNDS):
        bare = min(bare, _seconds_bare(session, inputs))
        whole = min(whole, _seconds_whole(embedder, texts))
    return {
        "bare_texts_per_second": round(_TEXTS / bare, 1),
        "embed_texts_per_second": round(_TEXTS / whole, 1),
        "ratio": round(bare / whole, 3),
    }


def _tokenized(embedder: LocalEmbedder, texts: list[str]) -> list[tuple[Ids, Ids]]:
    rows = [embedder.tokens(text, "passage") for text in texts]
    return [padded([rows[index] for index in batch], 1) for batch in batches([len(row) for row in rows])]


def _seconds_bare(session: OpenVinoSession, inputs: list[tuple[Ids, Ids]]) -> float:
    began = time.perf_counter()
    for ids, mask in inputs:
        session.run(ids, mask)
    return time.perf_counter() - began


def _seconds_whole(embedder: LocalEmbedder, texts: list[str]) -> float:
    began = time.perf_counter()
    embedder.embed(texts, "passage")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
