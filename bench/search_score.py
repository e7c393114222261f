"""``make search-score``: how good the order of search results is, by words, by meaning, and by both.

Graded answers (0 to 3) over posts of the simulator's corpus: ``search_queries.json`` says for each query which
stories, everyday topics and texts are about it, and was written by hand before anything was ranked. nDCG@10
(Jarvelin and Kekalainen, 2002) with gain 2**grade - 1. Queries with even places are for development; the others
are held out: no figure of the search was chosen by them.

    python -m bench.search_score [--each] [--least 0.8]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.search_corpus import Made, make, vectors_of
from services.api.operations.queries import SearchInput
from services.api.operations.search import search
from services.api.operations.search_coverage import Coverage
from services.api.operations.search_cursor import Arm
from services.api.operations.search_meaning import Eye
from shared.config.settings import Settings
from shared.embedding.chain import load_embedder
from shared.embedding.embedder import Embedder
from shared.embedding.null import NullEmbedder
from shared.store.database import AsyncDatabase, Command, CopyIn, Database
from shared.vectors.index import Entry, VectorIndex
from shared.vectors.pgvector import PgvectorIndex
from tests.support.engines import postgres_server
from tests.support.folders import disk_folder

DEPTH = 10
WAYS: dict[str, frozenset[Arm]] = {
    "words only": frozenset({"words"}),
    "meaning only": frozenset({"meaning"}),
    "hybrid": frozenset({"meaning", "words"}),
}
_COLUMNS = (
    "id",
    "feed",
    "uri",
    "author",
    "author_hash",
    "event_time",
    "text",
    "languages",
    "tags",
    "links",
    "fingerprint",
)
_TYPES = ("uuid", "text", "text", "text", "int8", "timestamptz", "text", "text[]", "text[]", "text[]", "int8")


class Asked(msgspec.Struct, frozen=True):
    """One query of the set. ``grades`` are [story or topic, pattern within the text it was written from, grade].

    A topic ends in ``:*``, ``*`` is any. ``text`` must be in the post (in lower case) for the highest grade, and
    ``without`` must not be in it for any.
    """

    q: str
    kind: str
    grades: list[tuple[str, str, int]]
    text: str = ""
    without: str = ""

    def grade(self, post: Made) -> int:
        lowered = post.text.lower()
        if self.without and self.without in lowered:
            return 0
        best = 0
        for about, pattern, grade in self.grades:
            if grade > best and any(_is(about, source) and re.search(pattern, text) for source, text in post.sources):
                best = grade
        return min(best, 2) if self.text and self.text not in lowered and best == 3 else best


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(prog="python -m bench.search_score")
    parser.add_argument("--each", action="store_true", help="print every query's scores")
    options = parser.parse_args()
    asked = msgspec.json.decode((Path(__file__).parent / "search_queries.json").read_bytes(), type=list[Asked])
    posts = make()
    with tempfile.TemporaryDirectory() as folder:
        embedder = load_embedder(Settings(), Path(folder))
    if not embedder.available:
        raise SystemExit(f"There is no embedding model: {embedder.reason}")
    vectors = vectors_of(posts, embedder)
    print(f"{len(posts):,} posts, {len({post.fingerprint for post in posts}):,} of them unlike; {len(asked)} queries")
    print(f"model {embedder.model}\n")
    with postgres_server(disk_folder) as server, server.fresh() as url:
        database = Database(Settings(postgres_url=url), name="bench", size=2)
        database.open()
        index = PgvectorIndex(database)
        fill(database, index, embedder.model, posts, vectors)
        scores = asyncio.run(score_all(url, index, embedder, asked, posts))
        database.close()
    report(asked, scores, each=options.each)


def fill(database: Database, index: VectorIndex, model: str, posts: Sequence[Made], vectors: Any) -> None:
    """Store posts and vectors."""
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', '')"))
    rows = [
        (p.id, "bench", p.uri, p.author, p.author_hash, p.time, p.text, [p.language], p.tags, p.links, p.fingerprint)
        for p in posts
    ]
    with database.transaction() as transaction:
        transaction.copy_in(CopyIn("post", _COLUMNS, _TYPES), rows)
    database.execute(Command("ANALYZE post"))
    index.ensure(model)
    index.upsert(model, [Entry(p.id, "bench", p.time, (p.language,)) for p in posts], vectors)


async def score_all(
    url: str, index: VectorIndex, embedder: Embedder, asked: Sequence[Asked], posts: Sequence[Made]
) -> dict[str, list[float]]:
    """nDCG@10 of every query by every way of looking."""
    database = AsyncDatabase(Settings(postgres_url=url), name="bench", size=4)
    await database.open()
    scores: dict[str, list[float]] = defaultdict(list)
    sight, without, coverage = Eye(index, embedder), Eye(index, NullEmbedder("left out")), Coverage(index, embedder)
    made = {str(post.id): post for post in posts}
    try:
        for one in asked:
            grades = {post.id: one.grade(post) for post in posts}
            best: dict[int, int] = {}
            for post in posts:
                best[post.fingerprint] = max(best.get(post.fingerprint, 0), grades[post.id])
            ideal = _gain(sorted(best.values(), reverse=True)[:DEPTH])
            for way, arms in WAYS.items():
                eye = without if way == "words only" else sight
                found = await search(database, eye, SearchInput(q=one.q, limit=DEPTH), coverage, arms)
                seen: set[int] = set()
                gains = []
                for hit in found.hits:
                    post = made[hit.post.id]
                    gains.append(0 if post.fingerprint in seen else grades[post.id])
                    seen.add(post.fingerprint)
                scores[way].append(_gain(gains) / ideal if ideal else math.nan)
    finally:
        await database.close()
    return scores


def report(asked: Sequence[Asked], scores: dict[str, list[float]], *, each: bool) -> None:
    """Print means over both halves and by kind, and whether both arms together beat each."""
    if unanswered := [one.q for one, score in zip(asked, scores["hybrid"], strict=True) if math.isnan(score)]:
        raise SystemExit(f"No post answers {unanswered}")
    if each:
        for place, one in enumerate(asked):
            print(
                f"{'held out' if place % 2 else 'dev':9}" + "".join(f"{scores[w][place]:7.3f}" for w in WAYS),
                one.kind,
                one.q,
            )
        print()
    print(f"{'nDCG@10':22}" + "".join(f"{way:>14}" for way in WAYS))
    table = np.array([scores[way] for way in WAYS])
    halves = {"development": range(0, len(asked), 2), "held out": range(1, len(asked), 2)}
    kinds = {
        kind: [p for p, one in enumerate(asked) if one.kind == kind] for kind in dict.fromkeys(a.kind for a in asked)
    }
    for name, places in {**halves, "all": range(len(asked)), **kinds}.items():
        chosen = table[:, list(places)]
        print(f"{f'{name} ({len(places)})':22}" + "".join(f"{mean:14.3f}" for mean in chosen.mean(axis=1)))
    words, meaning, both = (table[i, list(halves["held out"])].mean() for i in range(3))
    print(f"\nHeld out: hybrid is {both - words:+.3f} to words alone and {both - meaning:+.3f} to meaning alone.")


def _gain(grades: Sequence[int]) -> float:
    return float(sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades)))


def _is(about: str, source: str) -> bool:
    return about in ("*", source) or (about.endswith(":*") and source.startswith(about[:-1]))


if __name__ == "__main__":
    main()
