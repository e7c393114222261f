"""How well the grouping of the last hour finds the simulator's planted stories, and what a refresh costs.

python -m bench.clusters [--vectors FILE.npy] [--rate 8] [--minutes 95] [--seed 1]

``--vectors`` keeps the vectors, which take most of the time. A story of which the window holds ten posts or more
is found in the cluster that holds most of its posts: recall is that part of its posts, precision its part of the
cluster. The Rand index (Hubert & Arabie 1985, adjusted for chance) is over the posts of stories alone, those that
belong to no cluster counting as one cluster each. Peers on the same posts: one mean for all languages, and
spherical k-means without scattered posts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from services.api.clusters import grouping
from services.api.clusters.config import ClusterConfig
from services.api.clusters.engine import Engine
from services.api.clusters.geometry import Means, Weights, unit, weights_of
from services.api.clusters.model import MINUTE_US, Item, Picture
from services.solo.simulator import corpus
from services.solo.simulator.records import POST
from services.solo.simulator.stream import Stream
from shared.contracts.ids import author_hash, post_id
from shared.embedding.local import load_local
from shared.features.post import Said, features_of_each
from shared.schemas.vector import Vectors

ANCHOR_US = 1_790_000_000_000_000
WINDOW = 60
LEAST_POSTS = 10
_CENTRES = 40


class Hour(NamedTuple):
    """The simulated posts, in order. ``stories`` is empty for what belongs to none, ``spam`` is the flood."""

    items: list[Item]
    vectors: Vectors
    stories: list[str]
    spam: list[bool]

    def until(self, minute: float) -> Hour:
        """The window that ends ``minute`` after the anchor."""
        end = ANCHOR_US + int(minute * MINUTE_US)
        rows = [row for row, item in enumerate(self.items) if end - WINDOW * MINUTE_US < item.time_us <= end]
        return Hour(
            [self.items[row] for row in rows],
            self.vectors[rows],
            [self.stories[row] for row in rows],
            [self.spam[row] for row in rows],
        )


class Quality(NamedTuple):
    """Means over stories, and the index over their posts. ``across``: recall of a story's less spoken languages."""

    stories: int
    found: int
    recall: float
    precision: float
    rand: float
    across: float

    def row(self, name: str, clusters: int, scattered: float, seconds: float) -> str:
        f1 = 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-9)
        return (
            f"| {name} | {self.found}/{self.stories} | {self.recall:.2f} | {self.precision:.2f} | {f1:.2f} "
            f"| {self.rand:.2f} | {self.across:.2f} | {clusters} | {scattered:.0%} | {seconds:.2f} |"
        )


HEAD = (
    "| method | stories found | recall | precision | F1 | adjusted Rand | recall in other languages | clusters "
    "| scattered | CPU s a refresh |\n" + "| --- " * 10 + "|"
)


class OneMean(Means):
    """The peer that knows no languages."""

    def centre(self, vectors: Vectors, languages: Sequence[str], weights: Weights) -> Vectors:
        return super().centre(vectors, [""] * len(languages), weights)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.clusters")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--minutes", type=int, default=95)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    hour = made(options.seed, options.rate, options.minutes, options.vectors)
    print(HEAD)
    minutes = range(65, options.minutes, 5)
    for name, one_mean in (("ours", False), ("ours, one mean for all languages", True)):
        engine, qualities, spent = Engine(), [], 0.0
        if one_mean:
            engine._means = OneMean()
        for minute in minutes:
            window = hour.until(minute)
            began = time.process_time()
            picture = engine.refresh(window.items, window.vectors, ANCHOR_US + minute * MINUTE_US)
            spent += time.process_time() - began
            labels = labels_of(window, picture)
            qualities.append(quality(window, labels))
        scattered = picture.scattered / max(1, picture.compared)
        print(mean(qualities).row(name, len(picture.conversations), scattered, spent / len(minutes)))
        if not one_mean:
            told = picture
            told_hour = window
    window = hour.until(minutes[-1])
    began = time.process_time()
    labels = k_means(window)
    seconds = time.process_time() - began
    print(quality(window, labels).row(f"spherical k-means, {_CENTRES} centres, one window", _CENTRES, 0.0, seconds))
    print(f"\n{len(told_hour.items):,} posts in the last window. What it is called, largest first:\n")
    for line in names(told_hour, told):
        print(line)


def made(seed: int, rate: float, minutes: int, kept: Path | None) -> Hour:
    """The posts of ``minutes`` of the simulator's stream, with the shipped model's vectors."""
    stream = Stream(seed, rate, ANCHOR_US, corpus.load(None))
    posts = list(_posts(stream, minutes * 60))
    truth = {post.uri: post for post in stream.ledger.posts(ANCHOR_US, ANCHOR_US + minutes * MINUTE_US)}
    features = [
        feature
        for start in range(0, len(posts), 500)
        for feature in features_of_each([Said(post[3]) for post in posts[start : start + 500]])
    ]
    items = [
        Item(post_id(uri), at, author_hash(author), print_, language.partition("-")[0].lower(), tuple(terms))
        for (uri, author, at, _, language), (terms, print_) in zip(posts, features, strict=True)
    ]
    vectors = _vectors([post[3] for post in posts], kept)
    return Hour(items, vectors, [truth[p[0]].story or "" for p in posts], [truth[p[0]].spam for p in posts])


