"""Who says what to whom: resolves each place in the plan to addresses, targets and text."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Literal, NamedTuple

import numpy as np

from services.solo.simulator.chance import key, lane
from services.solo.simulator.corpus import Corpus
from services.solo.simulator.identifiers import cid, tid, uri
from services.solo.simulator.leavers import Leavers, Notice
from services.solo.simulator.plan import ORDINARY, SECOND_US, SPAM, Kind, Plan, Planner, Ref
from services.solo.simulator.population import Population
from services.solo.simulator.records import LIKE, POST, Record
from services.solo.simulator.spam import SpamSchedule
from services.solo.simulator.stories import Schedule
from services.solo.simulator.writer import Writer

#: A record is written this long before the feed shows it.
RECORD_DELAY_US = 350_000

_COPIES = 0.04
_WORDLESS = 0.007

Pool = Literal["posts", "top", "replies"]


class Written(NamedTuple):
    """A post's words; ``quote`` is the post it copies; ``rng`` goes on to dress the record."""

    text: str
    language: str
    quote: Ref | None
    rng: Random


class Conversation:
    """Everything about one event that follows from its place; depends on seed, rate, anchor, corpus."""

    def __init__(self, seed: int, rate: float, anchor_us: int, corpus: Corpus) -> None:
        self.anchor_us = anchor_us
        self.population = Population(seed, list(corpus.tongues))
        self.schedule = Schedule(seed, anchor_us, corpus.stories, self.population.languages)
        self.spam = SpamSchedule(seed, anchor_us)
        self._leavers = Leavers(seed, self.population.newcomers)
        self.planner = Planner(seed, rate, anchor_us, self.population, self.schedule, self.spam, self._leavers)
        self._writer = Writer(seed, corpus)
        self._aim = lane(seed, "aim")
        self._words = lane(seed, "words")
        self._lookbacks = lru_cache(16)(self.planner.lookbacks)

    def plan(self, second: int) -> Plan:
        """The plan of a second, counted from the anchor, hence never negative."""
        return self.planner.plan(second)

    def time_us(self, ref: Ref) -> int:
        """Event time in microseconds."""
        return self.anchor_us + ref.second * SECOND_US + int(self.plan(ref.second).offset_us[ref.place])

    def account(self, ref: Ref) -> int:
        """The account behind an event."""
        return int(self.plan(ref.second).account[ref.place])

    def rkey(self, ref: Ref) -> str:
        """Record key: a TID of when the record was written."""
        return tid(self.time_us(ref) - RECORD_DELAY_US, self.account(ref))

    def uri(self, ref: Ref, collection: str) -> str:
        """Address of the record an event created."""
        return uri(self.population.did(self.account(ref)), collection, self.rkey(ref))

    def subject(self, ref: Ref) -> Record:
        """Strong reference to a post."""
        address = self.uri(ref, POST)
        return {"uri": address, "cid": cid(address)}

    def reacted_to(self, ref: Ref) -> Ref | None:
        """The earlier post that a like or repost is about; ``None`` while there is none."""
        return self._earlier(ref, "posts")

    def removed(self, ref: Ref) -> Ref | None:
        """What a delete removes; ``None`` while nothing is old enough, and when its author may be gone."""
        kinds = self.plan(ref.second).kind
        kind = Kind(int(kinds[ref.place]))
        nth = int(np.count_nonzero(kinds[: ref.place] == kind))
        target = self.planner.deleted(kind, ref.second, nth)
        if target is not None and kind is Kind.LIKE_DELETE and self.reacted_to(target) is None:
            return None  # in the first moments of the stream a like may have found no post
        return None if target is not None and self.account(target) in self._leavers else target

    def notice(self, ref: Ref) -> Notice:
        """What an account notice says, and of whom."""
        return self._leavers.notice(ref.second, ref.place, self.account(ref))

    def removed_uri(self, ref: Ref) -> str | None:
        """Address of what a delete removes."""
        target = self.removed(ref)
        kind = self.plan(ref.second).kind[ref.place]
        return None if target is None else self.uri(target, POST if kind == Kind.POST_DELETE else LIKE)

    def reply_to(self, ref: Ref) -> tuple[Ref, Ref] | None:
        """(root, parent) of a reply; ``None`` for other posts and while there is nothing to reply to."""
        level = int(self.plan(ref.second).level[ref.place])
        if level == 0:
            return None
        parent = self._earlier(ref, "top" if level == 1 else "replies")
        if parent is None:
            return None
        above = self.reply_to(parent)
        return (above[0] if above else parent, parent)

    def write(self, ref: Ref) -> Written:
        """The words of a post."""
        plan = self.plan(ref.second)
        account, theme = int(plan.account[ref.place]), int(plan.theme[ref.place])
        language = self.population.language(account)
        rng = self._rng(ref)
        time_us = self.anchor_us + ref.second * SECOND_US
        if theme <= SPAM:
            campaign = self.spam.campaign(SPAM - theme)
            # A campaign keeps to one language, whatever its accounts are.
            language = self.population.language(self.population.spam_account(campaign.accounts[0]))
            return Written(self._writer.spam(rng, language, campaign), language, None, rng)
        if theme >= 0:
            phase = self.schedule.phase(self.schedule.planted(theme), time_us)
            text = self._writer.story(rng, language, self.schedule.story(theme), phase)
            return Written(text, language, None, rng)
        if plan.level[ref.place]:
            return Written(self._writer.reply(rng, language, time_us), language, None, rng)
        return self._everyday(ref, rng, language)

    def _everyday(self, ref: Ref, rng: Random, language: str) -> Written:
        chance = rng.random()
        if chance < _WORDLESS:
            return Written("", language, None, rng)
        source = self._earlier(ref, "top") if chance > 1 - _COPIES else None
        if source is None or self.plan(source.second).theme[source.place] != ORDINARY:
            text = self._writer.everyday(rng, language, self.anchor_us + ref.second * SECOND_US)
            return Written(text, language, None, rng)
        language = self.population.language(self.account(source))
        original = self._rng(source)
        original.random()  # the source's own choice between copying and writing
        text = self._writer.everyday(original, language, self.anchor_us + source.second * SECOND_US)
        quote = source if rng.random() < 0.5 else None
        return Written(self._writer.altered(rng, text), language, quote, rng)

    def _rng(self, ref: Ref) -> Random:
        return Random(key(self._words, ref.second, ref.place))

    def _earlier(self, ref: Ref, pool: Pool) -> Ref | None:
        chance = key(self._aim, ref.second, ref.place)
        seconds = self._lookbacks(ref.second)
        for turn in range(len(seconds)):
            second = seconds[(chance + turn) % len(seconds)]
            candidates = getattr(self.plan(second), pool)
            if len(candidates):
                return Ref(second, int(candidates[(chance >> 8) % len(candidates)]))
        return None
