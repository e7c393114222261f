"""The code stage ``day``: what the last 24 hours were made of, topic by topic, against the day before."""

from __future__ import annotations

from services.worker.pipelines import counting
from services.worker.pipelines.contracts import Figure
from services.worker.pipelines.counting import DAY, Counts, Stretch
from services.worker.pipelines.dossier import dossier, findings_of, quoted
from services.worker.pipelines.plain_text import clean, excerpt
from services.worker.pipelines.ranking import choose
from services.worker.pipelines.typed import Dossier, Part, Post, Said
from services.worker.pipelines.wording import clock, count, listing, share, times
from shared.schemas.base import Schema
from shared.store import digests, shares
from shared.store.database import Database, Transaction
from shared.store.digests import TopicRow

MOST_TOPICS, MOST_QUOTES, MOST_CANDIDATES = 6, 2, 150
MOST_SHARES = 5
#: Half an hour each: 48 in a day.
MINUTES = 30


def day(database: Database, value: Schema) -> Dossier:
    """The day up to where the feeds had come when it was asked. Raises StoreUnavailable."""
    findings = findings_of(value)
    asked_at = findings.question.asked_at
    with database.transaction() as transaction:
        end = counting.reached(transaction, asked_at)
        today = counting.stretch_to(end, DAY, MINUTES)
        gaps = counting.gaps_of(transaction, today)
        counts = counting.counts_of(transaction, today, gaps)
        gaps_before = counting.gaps_of(transaction, today.before)
        yesterday = counting.counts_of(transaction, today.before, gaps_before)
        topics = transaction.fetch(digests.TOPICS, {**today.bounds, "limit": MOST_TOPICS})
        [found] = transaction.fetch(digests.TOPIC_COUNTS, today.bounds)
        told = [(topic, *_topic(transaction, topic, today)) for topic in topics]
        alerts = transaction.fetch(digests.ALERTS, {**today.bounds, "limit": MOST_SHARES})
        spoken = _shares(transaction, today)
        chart = counting.chart_of(transaction, today, counts, yesterday.buckets, gaps, dashed="the day before")
    summary = [_counted(counts, yesterday, today, counting.unread(gaps_before, today.before)), *_leading(topics, found)]
    return dossier(
        findings,
        subject=f"{today.end.day} {today.end:%B %Y}",
        start=today.start,
        end=today.end,
        figures=_figures(counts, found, topics, alerts),
        chart=chart,
        summary=summary,
        parts=[
            _all_topics(topics),
            *(Part(heading=label(topic), said=said) for topic, said, _ in told),
            Part(heading="Languages and sites", said=spoken),
            _alerts(alerts),
            _feeds(counts, yesterday),
        ],
        standing=[counting.missing(gaps, today, asked_at, end), METHOD],
        posts=[post for _, _, posts in told for post in posts],
    )


METHOD = Part(
    heading="How this was made",
    said=[
        Said(
            text="Posts are counted minute by minute as they are read, by the feed's own time, in UTC. A post belongs "
            "to a topic when it uses the topic's terms; whether what it says is true was not checked. Quotes are "
            "ranked by how many of the topic's terms they use and by likes and reposts, one per account; near copies "
            "are quoted once."
        )
    ],
)


def _counted(counts: Counts, before: Counts, within: Stretch, unread: str) -> Said:
    against = counting.change(counts.posts, before.posts)
    compared = f", {against} of the day before{unread}" if against else "; there is no day before to compare with"
    return Said(text=f"{count(counts.posts, 'post')} were read {counting.how_long(within, counts.began)}{compared}.")


def _leading(topics: list[TopicRow], found: digests.TopicCounts) -> list[Said]:
    if not topics:
        return [Said(text="No topic gained momentum.")]
    names = listing([f"“{label(topic)}”" for topic in topics[:3]])
    lead = (
        f"{count(found.topics, 'topic')} had momentum, {found.new:,} of them new"
        if found.topics > 1
        else "One topic had momentum"
    )
    return [Said(text=f"{lead}; the largest: {names}.")]