def _posts(stream: Stream, seconds: int) -> Iterator[tuple[str, str, int, str, str]]:
    for second in range(seconds):
        for event in stream.events(second):
            if event.collection != POST:
                continue
            commit = msgspec.json.decode(event.frame)["commit"]
            if commit["operation"] == "create":
                record = commit["record"]
                uri = f"at://{event.did}/{POST}/{commit['rkey']}"
                yield uri, event.did, event.time_us, record["text"], (record.get("langs") or [""])[0]


def _vectors(texts: list[str], kept: Path | None) -> Vectors:
    if kept is not None and kept.exists():
        found: Vectors = np.load(kept).astype(np.float32)
        assert len(found) == len(texts), "these vectors are of another stream"
        return found
    with tempfile.TemporaryDirectory() as folder:
        found = load_local(Path(folder), threads=2).embed(texts, "passage")
    if kept is not None:
        np.save(kept, found.astype(np.float16))
    return found


def labels_of(window: Hour, picture: Picture) -> list[int]:
    """The cluster of each post, -1 for none."""
    of = {post: number for number, one in enumerate(picture.conversations) for post in one.members}
    return [of.get(item.post, -1) for item in window.items]


def k_means(window: Hour) -> list[int]:
    """Spherical k-means with as many centres as ours has at most, begun at random posts."""
    authors = np.array([item.author for item in window.items])
    prints = np.array([item.fingerprint for item in window.items])
    weights = weights_of(authors, prints)
    points = Means().centre(window.vectors, [item.language for item in window.items], weights)
    centres = points[np.random.default_rng(1).choice(len(points), _CENTRES, replace=False)]
    posts = grouping.Posts(points, weights, authors, prints)
    config = msgspec.structs.replace(ClusterConfig(), belongs=-1.0)
    return [int(label) for label in grouping.refine(posts, unit(centres), config, 20).labels]


def quality(window: Hour, labels: Sequence[int]) -> Quality:
    """How ``labels`` tell the stories apart."""
    sizes = Counter(labels)
    recalls, precisions, across = [], [], []
    counts = Counter(story for story in window.stories if story)
    for story in (story for story, count in counts.items() if count >= LEAST_POSTS):
        rows = [row for row, other in enumerate(window.stories) if other == story]
        best = Counter(labels[row] for row in rows if labels[row] >= 0).most_common(1)
        recalls.append(best[0][1] / len(rows) if best else 0.0)
        precisions.append(best[0][1] / sizes[best[0][0]] if best else 0.0)
        main = Counter(window.items[row].language for row in rows).most_common(1)[0][0]
        others = [row for row in rows if window.items[row].language != main]
        if others:
            across.append(sum(bool(best) and labels[row] == best[0][0] for row in others) / len(others))
    told = [row for row, story in enumerate(window.stories) if counts[story] >= LEAST_POSTS and story]
    apart = [labels[row] if labels[row] >= 0 else -1 - place for place, row in enumerate(told)]
    found = sum(recall >= 0.5 and precision >= 0.5 for recall, precision in zip(recalls, precisions, strict=True))
    return Quality(
        len(recalls),
        found,
        float(np.mean(recalls)),
        float(np.mean(precisions)),
        adjusted_rand([window.stories[row] for row in told], apart),
        float(np.mean(across)) if across else 1.0,
    )


def mean(qualities: Sequence[Quality]) -> Quality:
    """Counts added up, the rest averaged."""
    stories, found = sum(q.stories for q in qualities), sum(q.found for q in qualities)
    return Quality(stories, found, *(float(np.mean([q[part] for q in qualities])) for part in range(2, 6)))


def adjusted_rand(first: Sequence[object], second: Sequence[object]) -> float:
    """Agreement of two groupings: 1 for the same, about 0 by chance."""

    def pairs(counts: Counter[object]) -> float:
        return sum(count * (count - 1) / 2 for count in counts.values())

    both = pairs(Counter(zip(first, second, strict=True)))
    one, other = pairs(Counter(first)), pairs(Counter(second))
    every = len(first) * (len(first) - 1) / 2
    chance = one * other / every if every else 0.0
    most = (one + other) / 2
    return (both - chance) / (most - chance) if most != chance else 1.0


def names(window: Hour, picture: Picture) -> Iterator[str]:
    """One line a cluster: its name, size and what it is mostly about in truth."""
    row_of = {item.post: row for row, item in enumerate(window.items)}
    for one in picture.conversations:
        rows = [row_of[post] for post in one.members]
        truth = Counter("spam" if window.spam[row] else window.stories[row] or "everyday" for row in rows)
        about, count = truth.most_common(1)[0]
        tongues = ", ".join(f"{language} {part:.0%}" for language, part in one.languages[:3])
        yield f"- {one.label}: {one.posts} posts by {one.people} ({tongues}); {count / one.posts:.0%} {about}"


if __name__ == "__main__":
    main()
