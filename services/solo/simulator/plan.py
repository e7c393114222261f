"""What happens in each second, before any text: kinds, moments, accounts, themes.

A plan is a handful of small arrays that depend only on seed, rate, anchor and the second, so that
likes, replies and deletes can point at any earlier second by planning it again.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.solo.simulator.chance import key, lane, permutation, uniform, uniforms
from services.solo.simulator.leavers import SHARE, Leavers
from services.solo.simulator.population import Population
from services.solo.simulator.rhythm import daily
from services.solo.simulator.spam import SpamSchedule
from services.solo.simulator.stories import Schedule


class Kind(IntEnum):
    """Kinds of events, in the order of ``SHARES``."""

    POST = 0
    LIKE = 1
    REPOST = 2
    POST_DELETE = 3
    LIKE_DELETE = 4
    IDENTITY = 5
    ACCOUNT = 6
    FOLLOW = 7
    PROFILE = 8


SHARES = (0.30, 0.48, 0.12, 0.02, 0.02, 0.02, 0.01, 0.025, 0.005)
SECOND_US = 1_000_000

ORDINARY = -1
SPAM = -2  # and below: spam campaign number ``SPAM - theme``

_BLOCK = 300  # seconds; a delete refers to the block before its own, so to 1 to 599 s earlier
_PLANS_KEPT = 1_024
_OLDEST_TARGET = 900.0  # seconds
_FEWEST_LOOKBACKS, _MOST_LOOKBACKS = 8, 64
_REPLIES, _ANSWERS_TO_REPLIES = 0.22, 0.06


class Ref(NamedTuple):
    """One event by where it is: second since the anchor and place within the second."""

    second: int
    place: int


class Plan(NamedTuple):
    """Events of one second. ``offset_us`` is strictly increasing, below one second.

    ``theme`` is ORDINARY, a story's number or, from SPAM down, a campaign's (posts only); ``level`` is 0 for a post, 1
    for a reply to a post, 2 for a reply to a reply. ``posts`` (all levels), ``top`` (level 0),
    ``replies`` (level 1) and ``likes`` are indexes.
    """

    kind: NDArray[np.uint8]
    offset_us: NDArray[np.int32]
    account: NDArray[np.int32]
    theme: NDArray[np.int32]
    level: NDArray[np.uint8]
    posts: NDArray[np.int32]
    top: NDArray[np.int32]
    replies: NDArray[np.int32]
    likes: NDArray[np.int32]


class Planner:
    """Plans seconds; keeps the last 1,024 plans (about 20 MB at 2,000 events a second)."""

    def __init__(
        self,
        seed: int,
        rate: float,
        anchor_us: int,
        population: Population,
        schedule: Schedule,
        spam: SpamSchedule,
        leavers: Leavers,
    ) -> None:
        self._rate, self._anchor_us = rate, anchor_us
        self._population, self._schedule, self._spam, self._leavers = population, schedule, spam, leavers
        self._chance = lane(seed, "plan")
        # A slow stream has seconds without posts: look at more of them.
        self._lookbacks = min(_MOST_LOOKBACKS, max(_FEWEST_LOOKBACKS, round(25 / rate)))
        self._bounds = np.cumsum(SHARES)
        self._bounds[-1] = 1.0
        self.plan = lru_cache(_PLANS_KEPT)(self._make)
        self._shuffle = lru_cache(512)(self._make_shuffle)

    def lookbacks(self, second: int) -> list[int]:
        """Earlier seconds that this second's likes, reposts and replies refer to, recent ones more."""
        chances = uniforms(key(self._chance, second, 10), self._lookbacks)
        ages = (_OLDEST_TARGET**chances).astype(np.int64)
        return [second - int(age) for age in ages if age <= second]

    def deleted(self, kind: Kind, second: int, nth: int) -> Ref | None:
        """What the ``nth`` delete of ``kind`` in ``second`` removes; never the same thing twice.

        Source seconds are a permutation of the block before, one for each ``nth``, and each ``nth``
        takes another event of its source, which makes the pairing one to one.
        """
        block, place = divmod(second, _BLOCK)
        if block == 0:
            return None
        source = (block - 1) * _BLOCK + self._shuffle(kind, block, nth)[place]
        plan = self.plan(source)
        pool = plan.posts if kind is Kind.POST_DELETE else plan.likes
        if nth >= len(pool):
            return None
        return Ref(source, int(pool[(nth + key(self._chance, kind, source)) % len(pool)]))

    def _make_shuffle(self, kind: Kind, block: int, nth: int) -> list[int]:
        return permutation(key(self._chance, kind, block, nth), _BLOCK)

    def _count(self, second: int) -> int:
        expected = self._rate * daily(self._anchor_us + second * SECOND_US)
        unrest = (2 * uniform(self._chance, second, 0) - 1) * expected**0.5 if expected >= 4 else 0.0
        return int(expected + unrest + uniform(self._chance, second, 1))

    def _make(self, second: int) -> Plan:
        count = self._count(second)

        def chances(use: int) -> NDArray[np.float64]:
            return uniforms(key(self._chance, second, use), count)

        kind = np.searchsorted(self._bounds, chances(2), side="right").astype(np.uint8)
        step = SECOND_US // max(1, count)
        offset = (np.arange(count) * step + (chances(3) * step).astype(np.int64)).astype(np.int32)
        account = self._population.draw(chances(4))
        is_post = kind == Kind.POST
        theme = self._themes(second, is_post, account)
        depth = np.digitize(chances(5), (1 - _REPLIES - _ANSWERS_TO_REPLIES, 1 - _ANSWERS_TO_REPLIES))
        level = np.where(is_post & (theme == ORDINARY), depth, 0).astype(np.uint8)
        return Plan(
            kind=kind,
            offset_us=offset,
            account=account,
            theme=theme,
            level=level,
            posts=_indexes(is_post),
            top=_indexes(is_post & (level == 0)),
            replies=_indexes(level == 1),
            likes=_indexes(kind == Kind.LIKE),
        )

    def _themes(self, second: int, is_post: NDArray[np.bool_], account: NDArray[np.int32]) -> NDArray[np.int32]:
        """Deal posts to stories, spam and newcomers; their accounts in ``account`` are replaced in place."""
        count = len(account)
        time_us = self._anchor_us + second * SECOND_US
        theme = np.full(count, ORDINARY, dtype=np.int32)
        deal = uniforms(key(self._chance, second, 6), count)
        who = uniforms(key(self._chance, second, 7), count)
        dealt = 0.0
        for story in self._schedule.current(time_us):
            mine = is_post & (deal >= dealt) & (deal < dealt + story.share)
            dealt += story.share
            theme[mine] = story.number
            account[mine] = self._population.draw_evenly(who[mine], list(self._schedule.story(story.number).texts))
        if campaign := self._spam.current(time_us):
            mine = is_post & (deal >= dealt) & (deal < dealt + campaign.share)
            theme[mine] = SPAM - campaign.number
            senders = [self._population.spam_account(number) for number in campaign.accounts]
            account[mine] = np.array(senders, dtype=np.int32)[(who[mine] * len(senders)).astype(np.int64)]
        account[is_post & (theme == ORDINARY) & (deal >= 1 - SHARE)] = self._leavers.writer(second)
        return theme


def _indexes(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.flatnonzero(mask).astype(np.int32)
