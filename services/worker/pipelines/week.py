"""The code stage ``week``: seven days against the seven before, day by day and topic by topic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.worker.pipelines import counting
from services.worker.pipelines.contracts import Figure
from services.worker.pipelines.counting import DAY, Counts, Stretch
from services.worker.pipelines.day import METHOD, label, state, topic_facts
from services.worker.pipelines.dossier import dossier, findings_of, quoted
from services.worker.pipelines.plain_text import clean
from services.worker.pipelines.ranking import choose
from services.worker.pipelines.typed import Dossier, Part, Post, Said
from services.worker.pipelines.wording import count, length, listing, times
from shared.schemas.base import Schema
from shared.store import digests
from shared.store.database import Database, Transaction
from shared.store.digests import TopicRow

WEEK = 7 * DAY
MOST_TOPICS, MOST_DETAILED, MOST_QUOTES, MOST_CANDIDATES = 12, 4, 2, 200
#: Three hours each: 56 in a week.
MINUTES = 180


def week(database: Database, value: Schema) -> Dossier:
    """Seven days up to where the feeds had come when it was asked. Raises StoreUnavailable."""
    findings = findings_of(value)
    asked_at = findings.question.asked_at
    with database.transaction() as transaction:
        end = counting.reached(transaction, asked_at)
        now = counting.stretch_to(end, WEEK, MINUTES)
        gaps, gaps_before = counting.gaps_of(transaction, now), counting.gaps_of(transaction, now.before)
        counts = counting.counts_of(transaction, now, gaps)
        before = counting.counts_of(transaction, now.before, gaps_before)
        topics = transaction.fetch(digests.TOPICS, {**now.bounds, "limit": MOST_TOPICS})
        past = transaction.fetch(digests.TOPICS, {**now.before.bounds, "limit": MOST_TOPICS})
        [found] = transaction.fetch(digests.TOPIC_COUNTS, now.bounds)
        [found_before] = transaction.fetch(digests.TOPIC_COUNTS, now.before.bounds)
        told = [(topic, *_topic(transaction, topic, now)) for topic in topics[:MOST_DETAILED]]
        chart = counting.chart_of(transaction, now, counts, before.buckets, gaps, dashed="the seven days before")
    return dossier(
        findings,
        subject=f"{now.start.day} {now.start:%B} to {now.end.day} {now.end:%B %Y}",
        start=now.start,
        end=now.end,
        figures=_figures(counts, before, found, found_before),
        chart=chart,
        summary=_summary(counts, before, topics, found, found_before, (now, counting.unread(gaps_before, now.before))),
        parts=[
            Part(heading="Day by day", said=_days(now, counts, before.buckets)),
            Part(heading="Topics of the week", said=_topics(topics, past)),
            *(Part(heading=label(topic), said=said) for topic, said, _ in told),
            Part(heading="Feeds", said=_feeds(counts, before)),
        ],
        standing=[counting.missing(gaps, now, asked_at, end), METHOD],
        posts=[post for _, _, posts in told for post in posts],
    )


def _summary(
    counts: Counts,
    before: Counts,
    topics: Sequence[TopicRow],
    found: digests.TopicCounts,
    found_before: digests.TopicCounts,
    read: tuple[Stretch, str],
) -> list[Said]:
    within, unread = read
    against = counting.change(counts.posts, before.posts)
    compared = (
        f", {against} of the seven days before{unread}"
        if against
        else "; there are no seven days before to compare with"
    )
    said = [Said(text=f"{count(counts.posts, 'post')} were read {counting.how_long(within, counts.began)}{compared}.")]
    if topics:
        names = listing([f"“{label(topic)}”" for topic in topics[:3]])
        rest = f" ({found_before.topics:,} the week before)" if before.posts else ""
        said.append(Said(text=f"{count(found.topics, 'topic')} had momentum{rest}; the largest: {names}."))
    else:
        said.append(Said(text="No topic gained momentum."))
    return said


def _days(within: Stretch, counts: Counts, before: Sequence[int | None]) -> list[Said]:
    """Each day's posts, and that day a week ago; a day with a gap counts what was read."""
    a_day, width = 24 * 60 // within.minutes, timedelta(minutes=within.minutes)
    said = []
    for number in range(7):
        day = slice(number * a_day, (number + 1) * a_day)
        start = within.start + number * DAY
        if start + DAY <= counts.began:
            continue  # before there was a record
        part, past = counts.buckets[day], before[day]
        known = [value for value in part if value is not None]
        if not known:
            said.append(Said(text=f"{start:%A} {start.day} {start:%B}: nothing was read."))
            continue
        start = max(start, counts.began)
        read = sum(
            (
                at + width - max(at, counts.began)
                for at, value in zip(within.starts[day], part, strict=True)
                if value is not None
            ),
            timedelta(),
        )
        whole = "" if read == DAY else f" in the {length(read)} that were read"
        usual = [value for value in past if value is not None]
        against = counting.change(sum(known), sum(usual)) if len(usual) == len(past) and not whole else ""
        compared = f", {against} of the week before" if against else ""
        said.append(
            Said(
                text=f"{start:%A} {start.day} {start:%B} from {start:%H:%M}: "
                f"{count(sum(known), 'post')}{whole}{compared}."
            )
        )
    return said


