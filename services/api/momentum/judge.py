"""One closed minute judged: from counts to topics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from services.api.momentum.baseline import Baseline
from services.api.momentum.cluster import LEADERS, Affinity, Group, cluster
from services.api.momentum.coherence import Coherence
from services.api.momentum.config import MomentumConfig
from services.api.momentum.daily import Daily
from services.api.momentum.evidence import Evidence, match
from services.api.momentum.ring import Ring
from services.api.momentum.score import damped_ratio, deviation_of, score_terms
from services.api.momentum.sketch import Floats, Ints, distinct
from services.api.momentum.topics import Registry, topic_score
from services.api.momentum.view import View, view_of
from shared.features.terms import is_marker


@dataclass(frozen=True, slots=True)
class Finding:
    """One story in the ring at this minute, continuing ``topic`` or new (None).

    ``words`` maps its terms to their deviations, heaviest first; ``usual`` is the share of posts
    expected of it; ``explained`` says that most of its posts are about a daily thing in its hour.
    """

    topic: str | None
    words: dict[str, float]
    score: float
    usual: float
    evidence: Evidence
    explained: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """The terms looked at in this tick: vocabulary numbers, names and scores by column. Terms of live topics
    come first, then candidates."""

    numbers: Ints
    names: list[str]
    deviations: Floats
    usual: Floats
    expected: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class _Parents:
    """Numbers of the daily things in their hour, and how far each is expected above its daily average."""

    numbers: Ints
    lifts: Floats


def judge(
    config: MomentumConfig, ring: Ring, baseline: Baseline, registry: Registry, minute: int
) -> tuple[View, list[Finding]]:
    """Findings for every live topic (first, in their order) and for each new story whose words pass
    ``alert_score``."""
    owned = _owned(ring, registry)
    columns, candidates, parents = _score(config, ring, baseline, minute, owned)
    place = {name: column for column, name in enumerate(columns.names)}
    live = [
        Group(topic.id, [place[term] for term in topic.leading() if term in place]) for topic in registry.live.values()
    ]
    view = view_of(ring, columns.numbers)
    candidates = _share_out(config, ring, view, columns, candidates)
    markers = {column for column, name in enumerate(columns.names) if is_marker(name)}
    affinity = Affinity(config, view, len(columns.names))
    groups = cluster(affinity, live, candidates, markers)
    supported = (ring.counts[-1, columns.numbers] >= config.support_posts).tolist()
    # A live topic keeps its order of words; a new one is led by its strongest.
    led = [[c for c in group.columns if supported[c]] or group.columns for group in groups]
    united = _united(config, columns, view, affinity, led, ring.totals(minute)[-1])
    coherence = Coherence(config, ring, baseline, view, minute)
    deviation, usual = columns.deviations.tolist(), columns.usual.tolist()
    findings, kept = [], []
    for group, heaviest, together in zip(groups, led, united, strict=True):
        deviations = [deviation[c] for c in heaviest]
        best = max([*deviations[:2], together])
        # What is new and too weak even if coherent need not be looked into: most groups are.
        if group.topic is None and best < config.alert_score:
            continue
        coherent = (
            best >= config.candidate_score
            and coherence.of(heaviest[0], columns.names[heaviest[0]]) >= config.coherent_share
        )
        score = topic_score(config, deviations, together, coherent)
        if group.topic is not None or score >= config.alert_score:
            kept.append(group)
            findings.append((group, score, min([usual[c] for c in heaviest[:2]], default=0.0)))
    evidence = match(view, kept, markers, minute)
    # Only what is new can be a part of a daily thing.
    explained = [False] * len(kept)
    if any(group.topic is None for group in kept):
        daily = Daily.among(view_of(ring, parents.numbers), parents.lifts, baseline.spoken)
        explained = [daily.explains(config, view, found) for found in evidence]
    return view, [
        Finding(group.topic, {columns.names[c]: deviation[c] for c in group.columns}, score, least, found, part)
        for (group, score, least), found, part in zip(findings, evidence, explained, strict=True)
    ]


def _united(
    config: MomentumConfig, columns: _Columns, view: View, affinity: Affinity, led: list[list[int]], total: int
) -> list[float]:
    """Deviation of the people who used any of each group's leaders, against the sum of what was expected."""
    first = [heaviest[:LEADERS] for heaviest in led]
    leaders = np.fromiter(chain.from_iterable(first), dtype=np.int64)
    places = np.repeat(np.arange(len(led)), [len(columns) for columns in first])
    owner = np.full(len(columns.names), -1, dtype=np.int64)
    owner[leaders] = places
    owned = owner[view.columns]
    at = np.flatnonzero((owned >= 0) & view.counted)
    people = distinct(owned[at] * (int(affinity.people.max(initial=0)) + 1) + affinity.people[at])
    seen = np.bincount(people // (int(affinity.people.max(initial=0)) + 1), minlength=len(led))
    expected = np.bincount(places, weights=columns.expected[leaders], minlength=len(led)).astype(np.float64)
    variance = np.bincount(places, weights=columns.variance[leaders], minlength=len(led)).astype(np.float64)
    deviations: list[float] = deviation_of(config, seen, expected, variance, total).tolist()
    return deviations


def _owned(ring: Ring, registry: Registry) -> list[int]:
    """Numbers of the live topics' terms that are in the ring, each once."""
    terms = dict.fromkeys(term for topic in registry.live.values() for term in topic.terms)
    return [number for number in ring.vocabulary.find(list(terms)).tolist() if number >= 0]


def _worth_scoring(config: MomentumConfig, ring: Ring, baseline: Baseline, minute: int) -> Ints:
    """Numbers of terms that may be candidates or parents, by their average alone.

    All words of the shortest window, not only this minute's: a story's words seldom come in one minute,
    and a part of them would be judged as if it were the whole. What is expected is never less than the
    average, so that no candidate is lost.
    """
    active = np.flatnonzero((ring.counts[-1] >= config.support_posts) & (ring.counts[0] > 0))
    share = baseline.average_share(minute, ring.vocabulary.hashes[active])
    totals, counts = ring.totals(minute), ring.counts.take(active, axis=1)
    worth = (counts[-1] >= config.parent_posts) & (counts[-1] >= 0.6 * config.parent_ratio * share * totals[-1])
    for seen, total in zip(counts, totals, strict=True):
        worth |= damped_ratio(seen, share * total, config.overdispersion) >= config.candidate_score
    return np.asarray(active[worth], dtype=np.int64)


def _score(
    config: MomentumConfig, ring: Ring, baseline: Baseline, minute: int, owned: list[int]
) -> tuple[_Columns, list[int], _Parents]:
    """Score the topics' terms and those of the last ten minutes. Returns the columns of candidates too, best
    first, and the parents."""
    active = _worth_scoring(config, ring, baseline, minute)
    active = active[~np.isin(active, np.array(owned, dtype=np.int64))]
    numbers = np.concatenate([np.array(owned, dtype=np.int64), active])
    scores = score_terms(
        config,
        baseline,
        minute,
        ring.vocabulary.hashes[numbers],
        ring.counts.take(numbers, axis=1),
        ring.totals(minute),
    )
    names = ring.vocabulary.names
    new = np.arange(len(numbers)) >= len(owned)
    passed = new & (scores.surprise >= config.candidate_score)
    # Twice as many as are wanted: languages share them out once their posts are known.
    places = np.flatnonzero(passed)
    named = names.of(numbers[places])
    ranked = sorted(zip((-scores.deviation[places]).tolist(), named, places.tolist(), strict=True))
    best = [at for _, _, at in ranked[: 2 * config.candidates]]
    daily = (scores.usual >= config.parent_ratio * scores.average) & (scores.expected >= config.parent_posts)
    parents = np.flatnonzero(new & ~passed & daily)
    kept = list(range(len(owned))) + best
    columns = _Columns(
        numbers=numbers[kept],
        names=names.of(numbers[kept]),
        deviations=scores.deviation[kept],
        usual=scores.usual[kept],
        expected=scores.expected[kept],
        variance=scores.variance[kept],
    )
    lifts = scores.usual[parents] / np.maximum(scores.average[parents], 1e-12)
    return columns, list(range(len(owned), len(kept))), _Parents(numbers[parents], lifts)


def _share_out(config: MomentumConfig, ring: Ring, view: View, columns: _Columns, candidates: list[int]) -> list[int]:
    """At most ``candidates`` words, no language more than half of them while others wait."""
    if len(candidates) <= config.candidates:
        return candidates
    languages = len(ring.languages)
    keys = view.columns * languages + view.languages[view.rows]
    counts = np.bincount(keys, minlength=len(columns.names) * languages).reshape(-1, languages)
    spoken = counts.argmax(axis=1)
    taken = dict.fromkeys(range(languages), 0)
    chosen, waiting = [], []
    for column in candidates:
        language = int(spoken[column])
        if taken[language] < config.candidates // 2:
            taken[language] += 1
            chosen.append(column)
        else:
            waiting.append(column)
    return sorted((chosen + waiting)[: config.candidates])