def _all_topics(topics: list[TopicRow]) -> Part | None:
    said = [
        Said(
            text=f"“{label(topic)}”: {count(topic.posts, 'post')} where {_usual(topic)} usual; it "
            f"{state(topic)}{', new today' if topic.new else ''}."
        )
        for topic in topics
    ]
    return Part(heading="Topics of the day", said=said) if len(said) > 1 else None


def _topic(transaction: Transaction, topic: TopicRow, within: Stretch) -> tuple[list[Said], list[Post]]:
    about = {**within.bounds, "topic": topic.id, "chosen": topic.representatives, "limit": MOST_CANDIDATES}
    candidates = transaction.fetch(digests.TOPIC_POSTS, about)
    [authors] = transaction.fetch(digests.TOPIC_AUTHORS, about)
    quotes = choose(candidates, topic.terms, MOST_QUOTES)
    return [*topic_facts(topic, authors.authors), *quoted(quotes)], [counting.post_of(quote.post) for quote in quotes]


def topic_facts(topic: TopicRow, authors: int, *, day: bool = False) -> list[Said]:
    """A topic's figures in a stretch as one paragraph."""
    ratio = f", {times(topic.posts / topic.usual)} times the usual {topic.usual:,.0f}" if topic.usual >= 1 else ""
    when = f"{topic.busiest:%A} {clock(topic.busiest)}" if day else clock(topic.busiest)
    kept = f"those kept come from {count(authors, 'account')}" if authors else "none of them is kept"
    text = f"{count(topic.posts, 'post')}{ratio}; {kept}. "
    text += f"Busiest at {when} UTC with {count(topic.most, 'post')} in a minute; it {state(topic)}."
    if topic.provisional:
        text += " The baseline is still provisional, so the ratio may be off."
    return [Said(text=text)]


def _shares(transaction: Transaction, within: Stretch) -> list[Said]:
    about = {"start": within.start, "end": within.end, "feed": None, "limit": MOST_SHARES}
    [looked] = transaction.fetch(shares.LOOKED_AT_STRETCH, about)
    said = []
    kinds: dict[shares.Kind, str] = {"language": "Languages", "site": "Sites linked to"}
    for kind, what in kinds.items():
        rows = transaction.fetch(shares.OF_STRETCH[kind], about)
        if rows and looked.posts:
            names = [f"{excerpt(row.name, longest=60)} {share(row.posts, looked.posts)}" for row in rows]
            said.append(Said(text=f"{what}, of the newest {count(looked.posts, 'post')}: {listing(names)}."))
    return said


def _alerts(alerts: list[digests.AlertRow]) -> Part | None:
    if not alerts:
        return None
    said = [
        Said(text=f"The watch “{excerpt(row.name, longest=80)}” raised {count(row.alerts, 'alert')}.") for row in alerts
    ]
    return Part(heading="Alerts", said=said)


def _feeds(counts: Counts, before: Counts) -> Part | None:
    said = []
    for feed, posts in sorted(counts.by_feed.items(), key=lambda item: -item[1]):
        against = counting.change(posts, before.by_feed.get(feed, 0))
        compared = f", {against} of the day before" if against else ""
        said.append(Said(text=f"{clean(feed, longest=60)}: {count(posts, 'post')}{compared}."))
    return Part(heading="Feeds", said=said) if said else None


def _figures(
    counts: Counts, found: digests.TopicCounts, topics: list[TopicRow], alerts: list[digests.AlertRow]
) -> list[Figure]:
    figures = [
        Figure(value=f"{counts.posts:,}", label="posts in 24 hours"),
        Figure(value=f"{found.topics:,}", label="topics with momentum", note=f"{found.new:,} new"),
    ]
    if topics:
        figures.append(Figure(value=f"{topics[0].posts:,}", label=f"posts on “{excerpt(topics[0].label, longest=28)}”"))
    return [*figures, Figure(value=f"{sum(row.alerts for row in alerts):,}", label="alerts")]


def _usual(topic: TopicRow) -> str:
    return f"{topic.usual:,.0f} were" if topic.usual >= 1 else "next to none is"


def label(topic: TopicRow) -> str:
    return excerpt(topic.label, longest=80)


def state(topic: TopicRow) -> str:
    states = {"emerging": "is emerging", "rising": "is rising", "peaking": "is at its peak", "fading": "is fading"}
    return states.get(topic.status, "has ended")
