"""Topics over time: birth, identity, growth, decay and end.

A topic lives as long as its words do: at each tick its own words are looked up first, new words join
it, and only what joins nothing may become a new topic. A topic that ended and returns is the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from services.api.momentum.config import MomentumConfig
from services.api.momentum.evidence import Evidence
from shared.schemas.topic import TopicStatus

#: A word's weight in its topic falls to half in about two hours unless it stays strong.
_FADE = 0.994
#: A topic followed for less than this has no ten minutes to compare with.
_EMERGING_MINUTES = 10


class Topic(msgspec.Struct):
    """What is remembered of a topic between ticks. ``terms`` maps each word to its weight, ``best_ten`` is
    the most posts that ten minutes held, those that end with ``best_minute``.
    ``announced_*`` hold the last announcement; ``confirmed`` that one was not provisional."""

    id: str
    terms: dict[str, float]
    detected_us: int
    began_us: int
    provisional: bool
    status: TopicStatus = "emerging"
    best_ten: int = 0
    best_minute: int = 0
    born_minute: int = 0
    weak_minutes: int = 0
    announced_posts: int = 0
    announced_minute: int = 0
    confirmed: bool = False
    ended_minute: int = 0

    def leading(self) -> list[str]:
        """Words, heaviest first."""
        return sorted(self.terms, key=lambda term: (-self.terms[term], term))

    def announced(self, minute: int, posts: int, young: bool) -> None:
        """Remember that the topic was announced now."""
        self.announced_posts, self.announced_minute = posts, minute
        self.confirmed = self.confirmed or not young


class Registry:
    """Live topics by id in order of birth, those that ended recently, and the people of refused campaigns
    (``suspects``: author to the minute of the last refusal)."""

    def __init__(self, config: MomentumConfig) -> None:
        self.config = config
        self.live: dict[str, Topic] = {}
        self.remembered: dict[str, Topic] = {}
        self.suspects: dict[int, int] = {}
        self.refused = 0

    def open(self, minute: int, time_us: int, terms: dict[str, float], young: bool) -> Topic | None:
        """A new topic, or a remembered one come back; None when there are too many."""
        if len(self.live) >= self.config.live_topics:
            self.refused += 1
            return None
        topic = self._returning(terms)
        if topic is None:
            name = f"{minute}|" + "|".join(sorted(terms))
            identity = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
            topic = Topic(identity, dict(terms), time_us, time_us, young)
        else:
            topic.weak_minutes = topic.best_ten = 0
        topic.status, topic.born_minute = "emerging", minute
        self.live[topic.id] = topic
        return topic

    def end(self, minute: int, identity: str) -> None:
        topic = self.live.pop(identity)
        topic.status, topic.ended_minute = "ended", minute
        self.remembered[identity] = topic
        while len(self.remembered) > self.config.remembered_topics:
            del self.remembered[next(iter(self.remembered))]

    def suspect(self, minute: int, authors: Sequence[int]) -> None:
        """Remember the people of a refused campaign, newest last."""
        for author in authors:
            self.suspects.pop(author, None)
            self.suspects[author] = minute
        while len(self.suspects) > self.config.suspects:
            del self.suspects[next(iter(self.suspects))]

    def forget(self, minute: int) -> None:
        """Drop what ended longer ago than a topic is remembered, and whoever no longer stands in the ring."""
        horizon = minute - self.config.windows[-1]
        while self.suspects and next(iter(self.suspects.values())) <= horizon:
            del self.suspects[next(iter(self.suspects))]
        oldest = minute - self.config.remember_minutes
        self.remembered = {k: t for k, t in self.remembered.items() if t.ended_minute > oldest}

    def _returning(self, terms: dict[str, float]) -> Topic | None:
        """The remembered topic that these words tell again: the first word of one is among the other's, and two
        words or half of them are the same. Two words that news are told in make no topic of two stories."""
        first = max(terms, key=lambda term: (terms[term], term))
        for identity in reversed(self.remembered):
            topic = self.remembered[identity]
            shared = len(terms.keys() & topic.terms.keys())
            led = first in topic.terms or topic.leading()[0] in terms
            if led and (shared >= 2 or 2 * shared >= max(len(terms), len(topic.terms))):
                del self.remembered[identity]
                return topic
        return None


def refresh_terms(config: MomentumConfig, topic: Topic, deviations: dict[str, float]) -> None:
    """Give the topic's words their present weight and keep the heaviest."""
    weights = {term: weight * _FADE for term, weight in topic.terms.items()}
    for term, deviation in deviations.items():
        weights[term] = max(weights.get(term, 0.0), deviation)
    kept = sorted(weights, key=lambda term: (-weights[term], term))[: config.topic_terms]
    topic.terms = {term: weights[term] for term in kept}


def update_status(
    config: MomentumConfig, topic: Topic, minute: int, evidence: Evidence, score: float, steady: bool
) -> bool:
    """Move the life cycle on by one minute; True when the topic has ended.

    ``steady`` says that the last twenty minutes are without gaps: otherwise a missing stretch would
    read as decline, so the status stays as it is.
    """
    if evidence.authors < config.min_authors:
        return True
    if not steady:
        return False
    now, before = evidence.last(10), evidence.last(10, before=10)
    if now > topic.best_ten:
        topic.best_ten, topic.best_minute = now, minute
    weak = now < config.end_share * topic.best_ten or score < config.alert_score / 3
    topic.weak_minutes = topic.weak_minutes + 1 if weak else 0
    # One standard deviation of the difference of two Poisson counts: less is not a movement.
    if minute < topic.born_minute + _EMERGING_MINUTES:
        topic.status = "emerging"
    elif now - before > (now + before) ** 0.5:
        topic.status = "rising"
    elif now < 0.5 * topic.best_ten:
        topic.status = "fading"
    elif topic.status not in ("emerging", "rising") or now <= before:
        topic.status = "peaking"
    return topic.weak_minutes >= config.end_minutes


def is_news(config: MomentumConfig, topic: Topic, minute: int, posts: int, age: int) -> bool:
    """Whether a topic above the alert threshold should be announced: the first time, when it has grown
    and is rising, and once more when what was provisional is confirmed. ``age`` is the baseline's: it
    knows this time of day only once a whole day lies behind its lag."""
    grown = topic.status in ("emerging", "rising") and posts >= config.regrowth * topic.announced_posts
    rested = minute - topic.announced_minute >= config.regrowth_minutes
    confirmed = not topic.confirmed and age >= config.warmup_minutes + config.lag_minutes
    return topic.announced_posts == 0 or confirmed or (grown and rested)


def topic_score(config: MomentumConfig, deviations: Sequence[float], united: float, coherent: bool) -> float:
    """The best deviation of the two leading words and of the leaders' people together (``united``); the
    words' alone and divided where the people do not say the same."""
    if not deviations:
        return 0.0
    best = max(deviations[:2])
    return max(best, united) if coherent else best / config.incoherent_divisor
