"""What must be in the record after a torture run, event by event, and what is there instead."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from services.solo.simulator.stream import Stream
from shared.contracts.ids import post_id
from shared.schemas.base import Schema
from shared.store.database import Database, Statement

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
MINUTE_US = 60_000_000
#: Causes of a gap that the server made by forgetting: it says so of a number, and not of a time.
SHUT = ("clamped", "cursor_too_old")


class PostRow(Schema, frozen=True, kw_only=True):
    id: UUID
    deleted: bool
    text: str
    likes: int
    reposts: int


class ReactionRow(Schema, frozen=True, kw_only=True):
    id: UUID
    subject: UUID | None
    kind: int
    deleted: bool


class MinuteRow(Schema, frozen=True, kw_only=True):
    minute_us: int
    posts: int
    likes: int
    reposts: int
    deletes: int


class GapRow(Schema, frozen=True, kw_only=True):
    start_us: int
    end_us: int
    cause: str


_POSTS = Statement("SELECT id, deleted_at IS NOT NULL AS deleted, text, likes, reposts FROM every_post", PostRow)
_REACTIONS = Statement("SELECT id, subject, kind, deleted FROM reaction", ReactionRow)
_MINUTES = Statement(
    """SELECT (extract(epoch FROM minute) * 1000000)::bigint AS minute_us, posts, likes, reposts, deletes
         FROM feed_minute WHERE feed = 'simulator'""",
    MinuteRow,
)
GAPS = Statement(
    """SELECT (extract(epoch FROM start_time) * 1000000)::bigint AS start_us,
              (extract(epoch FROM end_time) * 1000000)::bigint AS end_us, cause FROM feed_gap
        WHERE feed = 'simulator' ORDER BY start_time""",
    GapRow,
)


class Wanted(msgspec.Struct, frozen=True):
    """One event the relay asked for. ``what`` is post, unpost, like, unlike, repost, gone or other."""

    time_us: int
    what: str
    id: UUID | None = None
    subject: UUID | None = None
    text: str = ""
    author: str = ""


def served(stream: Stream, start_us: int, end_us: int) -> Iterator[Wanted]:
    """Everything in [start_us, end_us) that passes the relay's filter, in order."""
    names = {POST: "post", LIKE: "like", REPOST: "repost"}
    for event in stream.between(start_us, end_us):
        if event.collection and event.collection not in names:
            continue
        frame: dict[str, Any] = json.loads(event.frame)
        commit: dict[str, Any] = frame.get("commit") or {}
        if not commit:
            gone = frame.get("account", {}).get("status") in ("deleted", "takendown")
            yield Wanted(event.time_us, "gone" if gone else "other", author=event.did)
            continue
        name = names[event.collection]
        id = post_id(f"at://{event.did}/{event.collection}/{commit['rkey']}")
        if commit["operation"] == "delete":
            yield Wanted(event.time_us, f"un{name}", id)
        elif name == "post":
            yield Wanted(event.time_us, name, id, text=commit["record"]["text"], author=event.did)
        else:
            yield Wanted(event.time_us, name, id, post_id(commit["record"]["subject"]["uri"]))


class Floor(msgspec.Struct, frozen=True):
    """The simulator forgot everything before ``floor_us`` while the relay stood at ``position_us``."""

    position_us: int
    floor_us: int


class Verdict(msgspec.Struct):
    """``wrong`` counts each kind of difference; all zero when the record is the truth. ``examples`` say which."""

    served: int
    stored_posts: int
    unreadable: int
    gaps: list[GapRow]
    wrong: dict[str, int]
    examples: dict[str, list[str]]

    @property
    def right(self) -> bool:
        return not any(self.wrong.values())


class _Judge:
    def __init__(self) -> None:
        self.wrong: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = defaultdict(list)

    def expect(self, right: bool, what: str, which: object = "") -> None:
        self.wrong[what] += not right
        if not right and len(self.examples[what]) < 5:
            self.examples[what].append(str(which))


