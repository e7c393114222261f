"""One closed minute judged: from counts to topics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.api.momentum.baseline import Baseline
from services.api.momentum.cluster import Affinity, Group, cluster
from services.api.momentum.config import MomentumConfig
from services.api.momentum.evidence import Evidence, match
from services.api.momentum.explain import whole_words
from services.api.momentum.ring import Ring
from services.api.momentum.score import score_terms
from services.api.momentum.sketch import Floats, Ints
from services.api.momentum.topics import Registry, topic_score
from services.api.momentum.view import View, view_of
from shared.features.terms import is_marker


@dataclass(frozen=True, slots=True)
class Finding:
    """One story in the ring at this minute, continuing ``topic`` or new (None).

    ``words`` maps its terms to their deviations, heaviest first; ``usual`` is the share of posts
    expected of it.
    """

    topic: str | None
    words: dict[str, float]
    score: float
    usual: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class _Columns:
    """The terms looked at in this tick: vocabulary numbers, names and scores by column."""

    numbers: list[int]
    names: list[str]
    deviations: Floats
    usual: Floats


def judge(
    config: MomentumConfig, ring: Ring, baseline: Baseline, registry: Registry, minute: int, touched: Ints
) -> tuple[View, list[Finding]]:
    """Findings for every live topic (first, in their order) and for each new story whose words pass
    ``alert_score``. ``touched`` are the numbers of the terms that came in with this minute."""
    owned = _owned(ring, registry)
    columns, candidates = _score(config, ring, baseline, minute, touched, owned)
    place = {name: column for column, name in enumerate(columns.names)}
    live = [
        Group(topic.id, [place[term] for term in topic.leading() if term in place]) for topic in registry.live.values()
    ]
    view = view_of(ring, columns.numbers)
    candidates = _share_out(config, ring, view, columns, candidates)
    markers = {column for column, name in enumerate(columns.names) if is_marker(name)}
    groups = cluster(Affinity(config, view, len(columns.names)), live, candidates, markers)
    supported = ring.counts[-1, columns.numbers] >= config.support_posts
    findings, kept = [], []
    for group in groups:
        # A live topic keeps its order of words; a new one is led by its strongest.
        heaviest = [c for c in group.columns if supported[c]] or group.columns
        score = topic_score(
            config,
            whole_words([columns.names[c] for c in heaviest]),
            [float(columns.deviations[c]) for c in heaviest],
        )
        if group.topic is not None or score >= config.alert_score:
            kept.append(group)
            findings.append((group, score, float(min(columns.usual[heaviest[:2]], default=0.0))))
    return view, [
        Finding(
            group.topic,
            {columns.names[c]: float(columns.deviations[c]) for c in group.columns},
            score,
            usual,
            evidence,
        )
        for (group, score, usual), evidence in zip(findings, match(view, kept, markers, minute), strict=True)
    ]


def _owned(ring: Ring, registry: Registry) -> list[int]:
    """Numbers of the live topics' terms that are in the ring, each once."""
    ids = ring.vocabulary.ids
    terms = dict.fromkeys(term for topic in registry.live.values() for term in topic.terms)
    return [ids[term] for term in terms if term in ids]


def _score(
    config: MomentumConfig, ring: Ring, baseline: Baseline, minute: int, touched: Ints, owned: list[int]
) -> tuple[_Columns, list[int]]:
    """Score the topics' terms and those of this minute; candidates are columns, best first."""
    active = touched[ring.counts[-1, touched] >= config.support_posts]
    active = active[~np.isin(active, np.array(owned, dtype=np.int64))]
    numbers = np.concatenate([np.array(owned, dtype=np.int64), active])
    scores = score_terms(
        config,
        baseline,
        minute,
        ring.vocabulary.hashes[numbers],
        ring.counts[:, numbers],
        ring.totals(minute),
    )
    names = ring.vocabulary.names
    # Twice as many as are wanted: languages share them out once their posts are known.
    passed = np.flatnonzero(scores.surprise[len(owned) :] >= config.candidate_score) + len(owned)
    best = sorted(passed.tolist(), key=lambda at: (-scores.deviation[at], names[numbers[at]]))
    best = best[: 2 * config.candidates]
    kept = list(range(len(owned))) + best
    columns = _Columns(
        numbers=[int(numbers[at]) for at in kept],
        names=[names[numbers[at]] for at in kept],
        deviations=scores.deviation[kept],
        usual=scores.usual[kept],
    )
    return columns, list(range(len(owned), len(kept)))


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
