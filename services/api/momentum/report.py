"""From findings to a tick: birth, announcement, end, and the figures that go out."""

from __future__ import annotations

import numpy as np

from services.api.momentum.config import MomentumConfig
from services.api.momentum.evidence import HOUR
from services.api.momentum.explain import label_of, onset, representatives, why_of
from services.api.momentum.gate import diverse
from services.api.momentum.judge import Finding
from services.api.momentum.model import MINUTE_US, Detection, Tick, TopicMinute, TopicState
from services.api.momentum.ring import Ring
from services.api.momentum.sketch import Ints
from services.api.momentum.topics import Registry, Topic, is_news, refresh_terms, update_status
from services.api.momentum.view import View

#: Stretches that the evidence is told for, minutes, and posts one needs.
_TOLD = (10, 30)
_ENOUGH = 20
_LANGUAGES_SHOWN = 5
_LANGUAGE_SHARE = 0.1


class Reporter:
    """Collects one tick. ``age`` is the baseline's minutes of data."""

    def __init__(self, config: MomentumConfig, ring: Ring, registry: Registry, minute: int, age: int) -> None:
        self.config, self.ring, self.registry, self.minute = config, ring, registry, minute
        self.age, self.young = age, age < config.warmup_minutes
        self.threshold = config.alert_score * (config.provisional_factor if self.young else 1.0)
        self.end_us = (minute + 1) * MINUTE_US
        self.states: list[TopicState] = []
        self.ended: list[str] = []
        self.detections: list[Detection] = []
        self.assignments: list[tuple[str, str, int]] = []
        self.minutes: list[TopicMinute] = []
        blocks = ring.live()
        self.totals: dict[int, int] = {}
        for block in blocks:
            self.totals[block.minute] = self.totals.get(block.minute, 0) + block.total
        # What one kept post stands for where minutes were sampled.
        kept = sum(len(block.posts) for block in blocks)
        self.weight = sum(block.seen for block in blocks) / kept if kept else 1.0

    def apply(self, view: View, findings: list[Finding], steady: bool) -> None:
        campaigns = self._campaigns(view, findings)
        for finding in findings:
            if finding.topic is not None:
                topic = self.registry.live[finding.topic]
                # A topic whose words another one took over has become part of that one.
                swallowed = not finding.words
                refresh_terms(self.config, topic, finding.words)
                over = update_status(self.config, topic, self.minute, finding.evidence, finding.score, steady)
                if swallowed or over:
                    self.registry.end(self.minute, topic.id)
                    self.ended.append(topic.id)
                else:
                    self._report(view, finding, topic, born=False)
            elif self._strong(finding) and not self._within(view, finding, campaigns) and self._diverse(view, finding):
                self._open(view, finding)

    def _strong(self, finding: Finding) -> bool:
        return finding.topic is None and finding.score >= self.threshold and not finding.explained

    def _campaigns(self, view: View, findings: list[Finding]) -> Ints:
        """Authors of what is loud enough but no crowd, now or within the hour: a splinter of a campaign, or its
        tail, is no crowd either."""
        loud = [f for f in findings if self._strong(f) and f.evidence.authors >= self.config.min_authors]
        refused = [f.evidence for f in loud if not self._diverse(view, f)]
        for evidence in refused:
            if evidence.posts >= self.config.campaign_posts:
                self.registry.suspect(self.minute, np.unique(view.authors[evidence.rows]).tolist())
        suspects = np.fromiter(self.registry.suspects, dtype=np.int64, count=len(self.registry.suspects))
        return np.unique(np.concatenate([suspects, *(view.authors[e.rows] for e in refused)]))

    def _within(self, view: View, finding: Finding, campaigns: Ints) -> bool:
        authors = np.unique(view.authors[finding.evidence.rows])
        return 2 * int(np.isin(authors, campaigns).sum()) >= max(len(authors), 1)

    def tick(self, seen: int) -> Tick:
        return Tick(
            minute_us=self.minute * MINUTE_US,
            posts=seen,
            topics=sorted(self.states, key=lambda state: (-state.score, state.id)),
            ended=self.ended,
            detections=self.detections,
            assignments=self.assignments,
            minutes=self.minutes,
        )

    def _open(self, view: View, finding: Finding) -> None:
        topic = self.registry.open(self.minute, self.end_us, finding.words, self.young)
        if topic is None:
            return
        if not topic.announced_posts:
            usual = finding.usual * self.totals[self.minute]
            first = self.minute - HOUR + 1 + onset(finding.evidence.per_minute, usual)
            topic.began_us = first * MINUTE_US
        refresh_terms(self.config, topic, finding.words)
        topic.best_ten, topic.best_minute = max(finding.evidence.last(10), 1), self.minute
        self._report(view, finding, topic, born=True)

    def _report(self, view: View, finding: Finding, topic: Topic, born: bool) -> None:
        evidence, config = finding.evidence, self.config
        topic.provisional = topic.provisional and self.young
        state = self._state(view, finding, topic)
        self.states.append(state)
        news = finding.score >= self.threshold and is_news(config, topic, self.minute, evidence.posts, self.age)
        if news and (born or self._diverse(view, finding)):
            topic.announced(self.minute, evidence.posts, self.young)
            self.detections.append(self._detection(state))
        rows = evidence.rows if born else evidence.rows[view.fresh[evidence.rows]]
        self.assignments += [(topic.id, view.post(row), int(view.times[row])) for row in rows.tolist()]
        first = self.minute - HOUR + 1 if born else self.minute
        for minute in range(first, self.minute + 1):
            if minute in self.totals:
                self.minutes.append(self._minute(view, finding, topic.id, minute))

    def _diverse(self, view: View, finding: Finding) -> bool:
        return diverse(self.config, self.ring, view, finding.evidence)

    def _minute(self, view: View, finding: Finding, topic: str, minute: int) -> TopicMinute:
        rows = finding.evidence.rows[view.minutes[finding.evidence.rows] == minute]
        return TopicMinute(
            topic,
            minute * MINUTE_US,
            round(len(rows) * self.weight),
            round(len(np.unique(view.authors[rows])) * self.weight),
            round(finding.usual * self.totals[minute] * self.weight, 3),
        )

    def _state(self, view: View, finding: Finding, topic: Topic) -> TopicState:
        evidence, terms = finding.evidence, topic.leading()
        posts, authors = round(evidence.posts * self.weight), round(evidence.authors * self.weight)
        usual = self._usual(finding, HOUR)
        ratio = posts / max(usual, 1.0)
        age = max((self.end_us - topic.began_us) // MINUTE_US, 1)
        chosen = representatives(view, evidence.rows, evidence.central, self.config.near_text_bits)
        return TopicState(
            id=topic.id,
            label=label_of(terms),
            terms=tuple(terms),
            status=topic.status,
            score=round(finding.score, 3),
            posts_hour=posts,
            authors_hour=authors,
            usual_hour=round(usual, 2),
            ratio=round(ratio, 2),
            provisional=topic.provisional,
            began_us=topic.began_us,
            detected_us=topic.detected_us,
            languages=self._languages(view, finding),
            why=self._why(view, finding, age),
            peak_us=(topic.best_minute + 1) * MINUTE_US,
            peak_posts=round(topic.best_ten * self.weight),
            decay=round(1.0 - min(evidence.last(10) / max(topic.best_ten, 1), 1.0), 3),
            representatives=tuple(view.post(row) for row in chosen),
        )

    def _usual(self, finding: Finding, minutes: int) -> float:
        """Posts expected of the topic in the last ``minutes``."""
        held = sum(total for minute, total in self.totals.items() if minute > self.minute - minutes)
        return finding.usual * held * self.weight

    def _why(self, view: View, finding: Finding, age: int) -> str:
        """The sentence for the shortest stretch that holds enough posts to speak for itself."""
        evidence = finding.evidence
        window = next((w for w in _TOLD if evidence.last(w) >= _ENOUGH), HOUR)
        rows = evidence.rows[view.minutes[evidence.rows] > self.minute - window]
        authors = len(np.unique(view.authors[rows]))
        return why_of(
            round(len(rows) * self.weight), round(authors * self.weight), self._usual(finding, window), window, age
        )

    def _languages(self, view: View, finding: Finding) -> tuple[str, ...]:
        counts = np.bincount(view.languages[finding.evidence.rows], minlength=1)
        names = [(int(n), self.ring.languages[i]) for i, n in enumerate(counts) if n and i]
        least = _LANGUAGE_SHARE * finding.evidence.posts
        ranked = sorted(names, key=lambda entry: (-entry[0], entry[1]))
        return tuple(name for n, name in ranked if n >= least)[:_LANGUAGES_SHOWN]

    def _detection(self, state: TopicState) -> Detection:
        return Detection(
            time_us=self.end_us,
            topic=state.label,
            topic_id=state.id,
            terms=state.terms,
            score=state.score,
            provisional=self.young,
        )