def judge(database: Database, stream: Stream, position_us: int, floors: list[Floor], swept_us: int) -> Verdict:
    """Compare the record with the stream up to the committed cursor. The relay must not be writing meanwhile.

    The posts of accounts that ended before ``swept_us`` must be gone by now.
    """
    events = list(served(stream, stream.anchor_us, position_us + 1))
    times = [event.time_us for event in events]
    gaps = database.fetch(GAPS)
    judge = _Judge()
    _judge_gaps(judge, gaps, times, floors)
    shut = [gap for gap in gaps if gap.cause in SHUT]
    # Strictly between the neighbours of a gap nothing can be had; what could not be verified may be there or not.
    gone = _within(events, shut, 1)
    unsure = _within(events, [gap for gap in gaps if gap.cause == "unverified"], 0) - gone
    posts = {row.id: row for row in database.fetch(_POSTS)}
    reactions = {row.id: row for row in database.fetch(_REACTIONS)}
    _judge_rows(judge, events, gone, unsure, posts, reactions)
    _judge_departures(judge, events[: bisect_left(times, swept_us)], gone | unsure, posts)
    _judge_counters(judge, posts, reactions)
    whole = [gap for gap in gaps if gap.cause in (*SHUT, "unverified")]
    _judge_minutes(judge, events, whole, posts, reactions, database.fetch(_MINUTES), position_us)
    return Verdict(len(events), len(posts), len(gone), gaps, dict(judge.wrong), dict(judge.examples))


def _within(events: list[Wanted], gaps: list[GapRow], margin: int) -> set[int]:
    """Places of the events in [start + margin, end) of any gap."""
    times = [event.time_us for event in events]
    found: set[int] = set()
    for gap in gaps:
        found.update(range(bisect_left(times, gap.start_us + margin), bisect_left(times, gap.end_us)))
    return found


def _judge_gaps(judge: _Judge, gaps: list[GapRow], times: list[int], floors: list[Floor]) -> None:
    """Each stretch that was forgotten before it was read is one gap, from neighbour to neighbour, and no other is."""
    expected = set()
    for floor in floors:
        after = bisect_left(times, floor.floor_us)
        if after < len(times) and floor.position_us < times[after] and _between(times, floor.position_us, times[after]):
            expected.add((floor.position_us, times[after]))
    clamped = {(gap.start_us, gap.end_us) for gap in gaps if gap.cause in SHUT}
    for bounds in expected - clamped:
        judge.expect(False, "gap that is not a row", bounds)
    ends = {times[at] for floor in floors if (at := bisect_left(times, floor.floor_us)) < len(times)}
    known = set(times)
    for start, end in clamped - expected:
        # A live tail leaves a gap too; it stays if it is forgotten before it can be read again.
        judge.expect(any(end <= floor for floor in ends), "gap row where nothing was forgotten", (start, end))
        judge.expect({start, end} <= known, "gap that does not go from neighbour to neighbour", (start, end))
    for gap in gaps:
        if gap.cause == "unverified":
            starts_before = any(gap.start_us < floor.floor_us for floor in floors)
            near = any(gap.end_us <= end for end in ends)
            judge.expect(starts_before and near, "unverified stretch the server still had", (gap.start_us, gap.end_us))
        elif gap.cause not in SHUT:
            judge.expect(False, f"gap with the cause {gap.cause}", (gap.start_us, gap.end_us))


def _between(times: list[int], start_us: int, end_us: int) -> bool:
    """Whether anything was served strictly between two moments."""
    return bisect_left(times, end_us) > bisect_right(times, start_us)