def _topics(topics: Sequence[TopicRow], past: Sequence[TopicRow]) -> list[Said]:
    """One line each, and what was large the week before and is not any more."""
    earlier = {topic.id: topic for topic in past}
    said = []
    for topic in topics:
        ratio = f", {times(topic.posts / topic.usual)} times the usual" if topic.usual >= 1 else ""
        was = earlier.get(topic.id)
        then = f"; {count(was.posts, 'post')} the week before" if was else "; new this week" if topic.new else ""
        said.append(Said(text=f"“{label(topic)}”: {count(topic.posts, 'post')}{ratio}{then}; it {state(topic)}."))
    present = {topic.id for topic in topics}
    if gone := [topic for topic in past if topic.id not in present][:5]:
        names = listing([f"“{label(topic)}” ({count(topic.posts, 'post')})" for topic in gone])
        said.append(Said(text=f"Large the week before and not this week: {names}."))
    return said


def _topic(transaction: Transaction, topic: TopicRow, within: Stretch) -> tuple[list[Said], list[Post]]:
    about = {**within.bounds, "topic": topic.id, "chosen": topic.representatives, "limit": MOST_CANDIDATES}
    quotes = choose(transaction.fetch(digests.TOPIC_POSTS, about), topic.terms, MOST_QUOTES)
    [authors] = transaction.fetch(digests.TOPIC_AUTHORS, about)
    said = [*topic_facts(topic, authors.authors, day=True), *quoted(quotes, day=True)]
    return said, [counting.post_of(quote.post) for quote in quotes]


def _feeds(counts: Counts, before: Counts) -> list[Said]:
    said = []
    for feed in sorted({*counts.by_feed, *before.by_feed}, key=lambda name: (-counts.by_feed.get(name, 0), name)):
        posts = counts.by_feed.get(feed, 0)
        against = counting.change(posts, before.by_feed.get(feed, 0))
        compared = f", {against} of the week before" if against else ", none the week before" if before.posts else ""
        said.append(Said(text=f"{clean(feed, longest=60)}: {count(posts, 'post')}{compared}."))
    said.append(
        Said(
            text=f"{counts.likes:,} likes, {counts.reposts:,} reposts and {counts.deletes:,} deletions came with them."
        )
    )
    return said


def _figures(
    counts: Counts, before: Counts, found: digests.TopicCounts, found_before: digests.TopicCounts
) -> list[Figure]:
    note = ""
    if before.posts:
        percent = round(100 * (counts.posts - before.posts) / before.posts)
        note = f"{percent:+} %"
    return [
        Figure(value=f"{counts.posts:,}", label="posts in seven days", note=note),
        Figure(value=f"{before.posts:,}", label="in the seven before"),
        Figure(value=f"{found.topics:,}", label="topics with momentum", note=f"{found.new:,} new"),
        Figure(value=f"{found_before.topics:,}", label="topics the week before"),
    ]