def _judge_rows(
    judge: _Judge,
    events: list[Wanted],
    gone: set[int],
    unsure: set[int],
    posts: dict[UUID, PostRow],
    reactions: dict[UUID, ReactionRow],
) -> None:
    may: dict[str, set[UUID]] = defaultdict(set)
    must: dict[str, set[UUID]] = defaultdict(set)
    departed = {event.author for place, event in enumerate(events) if event.what == "gone" and place not in gone}
    left = {event.id for event in events if event.what == "post" and event.author in departed}
    texts: dict[UUID, str] = {}
    subjects: dict[UUID, UUID | None] = {}
    for place, event in enumerate(events):
        if event.id is None or place in gone:
            continue
        may[event.what].add(event.id)
        if place not in unsure:
            must[event.what].add(event.id)
        if event.what == "post":
            texts[event.id] = event.text
        elif event.what in ("like", "repost"):
            subjects[event.id] = event.subject
    for id in (must["post"] | must["unpost"]) - posts.keys():
        judge.expect(False, "post missing", id)
    for id in posts.keys() - may["post"] - may["unpost"]:
        judge.expect(False, "post invented", id)
    for id in must["unpost"]:
        judge.expect(id not in posts or posts[id].deleted, "post not deleted", id)
    for id, post in posts.items():
        judge.expect(not post.deleted or id in may["unpost"] or id in left, "post wrongly deleted", id)
        judge.expect(post.text == ("" if post.deleted else texts.get(id)), "text wrong", id)
    for id in (must["like"] | must["repost"] | must["unlike"]) - reactions.keys():
        judge.expect(False, "reaction missing", id)
    for id, reaction in reactions.items():
        judge.expect(id in subjects or id in may["unlike"], "reaction invented", id)
        judge.expect(not reaction.deleted or id in may["unlike"], "reaction wrongly undone", id)
        judge.expect(reaction.deleted or id not in must["unlike"], "reaction not undone", id)
        judge.expect(reaction.deleted or reaction.subject == subjects.get(id), "reaction about something else", id)


def _judge_departures(judge: _Judge, events: list[Wanted], unsure: set[int], posts: dict[UUID, PostRow]) -> None:
    """Nothing is left of what was posted before an account's end that must have been read."""
    ends = {
        event.author: event.time_us
        for place, event in enumerate(events)
        if event.what == "gone" and place not in unsure
    }
    for event in events:
        if event.what == "post" and event.time_us <= ends.get(event.author, 0) and event.id in posts:
            judge.expect(posts[event.id].deleted, "post of a departed author still there", event.id)


def _judge_counters(judge: _Judge, posts: dict[UUID, PostRow], reactions: dict[UUID, ReactionRow]) -> None:
    """A post's counters are the reactions that stand."""
    standing = Counter((row.subject, row.kind) for row in reactions.values() if not row.deleted)
    for id, post in posts.items():
        if not post.deleted:
            right = (standing[id, 1], standing[id, 2])
            judge.expect((post.likes, post.reposts) == right, "reactions counted wrong", id)


def _judge_minutes(
    judge: _Judge,
    events: list[Wanted],
    gaps: list[GapRow],
    posts: dict[UUID, PostRow],
    reactions: dict[UUID, ReactionRow],
    rows: list[MinuteRow],
    position_us: int,
) -> None:
    """Counts by event time, outside gaps. What was deleted may have been deleted before it came, and then not count."""
    stored = {row.minute_us: row for row in rows}
    most: dict[str, Counter[int]] = defaultdict(Counter)
    least: dict[str, Counter[int]] = defaultdict(Counter)
    for event in events:
        minute = event.time_us // MINUTE_US * MINUTE_US
        most[event.what][minute] += 1
        undone = (event.what == "post" and event.id in posts and posts[event.id].deleted) or (
            event.what == "like" and event.id in reactions and reactions[event.id].deleted
        )
        least[event.what][minute] += not undone
    for minute in range(events[0].time_us // MINUTE_US * MINUTE_US, position_us // MINUTE_US * MINUTE_US, MINUTE_US):
        if any(gap.start_us < minute + MINUTE_US and gap.end_us > minute for gap in gaps):
            continue
        row = stored.get(minute) or MinuteRow(minute_us=minute, posts=0, likes=0, reposts=0, deletes=0)
        for what, number in (
            ("post", row.posts),
            ("like", row.likes),
            ("repost", row.reposts),
            ("unpost", row.deletes),
        ):
            fits = least[what][minute] <= number <= most[what][minute]
            judge.expect(fits, f"minute of {what}s counted wrong", (minute, number, most[what][minute]))
